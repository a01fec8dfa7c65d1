//! `hitherto repair`: saves what is whole of a damaged store into a new one, and says what is lost.

use std::io::{self, Write};
use std::path::PathBuf;

use hitherto_store::{AcceptedLoss, LostVersions, Salvage};
use serde::Serialize;

use crate::engine;
use crate::failure::{Failure, Outcome};
use crate::print::{self, Format, FormatArguments, Table, counted};
use crate::verify::DamageLine;

const EXAMPLES: &str = "\
Examples:
  hitherto verify bank
  hitherto repair bank bank.repaired

The old store is not changed, and nobody may be writing to it. The new one has every commit that is
whole in the old one, with the same positions, versions, ids and times; behind what is lost it goes
on as any other store does. Of a sound store it is a copy.

Exit codes: 0 every event was saved; 1 some were lost; 2 it could not be repaired.";

/// Streams that are listed for people; programs get them all.
const STREAMS_LISTED: usize = 20;

/// Saves what is whole of a damaged store into a new one
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The damaged store's directory
    from: PathBuf,

    /// The directory of the new store: it must not be there yet, or be empty
    to: PathBuf,

    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let salvage = engine::repair(&arguments.from, &arguments.to)?;
    match arguments.format.choose() {
        Format::Table => text(&salvage)?,
        Format::Json => json(&salvage)?,
    }
    Ok(if salvage.losses.is_empty() { Outcome::Done } else { Outcome::No })
}

fn text(salvage: &Salvage) -> io::Result<()> {
    let mut out = print::stdout();
    let (events, commits) = (salvage.events, salvage.commits);
    writeln!(out, "saved {} in {}", counted(events, "event"), counted(commits, "commit"))?;
    for damage in &salvage.mended {
        writeln!(out, "damaged, no event lost: {damage}")?;
    }
    for loss in &salvage.earlier_losses {
        writeln!(out, "lost before: {loss}")?;
    }
    for loss in &salvage.losses {
        writeln!(out, "lost: {loss}")?;
    }
    streams(&mut out, &salvage.lost_versions)?;
    if salvage.losses.is_empty() {
        writeln!(out, "every event was saved")?;
    } else {
        writeln!(
            out,
            "look for what is lost in a backup before the new store takes the old one's place"
        )?;
    }
    out.flush()
}

fn streams(out: &mut impl Write, gaps: &[LostVersions]) -> io::Result<()> {
    if gaps.is_empty() {
        return Ok(());
    }
    let titles = ["stream", ">lost from version", ">to version", ">after position", ">before"];
    let mut table = Table::new(&mut *out, &titles);
    for LostVersions { stream, first, last, after, before, .. } in gaps.iter().take(STREAMS_LISTED)
    {
        let [first, last] = [first, last].map(ToString::to_string);
        table.row(&[stream.clone(), first, last, after.to_string(), before.to_string()])?;
    }
    table.flush()?;
    drop(table);
    match gaps.len().saturating_sub(STREAMS_LISTED) as u64 {
        0 => Ok(()),
        more => writeln!(out, "and {}: --json lists them all", counted(more, "more gap")),
    }
}

#[derive(Serialize)]
struct SalvageLine<'a> {
    is_complete: bool,
    events: u64,
    commits: u64,
    head: u64,
    losses: Vec<DamageLine<'a>>,
    lost_versions: Vec<LostVersionsLine<'a>>,
    mended: Vec<DamageLine<'a>>,
    earlier_losses: Vec<AcceptedLossLine>,
}

#[derive(Serialize)]
struct LostVersionsLine<'a> {
    stream: &'a str,
    first_version: u64,
    last_version: u64,
    after_position: u64,
    before_position: u64,
}

/// A loss that a repair accepted.
#[derive(Serialize)]
pub(crate) struct AcceptedLossLine {
    first_position: Option<u64>,
    last_position: Option<u64>,
    is_open_ended: bool,
}

impl AcceptedLossLine {
    /// The line of a loss.
    pub(crate) fn of(loss: &AcceptedLoss) -> Self {
        Self {
            first_position: loss.positions.map(|(first, _)| first.0),
            last_position: loss.positions.map(|(_, last)| last.0),
            is_open_ended: loss.is_open_ended,
        }
    }
}

impl<'a> LostVersionsLine<'a> {
    fn of(lost: &'a LostVersions) -> Self {
        Self {
            stream: &lost.stream,
            first_version: lost.first,
            last_version: lost.last,
            after_position: lost.after.0,
            before_position: lost.before.0,
        }
    }
}

fn json(salvage: &Salvage) -> io::Result<()> {
    let line = SalvageLine {
        is_complete: salvage.losses.is_empty(),
        events: salvage.events,
        commits: salvage.commits,
        head: salvage.head.0,
        losses: salvage.losses.iter().map(DamageLine::of).collect(),
        lost_versions: salvage.lost_versions.iter().map(LostVersionsLine::of).collect(),
        mended: salvage.mended.iter().map(DamageLine::of).collect(),
        earlier_losses: salvage.earlier_losses.iter().map(AcceptedLossLine::of).collect(),
    };
    let mut out = print::stdout();
    print::json_line(&mut out, &line)?;
    out.flush()
}
