//! `hitherto forget`: makes everything that is personal to a subject unreadable, for good.

use std::io::Write;
use std::path::PathBuf;

use crate::failure::{Failure, Outcome};
use crate::{engine, print};

const EXAMPLES: &str = "\
Examples:
  hitherto forget bank person-7 --keys bank.keys

Destroys the key of the subject and appends a receipt. Events stay where they are; what was personal
to the subject is read as {\"$forgotten\":{\"subject\":\"person-7\"}} from then on. Copies of the file
of keys that were made before still open it: destroy them, too. Forgetting again does nothing.";

/// Makes what is personal to a subject unreadable, for good
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The store's directory
    store: PathBuf,

    /// Whom to forget, as events name the subject
    subject: String,

    /// The file of keys that personal data is sealed under
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let vault = engine::vault(&arguments.store, &arguments.keys)?;
    vault.forget(&arguments.subject)?;
    let mut out = print::stdout();
    writeln!(out, "{} is forgotten", arguments.subject)?;
    out.flush()?;
    Ok(Outcome::Done)
}
