//! `hitherto export`: events as JSON lines, for `import`, for other programs, for keeps.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use hitherto_store::{Error, Events, Result as StoreResult};

use crate::engine::{self, KeysArgument};
use crate::failure::{Failure, Outcome};
use crate::line::Line;
use crate::print;
use crate::query::QueryArguments;

const EXAMPLES: &str = "\
Examples:
  hitherto export bank bank.jsonl
  hitherto export bank --category account | hitherto import copy
  hitherto export bank | gzip > bank.jsonl.gz

One line is one event, in the order of their positions, with everything that is stored about it.";

/// Writes events as JSON lines, all or those that match
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    #[command(flatten)]
    keys: KeysArgument,

    /// The file to create; without it, standard output
    file: Option<PathBuf>,

    #[command(flatten)]
    query: QueryArguments,
}

pub(crate) fn run(arguments: Arguments) -> Result<Outcome, Failure> {
    let store = engine::read_with_keys(&arguments.store, &arguments.keys)?;
    let events = store.read(arguments.query.into_query());
    match &arguments.file {
        Some(file) => to_file(events, file)?,
        None => to_stdout(events)?,
    }
    Ok(Outcome::Done)
}

fn to_stdout(events: Events) -> Result<(), Failure> {
    let mut out = print::stdout();
    for event in events {
        match event {
            Ok(event) => print::json_line(&mut out, &Line::of(&event))?,
            Err(error) => {
                out.flush()?;
                return Err(error.into());
            }
        }
    }
    Ok(out.flush()?)
}

/// A file that is complete under its name, or not there: what is being written has another name.
fn to_file(events: Events, path: &Path) -> StoreResult<()> {
    if path.exists() {
        let message = format!("{} exists: choose another name, or remove it", path.display());
        return Err(Error::invalid(message));
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let failed = |error: io::Error| {
        Error::unavailable(format!("{} cannot be written", path.display())).because(error)
    };
    let written = write_all(events, Path::new(&partial), failed)
        .and_then(|()| std::fs::rename(&partial, path).map_err(failed));
    if written.is_err() {
        // The first error is the one to tell; what is left over is named as what it is.
        let _ = std::fs::remove_file(&partial);
    }
    written
}

fn write_all(
    events: Events,
    path: &Path,
    failed: impl Fn(io::Error) -> Error + Copy,
) -> StoreResult<()> {
    let mut out = BufWriter::new(File::create(path).map_err(failed)?);
    for event in events {
        print::json_line(&mut out, &Line::of(&event?)).map_err(failed)?;
    }
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)
}
