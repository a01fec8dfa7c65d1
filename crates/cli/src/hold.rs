//! `hitherto hold` and `hitherto release`: events of legal interest, kept back from being removed.

use std::io::Write;
use std::path::PathBuf;

use hitherto_store::{EmbeddedStore, Hold, Position};

use crate::failure::{Failure, Outcome};
use crate::{engine, print};

const EXAMPLES: &str = "\
Examples:
  hitherto hold bank --kind InvoiceSent
  hitherto hold bank --stream account-1
  hitherto release bank --stream account-1

What is on hold is not removed, whatever `keep` says; `truncate`, `delete` and `tombstone` are
refused where they would remove it. A hold brings nothing back that was removed before.";

/// Holds events back from being removed, or ends that
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    #[command(flatten)]
    what: HoldArguments,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct HoldArguments {
    /// All events of this stream
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,

    /// All events of this category's streams
    #[arg(long, value_name = "NAME")]
    category: Option<String>,

    /// All events of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
}

impl HoldArguments {
    fn hold(self) -> Hold {
        match (self.stream, self.category, self.kind) {
            (Some(stream), ..) => Hold::Stream(stream.into()),
            (_, Some(category), _) => Hold::Category(category),
            (.., kind) => Hold::Kind(kind.unwrap_or_default()),
        }
    }
}

type Change = fn(&EmbeddedStore, Hold) -> hitherto_store::Result<Position>;

pub(crate) fn hold(arguments: Arguments) -> Result<Outcome, Failure> {
    change(arguments, EmbeddedStore::hold, "on hold")
}

pub(crate) fn release(arguments: Arguments) -> Result<Outcome, Failure> {
    change(arguments, EmbeddedStore::release, "released")
}

fn change(arguments: Arguments, change: Change, done: &str) -> Result<Outcome, Failure> {
    let hold = arguments.what.hold();
    let store = engine::existing(&arguments.store)?;
    let position = change(&store, hold.clone())?;
    store.close()?;
    let mut out = print::stdout();
    writeln!(out, "{hold} is {done}, said at position {position}")?;
    out.flush()?;
    Ok(Outcome::Done)
}
