//! `hitherto delete` and `hitherto tombstone`: remove all events of a stream, or of a category.

use std::io::Write;
use std::path::PathBuf;

use hitherto_store::{EmbeddedStore, Position, Target};

use crate::failure::{Failure, Outcome};
use crate::target::TargetArguments;
use crate::{engine, print};

const EXAMPLES: &str = "\
Examples:
  hitherto delete bank --stream session-7
  hitherto tombstone bank --stream account-1
  hitherto tombstone bank --category trial

Its events are hidden from all reads at once; `scavenge` gives their room back. What is deleted may
be appended to again, and goes on with the next version; what is tombstoned may not, ever.";

/// Removes all events of streams
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    #[command(flatten)]
    target: TargetArguments,
}

type Removal = fn(&EmbeddedStore, Target) -> hitherto_store::Result<Position>;

pub(crate) fn delete(arguments: Arguments) -> Result<Outcome, Failure> {
    remove(arguments, EmbeddedStore::delete, "deleted")
}

pub(crate) fn tombstone(arguments: Arguments) -> Result<Outcome, Failure> {
    remove(arguments, EmbeddedStore::tombstone, "tombstoned")
}

fn remove(arguments: Arguments, removal: Removal, done: &str) -> Result<Outcome, Failure> {
    let target = arguments.target.target();
    let store = engine::existing(&arguments.store)?;
    let position = removal(&store, target.clone())?;
    store.close()?;
    let mut out = print::stdout();
    writeln!(out, "{target} is {done}, said at position {position}")?;
    out.flush()?;
    Ok(Outcome::Done)
}
