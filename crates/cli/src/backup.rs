//! `hitherto backup` and `hitherto restore`: a copy of a store while it is written, and the way
//! back.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hitherto_store::{Backup, Report};

use crate::engine;
use crate::failure::{Failure, Outcome};
use crate::print::{self, bytes, counted, grouped};

const BACKUP_EXAMPLES: &str = "\
Examples:
  hitherto backup bank /mnt/safe/bank
  hitherto backup --check /mnt/safe/bank

Works while another process writes. Repeated, it copies only what is new; a backup that was
interrupted leaves the one before as it was. Keys are not copied: see `hitherto keys backup`.";

/// Copies a store, or brings a copy up to date, while it is written
#[derive(clap::Args)]
#[command(after_help = BACKUP_EXAMPLES, override_usage = "hitherto backup STORE DIRECTORY\n       \
    hitherto backup --check DIRECTORY")]
pub(crate) struct BackupArguments {
    /// Reads a backup and checks all of it, instead of taking one
    #[arg(long)]
    check: bool,

    /// The store's directory; with --check, that of the backup
    store: PathBuf,

    /// The directory of the backup; it is created if it is not there
    #[arg(required_unless_present = "check", conflicts_with = "check")]
    directory: Option<PathBuf>,
}

const RESTORE_EXAMPLES: &str = "\
Examples:
  hitherto restore /mnt/safe/bank bank

The store has the id, the events, the positions and the digest of the one that was backed up. Every
byte is checked on the way; where something is wrong, no store is made.";

/// Makes a store of a backup
#[derive(clap::Args)]
#[command(after_help = RESTORE_EXAMPLES)]
pub(crate) struct RestoreArguments {
    /// The directory of the backup
    backup: PathBuf,

    /// The directory of the new store; nothing may be there
    store: PathBuf,
}

pub(crate) fn backup(arguments: &BackupArguments) -> Result<Outcome, Failure> {
    let Some(directory) = &arguments.directory else { return check(&arguments.store) };
    let taken = engine::open_read_only(&arguments.store)?.backup(directory)?;
    tell_backup(&taken)?;
    Ok(Outcome::Done)
}

fn tell_backup(taken: &Backup) -> io::Result<()> {
    let mut out = print::stdout();
    let (head, all) = (counted(taken.head.0, "event"), bytes(taken.bytes));
    let copied = counted(taken.copied_files as u64, "file");
    writeln!(out, "{head}, {all}; copied {copied}, {}", bytes(taken.copied_bytes))?;
    out.flush()
}

fn check(backup: &Path) -> Result<Outcome, Failure> {
    let report = hitherto_store::check_backup(backup)?;
    tell_report(&report)?;
    Ok(if report.damages.is_empty() { Outcome::Done } else { Outcome::No })
}

fn tell_report(report: &Report) -> io::Result<()> {
    let mut out = print::stdout();
    for damage in &report.damages {
        writeln!(out, "{damage}")?;
    }
    if report.damages.is_empty() {
        let removed = match report.removed {
            0 => String::new(),
            removed => format!(", and the places of {} that retention removed", grouped(removed)),
        };
        writeln!(out, "sound: {}{removed}", counted(report.events, "event"))?;
    } else {
        let damages = counted(report.damages.len() as u64, "damage");
        writeln!(out, "{damages}: take another backup; restore an older one if there is need")?;
    }
    out.flush()
}

pub(crate) fn restore(arguments: &RestoreArguments) -> Result<Outcome, Failure> {
    let restored = hitherto_store::restore(&arguments.backup, &arguments.store)?;
    let mut out = print::stdout();
    let head = counted(restored.head.0, "event");
    writeln!(out, "{}: {head}, {}", arguments.store.display(), bytes(restored.bytes))?;
    out.flush()?;
    Ok(Outcome::Done)
}
