//! `hitherto read`: the events that match, up to now.

use std::path::PathBuf;

use hitherto_store::Direction;

use crate::engine::{self, KeysArgument};
use crate::failure::{Failure, Outcome};
use crate::print::{EventPrinter, FormatArguments};
use crate::query::QueryArguments;

const EXAMPLES: &str = "\
Examples:
  hitherto read bank --stream account-1 --after-version 3
  hitherto read bank --category account --kind MoneyDeposited --since 15m
  hitherto read bank --tag course:7 --or --tag student:3 --kind StudentSubscribed
  hitherto read bank --backward --limit 1 --json";

/// Prints the events that match
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    #[command(flatten)]
    keys: KeysArgument,

    /// From the newest to the oldest
    #[arg(long)]
    backward: bool,

    #[command(flatten)]
    format: FormatArguments,

    #[command(flatten)]
    query: QueryArguments,
}

pub(crate) fn run(arguments: Arguments) -> Result<Outcome, Failure> {
    let store = engine::read_with_keys(&arguments.store, &arguments.keys)?;
    let mut query = arguments.query.into_query();
    if arguments.backward {
        query.direction = Direction::Backward;
    }
    let mut printer = EventPrinter::new(arguments.format.choose());
    for event in store.read(query) {
        match event {
            Ok(event) => printer.event(&event)?,
            Err(error) => {
                printer.flush()?;
                return Err(error.into());
            }
        }
    }
    printer.flush()?;
    Ok(Outcome::Done)
}
