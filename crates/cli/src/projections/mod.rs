//! `hitherto projections`: where read models stand, what is parked, and switching versions.

mod list;
mod orders;
mod place;
mod versions;

use std::path::PathBuf;

use clap::Subcommand;

use crate::failure::{Failure, Outcome};
use crate::print::FormatArguments;

const EXAMPLES: &str = "\
Examples:
  hitherto projections read.db --store bank
  hitherto projections read.db --once --json
  hitherto projections postgres://bank@localhost/bank --store bank --prometheus
  hitherto projections parked read.db balances
  hitherto projections retry read.db balances 17
  hitherto projections compare read.db balances
  hitherto projections rollback read.db balances

A PLACE is an SQLite file or a PostgreSQL database (postgres://…) with read models, or a directory
with the checkpoints of reactions.";

/// Shows where projections stand: a live table, which Ctrl-C ends
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    list: list::ListArguments,
}

#[derive(Subcommand)]
enum Command {
    Parked(orders::ParkedArguments),
    Retry(orders::OrderArguments),
    Skip(orders::OrderArguments),
    Compare(versions::CompareArguments),
    Switch(versions::SwitchArguments),
    Rollback(versions::RollBackArguments),
}

/// A projection in a place.
#[derive(clap::Args)]
struct One {
    /// The SQLite file, the address of a PostgreSQL database, or the directory with checkpoints
    place: PathBuf,

    /// The projection's name
    name: String,
}

pub(crate) fn run(arguments: Arguments) -> Result<Outcome, Failure> {
    carry_out(arguments).map_err(|failure| match failure {
        // What is wrong here is nothing that can be found in a store.
        Failure::Store(error) => Failure::Kept(error),
        other => other,
    })
}

fn carry_out(arguments: Arguments) -> Result<Outcome, Failure> {
    use hitherto::runner::Order;
    match arguments.command {
        Some(Command::Parked(arguments)) => orders::parked(&arguments),
        Some(Command::Retry(arguments)) => orders::order(&arguments, Order::Retry),
        Some(Command::Skip(arguments)) => orders::order(&arguments, Order::Skip),
        Some(Command::Compare(arguments)) => versions::compare(&arguments),
        Some(Command::Switch(arguments)) => versions::switch(&arguments),
        Some(Command::Rollback(arguments)) => versions::roll_back(&arguments),
        None => list::run(&arguments.list),
    }
}
