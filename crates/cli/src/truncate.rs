//! `hitherto truncate`: removes the beginning of a stream, or of a category's streams.

use std::io::Write;
use std::path::PathBuf;

use hitherto_store::{Before, Position, Timestamp};

use crate::failure::{Failure, Outcome};
use crate::target::TargetArguments;
use crate::{engine, moment, print};

const EXAMPLES: &str = "\
Examples:
  hitherto truncate bank --stream account-1 --before-version 120
  hitherto truncate bank --category session --before-time 2026-01-01

The event that is named is the first that stays. Positions and versions go on; `scavenge` gives the
room back. An aggregate of a truncated stream is loaded from a snapshot, or from an event that
stands alone.";

const USAGE: &str = "hitherto truncate STORE --stream NAME|--category NAME BEFORE

BEFORE is one of: --before-version VERSION, --before-position POSITION, --before-time TIME";

/// Removes the events of streams before a version, a position or a time
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    #[command(flatten)]
    target: TargetArguments,

    #[command(flatten)]
    before: BeforeArguments,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct BeforeArguments {
    /// The first version of the stream that stays
    #[arg(long = "before-version", value_name = "VERSION")]
    version: Option<u64>,

    /// The first position that stays
    #[arg(long = "before-position", value_name = "POSITION")]
    position: Option<u64>,

    /// What was recorded then or later stays
    #[arg(long = "before-time", value_name = "TIME", value_parser = moment::parse)]
    time: Option<Timestamp>,
}

impl BeforeArguments {
    fn before(&self) -> Before {
        let version = self.version.map(Before::Version);
        let time = self.time.map(Before::Time);
        let position = Position(self.position.unwrap_or_default());
        version.or(time).unwrap_or(Before::Position(position))
    }
}

pub(crate) fn run(arguments: Arguments) -> Result<Outcome, Failure> {
    let target = arguments.target.target();
    let store = engine::existing(&arguments.store)?;
    let position = store.truncate(target.clone(), arguments.before.before())?;
    store.close()?;
    let mut out = print::stdout();
    writeln!(out, "{target} is truncated, said at position {position}")?;
    out.flush()?;
    Ok(Outcome::Done)
}
