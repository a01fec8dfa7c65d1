//! Backups that are taken in a run, and what each of them may hold after a crash.

use std::sync::Arc;

use hitherto_store::{
    Backup, Disk, EmbeddedStore, Error, ErrorKind, EventStore, Position, Query, Result,
    check_backup_disk, restore_disk,
};

use crate::clock::SimClock;
use crate::disk::SimDisk;
use crate::model::Model;
use crate::options::small_files;

/// The directory of the machine that has the backup.
pub(crate) const DIRECTORY: &str = "backup";

/// The one backup of a run, which is brought up to date again and again.
#[derive(Default)]
pub(crate) struct Backups {
    /// What was acknowledged when the last one was taken, and when each began that failed since:
    /// the backup is one of them.
    moments: Vec<Model>,
    is_there: bool,
}

impl Backups {
    /// Takes a backup; whether the disk let it.
    pub(crate) fn take(
        &mut self,
        store: &EmbeddedStore,
        disk: &SimDisk,
        model: &Model,
    ) -> Result<bool, String> {
        self.moments.push(model.copy());
        match store.backup_on(&disk.directory(DIRECTORY)) {
            Ok(backup) if backup.head == head_of(model) => {
                self.moments.drain(..self.moments.len() - 1);
                self.is_there = true;
                Ok(true)
            }
            Err(error) if is_excused(disk) && is_of_the_disk(&error) => Ok(false),
            other => Err(format!("a backup of {} events: {other:?}", head_of(model))),
        }
    }

    /// Checks the backup, restores it on another disk, and compares it with what it may hold.
    pub(crate) fn check(
        &self,
        store: &EmbeddedStore,
        disk: &SimDisk,
        clock: &SimClock,
    ) -> Result<(), String> {
        match restored(disk) {
            Ok((backup, copy)) => self.compare(store, backup.head, copy, clock),
            Err(error) if error.kind() == ErrorKind::NotFound && !self.is_there => Ok(()),
            Err(error) => Err(format!("the backup is not restored: {error}")),
        }
        .or_else(|what| if is_excused(disk) { Ok(()) } else { Err(what) })
    }

    fn compare(
        &self,
        store: &EmbeddedStore,
        head: Position,
        copy: SimDisk,
        clock: &SimClock,
    ) -> Result<(), String> {
        let moment = self.moments.iter().find(|moment| head_of(moment) == head);
        let moment = moment.ok_or_else(|| format!("no backup began at {head}"))?;
        let failed = |error: Error| format!("the restored store: {error}");
        let copy = EmbeddedStore::on(copy, clock.clone(), small_files()).map_err(failed)?;
        let found = copy.read(Query::all()).collect::<Result<Vec<_>>>().map_err(failed)?;
        if found != moment.kept() {
            return Err(format!("what is restored up to {head} is not what was acknowledged"));
        }
        let (copied, original) = (copy.digest(head), store.digest(head));
        if copied.map_err(failed)? != original.map_err(failed)? {
            return Err(format!("the restored store has another digest at {head}"));
        }
        Ok(())
    }
}

/// A sound backup, restored on a disk of its own.
fn restored(disk: &SimDisk) -> Result<(Backup, SimDisk)> {
    let backup: Arc<dyn Disk> = Arc::new(disk.directory(DIRECTORY));
    let damages = check_backup_disk(&backup)?.damages;
    if let Some(damage) = damages.first() {
        return Err(Error::corrupt(damage.to_string()));
    }
    let copy = SimDisk::new();
    Ok((restore_disk(&backup, &copy)?, copy))
}

fn head_of(model: &Model) -> Position {
    Position(model.events().len() as u64)
}

/// Whether the disk did not let it, or stopped the writer before.
fn is_of_the_disk(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Closed)
}

/// Whether the disk may fail now.
fn is_excused(disk: &SimDisk) -> bool {
    disk.is_off() || disk.has_failed()
}
