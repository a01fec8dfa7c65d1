//! `hitherto verify`: reads everything, believes nothing, and says what it found.

use std::io::{self, Write};
use std::path::PathBuf;

use hitherto_store::{Damage, Digest, Position, Report};
use serde::Serialize;

use crate::engine;
use crate::failure::{Failure, Outcome};
use crate::print::{self, Format, FormatArguments, bytes, counted};
use crate::repair::AcceptedLossLine;

const EXAMPLES: &str = "\
Works beside a process that writes. Nothing is changed.

A digest that was noted earlier (hitherto stat prints it) shows whether any event up to its
position was changed since, even by somebody who made all checksums fit again:
  hitherto verify bank --at 1234 --digest 5f0c…

Exit codes: 0 everything is right; 1 there is damage, or another digest; 2 it could not be checked.";

/// Reads the whole store and checks every byte of it
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    /// Compare the digest of the events up to this position
    #[arg(long, value_name = "POSITION", requires = "digest")]
    at: Option<u64>,

    /// The digest that was noted for it
    #[arg(long, requires = "at")]
    digest: Option<Digest>,

    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let report = engine::verify(&arguments.store)?;
    let compared = compare(arguments)?;
    match arguments.format.choose() {
        Format::Table => text(&report, compared.as_ref())?,
        Format::Json => json(&report, compared.as_ref())?,
    }
    let is_right = report.damages.is_empty() && compared.is_none_or(|compared| compared.is_same());
    Ok(if is_right { Outcome::Done } else { Outcome::No })
}

/// The digest that was noted, and the one that the events have.
struct Compared {
    at: u64,
    noted: Digest,
    found: Digest,
}

impl Compared {
    fn is_same(&self) -> bool {
        self.noted == self.found
    }
}

fn compare(arguments: &Arguments) -> Result<Option<Compared>, Failure> {
    let Some((at, noted)) = arguments.at.zip(arguments.digest) else { return Ok(None) };
    let found = engine::open_read_only(&arguments.store)?.digest(Position(at))?;
    Ok(Some(Compared { at, noted, found }))
}

fn text(report: &Report, compared: Option<&Compared>) -> io::Result<()> {
    let mut out = print::stdout();
    writeln!(out, "read {}", read_by(report))?;
    for loss in &report.accepted_losses {
        writeln!(out, "lost before: {loss}")?;
    }
    for damage in &report.damages {
        writeln!(out, "damaged: {damage}")?;
    }
    if let Some(compared) = compared {
        let at = compared.at;
        if compared.is_same() {
            writeln!(out, "the {at} events up to position {at} are those that were noted")?;
        } else {
            let found = compared.found;
            writeln!(out, "CHANGED: the events up to position {at} have the digest {found}")?;
        }
    }
    match report.damages.len() as u64 {
        0 if compared.is_some_and(|compared| !compared.is_same()) => {
            writeln!(out, "all checksums fit, but history was changed since the digest was noted")?;
        }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
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

fn json(report: &Report, compared: Option<&Compared>) -> io::Result<()> {
    let line = ReportLine {
        is_right: report.damages.is_empty() && compared.is_none_or(Compared::is_same),
        events: report.events,
        streams: report.streams,
        files: report.files,
        bytes: report.bytes,
        damages: report.damages.iter().map(DamageLine::of).collect(),
        digest: compared.map(|compared| compared.found.to_string()),
        accepted_losses: report.accepted_losses.iter().map(AcceptedLossLine::of).collect(),
    };
    let mut out = print::stdout();
    print::json_line(&mut out, &line)?;
    out.flush()
}
