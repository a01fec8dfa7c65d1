//! `hitherto keys`: what a file of keys has, and a copy of it; keys themselves are never shown.

use std::io::Write;
use std::path::PathBuf;

use hitherto_vault::{Subject, backup_keys, subjects};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::print::{self, Format, FormatArguments, Table};

const EXAMPLES: &str = "\
Examples:
  hitherto keys list bank.keys
  hitherto keys backup bank.keys safe/bank.keys

A backup of a store has no keys, and a backup of keys has no events: keep the two apart. A subject
that is forgotten later is in older backups of the keys still; destroy those, or restore them only
through a vault, which destroys again what the store says was forgotten.";

/// Lists or copies a file of keys
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Lists all subjects, and whether they are forgotten
    List {
        /// The file of keys
        keys: PathBuf,

        #[command(flatten)]
        format: FormatArguments,
    },
    /// Copies the file of keys, also while it is in use, and checks the copy
    Backup {
        /// The file of keys
        keys: PathBuf,

        /// The file to create
        to: PathBuf,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    match &arguments.command {
        Command::List { keys, format } => list(&subjects(keys)?, format.choose())?,
        Command::Backup { keys, to } => {
            let copied = backup_keys(keys, to)?;
            let mut out = print::stdout();
            writeln!(out, "{}: {}", to.display(), print::counted(copied as u64, "subject"))?;
            out.flush()?;
        }
    }
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct SubjectLine<'a> {
    subject: &'a str,
    is_forgotten: bool,
}

fn list(subjects: &[Subject], format: Format) -> std::io::Result<()> {
    let mut out = print::stdout();
    if format == Format::Json {
        for Subject { name, is_forgotten, .. } in subjects {
            let line = SubjectLine { subject: name, is_forgotten: *is_forgotten };
            print::json_line(&mut out, &line)?;
        }
        return out.flush();
    }
    let mut table = Table::new(out, &["subject", ""]);
    for subject in subjects {
        let state = if subject.is_forgotten { "forgotten" } else { "" };
        table.row(&[subject.name.clone(), state.to_owned()])?;
    }
    table.flush()
}
