//! `hitherto sign`: a signature over everything that happened so far, for others to check later.

use std::io::Write;
use std::path::PathBuf;

use hitherto_store::Position;

use crate::failure::{Failure, Outcome};
use crate::signature::{self, Statement};
use crate::{engine, print};

const EXAMPLES: &str = "\
Examples:
  hitherto sign --new-key bank.key
  hitherto sign bank --key bank.key > bank.signed
  hitherto verify bank --signed bank.signed --by bank.key.pub

Keep the key away from the machine that has the store: whoever has both can change history and
sign it anew.";

/// Signs the digest of all events, so that any change to them can be proven
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    #[arg(required_unless_present = "new_key", requires = "key")]
    store: Option<PathBuf>,

    /// The file with the signing key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Sign the events up to this position instead of all
    #[arg(long, value_name = "POSITION", requires = "store")]
    at: Option<u64>,

    /// Make a signing key in this file, and its public key beside it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["store", "key"])]
    new_key: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let mut out = print::stdout();
    if let Some(path) = &arguments.new_key {
        writeln!(out, "{}", signature::create_key(path)?)?;
    }
    if let Some((store, key)) = arguments.store.as_ref().zip(arguments.key.as_ref()) {
        let key = signature::read_key(key)?;
        let store = engine::open_read_only(store)?;
        let stat = store.stat()?;
        let position = arguments.at.map_or(stat.head, Position);
        let digest = store.digest(position)?;
        let statement = Statement { store: stat.store_id, position, digest };
        print::json_line(&mut out, &statement.sign(&key))?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}
