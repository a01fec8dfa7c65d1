//! `hitherto streams`: which streams there are, and how far each has come.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::engine;
use crate::failure::{Failure, Outcome};
use crate::print::{self, Format, FormatArguments, Table};

const EXAMPLES: &str = "\
Examples:
  hitherto streams bank
  hitherto streams bank --category account --json";

/// Lists the streams by name, with their versions
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    /// Only the streams of this category (what stands before the first `-` of the name)
    #[arg(long)]
    category: Option<String>,

    #[command(flatten)]
    format: FormatArguments,
}

#[derive(Serialize)]
struct Summary<'a> {
    stream: &'a str,
    version: u64,
    last_position: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let store = engine::open_read_only(&arguments.store)?;
    let streams = store.streams(arguments.category.as_deref())?;
    let lines = streams.iter().map(|stream| Summary {
        stream: &stream.name,
        version: stream.version,
        last_position: stream.last_position.0,
    });
    match arguments.format.choose() {
        Format::Table => table(lines)?,
        Format::Json => json(lines)?,
    }
    Ok(Outcome::Done)
}

fn table<'a>(streams: impl Iterator<Item = Summary<'a>>) -> io::Result<()> {
    let mut table = Table::new(print::stdout(), &["stream", ">version", ">last position"]);
    for stream in streams {
        let [version, position] = [stream.version, stream.last_position].map(|n| n.to_string());
        table.row(&[stream.stream.to_owned(), version, position])?;
    }
    table.flush()
}

fn json<'a>(mut streams: impl Iterator<Item = Summary<'a>>) -> io::Result<()> {
    let mut out = print::stdout();
    streams.try_for_each(|stream| print::json_line(&mut out, &stream))?;
    out.flush()
}
