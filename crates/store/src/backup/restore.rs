//! Makes a store of a backup. The file `format` is written last: before that it is no store.

use std::path::Path;
use std::sync::Arc;

use super::Backup;
use super::disk::BackupDisk;
use super::manifest::Entry;
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, ErrorKind, Result};
use crate::load::{disk_error, log_number};
use crate::log::FORMAT_FILE;
use crate::open::{self, LOCK_FILE, TEMPORARY_SUFFIX};
use crate::roll;

const TEMPORARY: &str = "format.tmp";

/// As [`restore`](super::restore()), on any disks; the new one must be empty.
pub fn restore_disk(backup: &Arc<dyn Disk>, to: &dyn Disk) -> Result<Backup> {
    let opened = BackupDisk::open(Arc::clone(backup))?;
    refuse_files(to, "the disk of the new store")?;
    write(&opened, to)
}

/// Writes all files of a backup, durably.
pub(super) fn write(backup: &BackupDisk, to: &dyn Disk) -> Result<Backup> {
    for entry in &backup.manifest.files {
        write_one(backup, entry, to)?;
    }
    let named = roll::sync_directory(to).and_then(|()| {
        to.rename(TEMPORARY, FORMAT_FILE)?;
        roll::sync_directory(to)
    });
    named.map_err(not_written())?;
    Ok(backup.manifest.summary())
}

fn write_one(backup: &BackupDisk, entry: &Entry, to: &dyn Disk) -> Result<()> {
    let name = if entry.name == FORMAT_FILE { TEMPORARY } else { &entry.name };
    let file = to.create(name).map_err(not_written())?;
    let mut write = |part: &[u8], offset: u64| file.write_at(part, offset);
    if let Some(what) = backup.read_all(entry, &mut write)? {
        return Err(Error::corrupt(format!(
            "the backup is damaged, and nothing was restored: {}: {what}; `hitherto backup --check` tells \
             the whole extent",
            entry.copy()
        )));
    }
    finish(&*file, entry.size).map_err(not_written())
}

fn finish(file: &dyn DiskFile, size: u64) -> std::io::Result<()> {
    file.set_len(size)?;
    file.sync()
}

fn not_written() -> impl FnOnce(std::io::Error) -> Error {
    disk_error("the store could not be written, and nothing was restored: see that there is room")
}

/// Nothing may stand where the store is to be.
pub(super) fn refuse_occupied(to: &Path) -> Result<()> {
    if !to.exists() {
        return Ok(());
    }
    refuse_files(&open::existing_directory(to)?, &to.display().to_string())
}

fn refuse_files(disk: &dyn Disk, name: &str) -> Result<()> {
    let names = disk.list().map_err(disk_error("the new store's directory could not be listed"))?;
    if names.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Invalid,
        format!(
            "{name} is not empty, and nothing was changed: name a new directory to restore into"
        ),
    ))
}

/// Removes what an interrupted restore left, and nothing else.
pub(super) fn clean(partial: &dyn Disk) -> Result<()> {
    let is_ours = |name: &str| {
        log_number(name).is_some()
            || name == FORMAT_FILE
            || name == LOCK_FILE
            || name.ends_with(TEMPORARY_SUFFIX)
    };
    let names = partial.list().map_err(not_written())?;
    if let Some(foreign) = names.iter().find(|name| !is_ours(name)) {
        return Err(Error::invalid(format!(
            "the directory with `.partial` that is restored into holds {foreign:?}: remove it, or restore \
             under another name"
        )));
    }
    names.iter().try_for_each(|name| partial.remove(name)).map_err(not_written())
}
