//! `hitherto scavenge`: gives the room of removed events back.

use std::io::{self, Write};
use std::path::PathBuf;

use hitherto_store::Scavenged;
use serde::Serialize;

use crate::engine;
use crate::failure::{Failure, Outcome};
use crate::print::{self, Format, FormatArguments, bytes, counted};

const EXAMPLES: &str = "\
Examples:
  hitherto scavenge bank

Rewrites log files without what `keep`, `truncate`, `delete` and `tombstone` have removed. A store
that is open does this by itself, in the background. It can be interrupted at any time, and goes on
where it was when it is run again.";

/// Gives the room of removed events back to the disk
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let store = engine::existing(&arguments.store)?;
    let scavenged = store.scavenge()?;
    store.close()?;
    match arguments.format.choose() {
        Format::Table => text(&scavenged)?,
        Format::Json => json(&scavenged)?,
    }
    Ok(Outcome::Done)
}

fn text(scavenged: &Scavenged) -> io::Result<()> {
    let mut out = print::stdout();
    let (events, files) = (scavenged.events, scavenged.files);
    writeln!(out, "removed {} from {}", counted(events, "event"), counted(files, "file"))?;
    let [before, after] = [scavenged.bytes_before, scavenged.bytes_after].map(bytes);
    if files > 0 {
        writeln!(out, "they took {before}, and take {after} now")?;
    }
    out.flush()
}

#[derive(Serialize)]
struct ScavengedLine {
    events: u64,
    files: u64,
    bytes_before: u64,
    bytes_after: u64,
}

fn json(scavenged: &Scavenged) -> io::Result<()> {
    let Scavenged { events, files, bytes_before, bytes_after, .. } = *scavenged;
    let mut out = print::stdout();
    print::json_line(&mut out, &ScavengedLine { events, files, bytes_before, bytes_after })?;
    out.flush()
}
