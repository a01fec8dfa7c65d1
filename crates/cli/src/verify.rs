//! `hitherto verify`: reads everything, believes nothing, and says what it found.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hitherto_store::{Damage, Digest, Position, Report};
use serde::Serialize;

use crate::engine;
use crate::failure::{Failure, Outcome};
use crate::print::{self, Format, FormatArguments, bytes, counted};
use crate::repair::AcceptedLossLine;
use crate::signature::{self, Signed};

const EXAMPLES: &str = "\
Works beside a process that writes. Nothing is changed.

A digest that was noted earlier (hitherto stat prints it) shows whether any event up to its
position was changed since, even by somebody who made all checksums fit again:
  hitherto verify bank --at 1234 --digest 5f0c…
A signature says the same, and who noted it (hitherto sign):
  hitherto verify bank --signed bank.signed --by bank.key.pub

Exit codes: 0 everything is right; 1 there is damage, another digest, or not the signature of this
key; 2 it could not be checked.";

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

    /// Check what this file says was signed
    #[arg(long, value_name = "FILE", requires = "by", conflicts_with = "at")]
    signed: Option<PathBuf>,

    /// The public key that it must be signed by, or the file that has it
    #[arg(long, value_name = "KEY", requires = "signed")]
    by: Option<String>,

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
    /// Why the note itself is not believed.
    objection: Option<&'static str>,
}

impl Compared {
    fn is_same(&self) -> bool {
        self.noted == self.found && self.objection.is_none()
    }

    /// What the comparison showed, for people.
    fn text(&self) -> String {
        let Self { at, found, .. } = self;
        match self.objection {
            Some(objection) => format!("NOT SIGNED: {objection}"),
            None if self.is_same() => {
                format!("the {at} events up to position {at} are those that were noted")
            }
            None => format!("CHANGED: the events up to position {at} have the digest {found}"),
        }
    }
}

fn compare(arguments: &Arguments) -> Result<Option<Compared>, Failure> {
    if let Some((signed, key)) = arguments.signed.as_ref().zip(arguments.by.as_ref()) {
        return compare_signed(&arguments.store, signed, key).map(Some);
    }
    let Some((at, noted)) = arguments.at.zip(arguments.digest) else { return Ok(None) };
    let found = engine::open_read_only(&arguments.store)?.digest(Position(at))?;
    Ok(Some(Compared { at, noted, found, objection: None }))
}

/// Compares with what was signed; only the key that was asked for is believed.
fn compare_signed(store: &Path, signed: &Path, key: &str) -> Result<Compared, Failure> {
    let key = signature::public_key(key)?;
    let signed = Signed::read(signed)?;
    let (statement, is_signed) = signed.checked_by(&key)?;
    let store = engine::open_read_only(store)?;
    let objection = if !is_signed {
        Some("this key did not sign that: the signature, or what it is under, was changed")
    } else if statement.store != store.stat()?.store_id {
        Some("what was signed is the history of another store")
    } else {
        None
    };
    let (at, noted) = (statement.position.0, statement.digest);
    let found = store.digest(statement.position)?;
    Ok(Compared { at, noted, found, objection })
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
        writeln!(out, "{}", compared.text())?;
    }
    match report.damages.len() as u64 {
        0 if compared.is_some_and(|compared| compared.objection.is_some()) => {}
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
    #[serde(skip_serializing_if = "Option::is_none")]
    objection: Option<&'static str>,
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
        objection: compared.and_then(|compared| compared.objection),
        accepted_losses: report.accepted_losses.iter().map(AcceptedLossLine::of).collect(),
    };
    let mut out = print::stdout();
    print::json_line(&mut out, &line)?;
    out.flush()
}
