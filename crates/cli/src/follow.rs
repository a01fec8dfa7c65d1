//! `hitherto follow`: the events that match, and then each further one as it happens.

use std::path::PathBuf;

use crate::engine::{self, KeysArgument};
use crate::failure::{Failure, Outcome};
use crate::print::{EventPrinter, FormatArguments};
use crate::query::QueryArguments;

const EXAMPLES: &str = "\
Examples:
  hitherto follow bank --category account
  hitherto follow bank --only-new --json | while read -r event; do echo \"$event\"; done

Ends with Ctrl-C, at --limit, or at --up-to.";

/// Prints the events that match, and then each further one as soon as it is stored
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    #[command(flatten)]
    keys: KeysArgument,

    /// Only events that are not stored yet
    #[arg(long, conflicts_with = "after")]
    only_new: bool,

    #[command(flatten)]
    format: FormatArguments,

    #[command(flatten)]
    query: QueryArguments,
}

pub(crate) fn run(arguments: Arguments) -> Result<Outcome, Failure> {
    let store = engine::read_with_keys(&arguments.store, &arguments.keys)?;
    let mut query = arguments.query.into_query();
    if arguments.only_new {
        query.bounds.after = Some(store.head().wait()?);
    }
    let mut printer = EventPrinter::new(arguments.format.choose());
    for event in store.follow(query) {
        printer.event(&event?)?;
        printer.flush()?; // whoever waits for an event sees it at once
    }
    Ok(Outcome::Done)
}
