//! The figures of a store that grows: a row for each, a column for each size.

use std::fmt;

use crate::table::{grouped, precise};

/// What is lost at most while it grows: a tenth.
const STEADY: f64 = 0.9;
/// A ratio to less says nothing.
const FIRST_MIN: f64 = 0.05;

/// All steps.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    pub(super) steps: Vec<Step>,
}

/// What was measured at one size.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) events: u64,
    figures: Vec<(&'static str, f64, Wanted)>,
}

/// What we want of a figure.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wanted {
    /// That it stays within a tenth of the first.
    Steady,
    /// That it is at most that.
    AtMost(f64),
    /// It only says how it is.
    Nothing,
}

impl Step {
    pub(super) fn new(events: u64) -> Self {
        Self { events, figures: Vec::new() }
    }

    pub(super) fn add(&mut self, name: &'static str, figure: f64, wanted: Wanted) {
        self.figures.push((name, figure, wanted));
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.steps.iter().map(|step| grouped(step.events as f64));
        let sizes = sizes.collect::<Vec<_>>().join(" events | ");
        writeln!(f, "### Growth: one store, filled on (in brackets: the ratio to the first)\n")?;
        writeln!(f, "| | {sizes} events | our target |")?;
        writeln!(f, "|---|{}---|", "---:|".repeat(self.steps.len()))?;
        let names = self.steps.first().into_iter().flat_map(|step| &step.figures);
        for (row, (name, first, _)) in names.enumerate() {
            let figures = || self.steps.iter().map(|step| &step.figures[row]);
            let cells = figures().map(|(_, figure, _)| cell(*figure, *first)).collect::<Vec<_>>();
            let verdict = verdict(*first, figures().map(|(_, figure, wanted)| (*figure, *wanted)));
            writeln!(f, "| {name} | {} | {verdict} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

/// A figure and its ratio to the first, if that is not nothing.
fn cell(figure: f64, first: f64) -> String {
    let figure_alone = precise(figure);
    if first < FIRST_MIN { figure_alone } else { format!("{figure_alone} ({:.2})", figure / first) }
}

/// The target of the last step, and whether every step reached its own.
fn verdict(first: f64, figures: impl Iterator<Item = (f64, Wanted)>) -> String {
    let (mut text, mut is_reached) = (String::new(), true);
    for (figure, wanted) in figures {
        let (target, reached) = match wanted {
            Wanted::Steady => (format!("≥ {STEADY} × first"), figure >= STEADY * first),
            Wanted::AtMost(most) => (format!("≤ {}", grouped(most)), figure <= most),
            Wanted::Nothing => return String::new(),
        };
        text = target;
        is_reached &= reached;
    }
    format!("{text}: {}", if is_reached { "reached" } else { "**missed**" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_falls_by_more_than_a_tenth_misses_its_target() {
        let mut growth = Growth::default();
        for (events, steady, memory) in [(1000, 100.0, 60.0), (10_000, 80.0, 63.0)] {
            let mut step = Step::new(events);
            step.add("appends", steady, Wanted::Steady);
            step.add("memory", memory, Wanted::AtMost(64.0));
            step.add("from the disk", memory - 60.0, Wanted::Nothing);
            growth.steps.push(step);
        }
        let text = growth.to_string();
        let appends = "| appends | 100 (1.00) | 80 (0.80) | ≥ 0.9 × first: **missed** |";
        assert!(text.contains(appends), "{text}");
        assert!(text.contains("| memory | 60 (1.00) | 63 (1.05) | ≤ 64: reached |"), "{text}");
        assert!(text.contains("| from the disk | 0.0 | 3.0 |"), "{text}");
    }
}
