//! Everything that happened to one disk while a workload ran on it, and what was promised.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use crate::daemon::{DISK, Daemon, EXPORT, LOG};
use crate::disk::{Mounted, PROMISES_BYTES, PROMISES_OFFSET};
use crate::file_system::Kind;
use crate::program::run;
use crate::promise::{BEGINNINGS, Promise, Witness, Word};
use crate::workload::Work;
use crate::write_log::{self, Entry};

const BASE: &str = "base.img";
const PROMISES: &str = "promises.txt";
const KIND: &str = "kind.txt";
/// Room that is not taken until it is used.
const LOG_BYTES_MAX: u64 = 1 << 30;

/// A disk, and what was promised while it was written.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) kind: &'static Kind,
    pub(crate) disk: Vec<u8>,
    pub(crate) promised: Vec<Promise>,
}

/// A disk as it was, what it had been promised to hold, and what happened then.
pub(crate) struct Recording {
    pub(crate) start: Start,
    pub(crate) entries: Vec<Entry>,
    log_bytes: u64,
}

impl Recording {
    /// Lets the processes work on a disk, one after another.
    pub(crate) fn make(
        directory: &Path,
        start: Start,
        works: impl FnOnce(&Path, &Path) -> Vec<Work>,
    ) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
        let mount = directory.join("mount");
        std::fs::create_dir_all(&mount).map_err(failed)?;
        std::fs::write(directory.join(DISK), &start.disk).map_err(failed)?;
        for (name, bytes) in
            [(DISK, PROMISES_OFFSET + PROMISES_BYTES), (LOG, LOG_BYTES_MAX), (EXPORT, 0)]
        {
            set_length(&directory.join(name), bytes, name != DISK).map_err(failed)?;
        }
        let daemon = Daemon::start(directory)?;
        let export = directory.join(EXPORT);
        let mounted = Mounted::new(&export, &mount, start.kind)?;
        let mut witness = Witness::new(&export, BEGINNINGS).map_err(failed)?;
        for process in works(&mounted.store(), &export) {
            witness.say(Word::Beginning).map_err(failed)?;
            work(&process)?;
        }
        mounted.unmount()?;
        // The daemon counts its entries when it is flushed.
        File::open(&export).and_then(|disk| disk.sync_all()).map_err(failed)?;
        daemon.stop()?;
        let (entries, log_bytes) = write_log::read(&directory.join(LOG))?;
        Ok(Self { start, entries, log_bytes })
    }

    /// A recording that nobody made.
    #[cfg(test)]
    pub(crate) fn of(kind: &str, disk: Vec<u8>, entries: Vec<Entry>) -> Self {
        let kind = Kind::named(kind).expect("it is one of them");
        let start = Start { kind, disk, promised: Vec::new() };
        Self { start, entries, log_bytes: 0 }
    }

    /// Keeps what was recorded in `made_in`, so that it can be looked at again.
    pub(crate) fn keep(&self, made_in: &Path, to: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(to)?;
        std::fs::write(to.join(KIND), self.start.kind.name)?;
        std::fs::write(to.join(BASE), &self.start.disk)?;
        let lines = self.start.promised.iter().map(|promise| format!("{promise}\n"));
        std::fs::write(to.join(PROMISES), lines.collect::<String>())?;
        let from = File::open(made_in.join(LOG))?;
        let mut used = std::io::Read::take(from, self.log_bytes);
        std::io::copy(&mut used, &mut File::create(to.join(LOG))?)?;
        Ok(())
    }

    /// A recording that was kept.
    pub(crate) fn kept(from: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", from.display());
        let lines = std::fs::read_to_string(from.join(PROMISES)).map_err(failed)?;
        let promised = lines.lines().map(str::parse).collect::<Result<_, _>>()?;
        let (entries, log_bytes) = write_log::read(&from.join(LOG))?;
        let kind = std::fs::read_to_string(from.join(KIND)).map_err(failed)?;
        let kind = Kind::named(&kind)?;
        let disk = std::fs::read(from.join(BASE)).map_err(failed)?;
        Ok(Self { start: Start { kind, disk, promised }, entries, log_bytes })
    }

    /// The numbers of the entries that are of some sort.
    pub(crate) fn places(&self, is_of_sort: impl Fn(&Entry) -> bool) -> Vec<usize> {
        (0..self.entries.len()).filter(|&place| is_of_sort(&self.entries[place])).collect()
    }

    /// What had been promised when the power went off before the entry of this number.
    pub(crate) fn promised_before(&self, cut: usize) -> Vec<Promise> {
        let here = self.entries[..cut].iter().filter_map(|entry| match entry {
            Entry::Said(Word::Promise(promise)) => Some(*promise),
            _ => None,
        });
        self.start.promised.iter().copied().chain(here).collect()
    }
}

fn set_length(path: &Path, bytes: u64, is_new: bool) -> std::io::Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(is_new).open(path)?.set_len(bytes)
}

/// A process of its own, so that it can end without a word.
fn work(work: &Work) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    run(Command::new(program).arg("workload").args(work.to_arguments()))
}
