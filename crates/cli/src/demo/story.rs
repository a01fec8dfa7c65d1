//! Tells the story: steps, facts, and checks that are counted.

use std::fmt::{Debug, Display};
use std::io::{self, Stdout, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Effects, Style};

const TITLE: Style = Style::new().effects(Effects::BOLD);
const ASIDE: Style = Style::new().effects(Effects::DIMMED);
const RIGHT: Style = AnsiColor::Green.on_default();
const WRONG: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);

/// What is told on standard output, and how many checks held.
pub(crate) struct Story {
    out: AutoStream<Stdout>,
    steps: u32,
    right: u32,
    wrong: u32,
}

impl Story {
    /// A story that begins with this title.
    pub(crate) fn begin(title: &str) -> io::Result<Self> {
        let mut story = Self { out: anstream::stdout(), steps: 0, right: 0, wrong: 0 };
        writeln!(story.out, "{TITLE}{title}{TITLE:#}")?;
        Ok(story)
    }

    /// Begins the next step: what happens now.
    pub(crate) fn step(&mut self, title: impl Display) -> io::Result<()> {
        self.steps += 1;
        writeln!(self.out, "\n{TITLE}{:>2}  {title}{TITLE:#}", self.steps)
    }

    /// Something that was measured or read back, and that is neither right nor wrong.
    pub(crate) fn fact(&mut self, fact: impl Display) -> io::Result<()> {
        writeln!(self.out, "      {ASIDE}{fact}{ASIDE:#}")
    }

    /// Something that must be: what it is, and whether it is what it should be.
    pub(crate) fn check<T: PartialEq + Debug>(
        &mut self,
        what: impl Display,
        actual: &T,
        expected: &T,
    ) -> io::Result<()> {
        if actual == expected {
            self.right += 1;
            return writeln!(self.out, "    {RIGHT}✓{RIGHT:#} {what}");
        }
        self.wrong += 1;
        writeln!(self.out, "    {WRONG}✗ {what}: it is {actual:?}, not {expected:?}{WRONG:#}")
    }

    /// A line for itself.
    pub(crate) fn line(&mut self, line: impl Display) -> io::Result<()> {
        writeln!(self.out, "{line}")
    }

    /// How many checks held.
    pub(crate) fn right(&self) -> u32 {
        self.right
    }

    /// How many did not.
    pub(crate) fn wrong(&self) -> u32 {
        self.wrong
    }
}
