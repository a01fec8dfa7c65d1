//! `hitherto verify`: reads everything, believes nothing, and says what it found.

use std::io::{self, Write};
use std::path::PathBuf;

use hitherto_store::{Damage, Report};
use serde::Serialize;

use crate::engine;
use crate::failure::{Failure, Outcome};
use crate::print::{self, Format, FormatArguments, bytes, counted};
use crate::repair::AcceptedLossLine;

const EXAMPLES: &str = "\
Works beside a process that writes. Nothing is changed.

Exit codes: 0 everything is right; 1 there is damage; 2 it could not be checked.";

/// Reads the whole store and checks every byte of it
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let report = engine::verify(&arguments.store)?;
    match arguments.format.choose() {
        Format::Table => text(&report)?,
        Format::Json => json(&report)?,
    }
    Ok(if report.damages.is_empty() { Outcome::Done } else { Outcome::No })
}

fn text(report: &Report) -> io::Result<()> {
    let mut out = print::stdout();
    writeln!(out, "read {}", read_by(report))?;
    for loss in &report.accepted_losses {
        writeln!(out, "lost before: {loss}")?;
    }
    for damage in &report.damages {
        writeln!(out, "damaged: {damage}")?;
    }
    match report.damages.len() as u64 {
        0 => writeln!(out, "everything is right")?,
        places => {
            let places = counted(places, "damaged place");
            writeln!(
                out,
                "{places}: restore the store from a copy, or save what is whole with \
                 `hitherto repair`"
            )?;
        }
    }
    out.flush()
}

/// What was read, for people.
pub(crate) fn read_by(report: &Report) -> String {
    format!(
        "{} of {}, {} in {}",
        counted(report.events, "event"),
        counted(report.streams, "stream"),
        bytes(report.bytes),
        counted(report.files, "log file"),
    )
}

#[derive(Serialize)]
struct ReportLine<'a> {
    is_right: bool,
    events: u64,
    streams: u64,
    files: u64,
    bytes: u64,
    damages: Vec<DamageLine<'a>>,
    accepted_losses: Vec<AcceptedLossLine>,
}

/// A damaged place.
#[derive(Serialize)]
pub(crate) struct DamageLine<'a> {
    file: &'a str,
    offset: u64,
    first_position: Option<u64>,
    last_position: Option<u64>,
    what: &'a str,
}

impl<'a> DamageLine<'a> {
    /// The line of a damage.
    pub(crate) fn of(damage: &'a Damage) -> Self {
        Self {
            file: &damage.file,
            offset: damage.offset,
            first_position: damage.positions.map(|(first, _)| first.0),
            last_position: damage.positions.map(|(_, last)| last.0),
            what: &damage.what,
        }
    }
}

fn json(report: &Report) -> io::Result<()> {
    let line = ReportLine {
        is_right: report.damages.is_empty(),
        events: report.events,
        streams: report.streams,
        files: report.files,
        bytes: report.bytes,
        damages: report.damages.iter().map(DamageLine::of).collect(),
        accepted_losses: report.accepted_losses.iter().map(AcceptedLossLine::of).collect(),
    };
    let mut out = print::stdout();
    print::json_line(&mut out, &line)?;
    out.flush()
}
