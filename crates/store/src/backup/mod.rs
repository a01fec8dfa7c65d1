//! Backups of the log: taken while it is written, whole or only what is new, checked, restored.
//!
//! A backup is a directory with a copy of each log file under the file's name and the hash of the
//! copy, and a `manifest` that names those that belong together. The manifest is replaced last, so
//! that a backup that was interrupted leaves the one before as it was.

mod disk;
mod manifest;
mod restore;
mod take;

use std::path::Path;
use std::sync::Arc;

use crate::disk::{Directory, Disk};
use crate::error::{Error, Result};
use crate::event::{EventId, Position, Timestamp};
use crate::open;
use crate::store::EmbeddedStore;
use crate::verify::{Report, verify_disk};

pub use restore::restore_disk;

/// A backup in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backup {
    /// The store that it is of.
    pub store_id: EventId,
    /// The position of its last event.
    pub head: Position,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Files that belong to it.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files that were copied now; the others were there from a backup before.
    pub copied_files: usize,
    /// Their bytes.
    pub copied_bytes: u64,
}

impl EmbeddedStore {
    /// Copies all events, up to the last that is durable now, into a directory, while appends and
    /// reads go on. If a backup of this store is there, it is brought up to date: full log files
    /// never change, so only what is new is copied. Keys, indexes and snapshots are not copied.
    ///
    /// ```
    /// use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, check_backup, restore};
    ///
    /// # let path = std::env::temp_dir().join(format!("backup-{}", std::process::id()));
    /// # let at = |name: &str| path.join(name);
    /// let store = EmbeddedStore::open(at("bank"))?;
    /// store.append(Append::to("account-1").event(NewEvent::json("AccountOpened", "{}")))?;
    /// store.backup(at("backup"))?;
    /// assert!(check_backup(at("backup"))?.damages.is_empty());
    /// assert_eq!(restore(at("backup"), at("copy"))?.head.0, 1);
    /// # std::fs::remove_dir_all(&path).ok();
    /// # Ok::<(), hitherto_store::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Invalid` if the directory holds something else, the backup of another store, or one that is
    /// ahead of this store; `Corrupt` if the store is known to be damaged; `Unavailable` if the
    /// disk is full or another backup into it is under way; `Closed` if the store takes no more
    /// appends because a write failed. The backup before stays as it was.
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<Backup> {
        let to = to.as_ref();
        let directory = open::directory(to)?;
        self.backup_on(&directory).map_err(|error| about(to, &error))
    }

    /// As [`EmbeddedStore::backup`], on any disk.
    pub fn backup_on(&self, to: &dyn Disk) -> Result<Backup> {
        take::take(self, to)
    }
}

/// Reads all of a backup and checks that every byte is what was copied, and that the events in it
/// are a sound store: as [`verify`](crate::verify()) does.
///
/// # Errors
/// `NotFound` if there is no backup, `Unavailable` if it cannot be read. Damage is no error but in
/// the report.
pub fn check_backup(backup: impl AsRef<Path>) -> Result<Report> {
    let path = backup.as_ref();
    let directory = open::existing_directory(path)?;
    check_backup_disk(&(Arc::new(directory) as Arc<dyn Disk>)).map_err(|error| about(path, &error))
}

/// As [`check_backup`], on any disk.
pub fn check_backup_disk(backup: &Arc<dyn Disk>) -> Result<Report> {
    let opened = disk::BackupDisk::open(Arc::clone(backup))?;
    let damages = opened.check()?;
    if damages.is_empty() {
        return verify_disk(Arc::new(opened));
    }
    Ok(Report { files: opened.manifest.files.len() as u64, damages, ..Report::default() })
}

/// Makes a store of a backup, at a path where nothing is, or an empty directory. It has the id, the
/// events, the positions and the digest of the store that was backed up; every byte is checked on
/// the way. Until all of it is there and durable, it stands under the name with `.partial`.
///
/// # Errors
/// `NotFound` if there is no backup; `Invalid` if something is at `to`; `Corrupt` if the backup is
/// damaged; `Unavailable` if the disk is full. Then there is nothing at `to`.
pub fn restore(backup: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<Backup> {
    let (backup, to) = (backup.as_ref(), to.as_ref());
    let from = open::existing_directory(backup)?;
    restore::refuse_occupied(to)?;
    let opened = disk::BackupDisk::open(Arc::new(from)).map_err(|error| about(backup, &error))?;
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let target = open::directory(Path::new(&partial))?;
    restore::clean(&target)?;
    let restored = restore::write(&opened, &target).map_err(|error| about(backup, &error))?;
    Directory::move_to(target, to).map_err(crate::load::disk_error(
        "the restored store could not be given its name: see that nothing has it",
    ))?;
    Ok(restored)
}

fn about(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}
