//! Takes a backup: what was copied before and did not change is kept, the rest is copied.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use super::Backup;
use super::disk::read_hashing;
use super::manifest::{self, Entry, MANIFEST, Manifest};
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};
use crate::event::Position;
use crate::load::{disk_error, log_number};
use crate::log::FORMAT_FILE;
use crate::open::LOCK_FILE;
use crate::planted::{PlantedBug, unless};
use crate::roll;
use crate::store::{EmbeddedStore, LogEnd};

const PAGE_BYTES: usize = 4096;
/// The end of a file is looked at in parts of this size for where its zeros begin.
const ZEROS_BYTES: u64 = 64 << 10;
const TEMPORARY: &str = "copy.tmp";
/// What a backup that was interrupted may leave.
const TEMPORARIES: [&str; 2] = [TEMPORARY, manifest::TEMPORARY];
/// How often a file is looked for again that got another form while it was opened.
const ATTEMPTS: u32 = 8;

/// A file of the store that belongs into the backup.
struct Source {
    name: String,
    file: Arc<dyn DiskFile>,
    size: u64,
    bytes: u64,
    is_full: bool,
    start: blake3::Hash,
}

pub(super) fn take(store: &EmbeddedStore, to: &dyn Disk) -> Result<Backup> {
    refuse_foreign(to)?;
    let _lock = to.lock().map_err(|error| {
        Error::unavailable("another backup into this directory is under way: wait for it")
            .because(error)
    })?;
    let before = Manifest::read(to)?;
    let end = store.log_end()?;
    refuse_damaged(store)?;
    let head = Position(end.position.0 - 1);
    refuse_other(before.as_ref(), store, head)?;
    let kept = before.map_or_else(Vec::new, |before| before.files);
    remove_all(to, |name| TEMPORARIES.contains(&name))?;
    let (mut files, mut copied) = (Vec::new(), Vec::new());
    for number in numbers(store, &end)? {
        let source = source(store, &end, number)?;
        if let Some(entry) = kept.iter().find(|entry| is_same(entry, &source, to)) {
            files.push(entry.clone());
        } else {
            copied.push(copy(&source, to).map_err(not_copied())?);
            files.push(copied[copied.len() - 1].clone());
        }
    }
    roll::sync_directory(to).map_err(not_copied())?;
    let (store_id, taken_at) = (store.shared().identity.store_id, store.shared().clock.now());
    let manifest = Manifest { store_id, head, taken_at, files };
    manifest.write(to).map_err(not_copied())?;
    let names: BTreeSet<String> = manifest.files.iter().map(Entry::copy).collect();
    remove_all(to, |name| is_copy(name) && !names.contains(name))?;
    let copied_bytes = copied.iter().map(|entry| entry.bytes).sum();
    Ok(Backup { copied_files: copied.len(), copied_bytes, ..manifest.summary() })
}

fn not_copied() -> impl FnOnce(io::Error) -> Error {
    disk_error(
        "the backup could not be written, and the one before is as it was: see that there is room",
    )
}

/// A directory with other things in it is no place for a backup.
fn refuse_foreign(to: &dyn Disk) -> Result<()> {
    let names = to.list().map_err(disk_error("the backup's directory could not be listed"))?;
    let is_ours = |name: &String| {
        name == MANIFEST
            || name == LOCK_FILE
            || TEMPORARIES.contains(&name.as_str())
            || is_copy(name)
    };
    match names.iter().find(|name| !is_ours(name)) {
        None => Ok(()),
        Some(foreign) => Err(Error::invalid(format!(
            "the directory holds {foreign:?}, which is of no backup, and nothing was changed: name an empty \
             or a new directory"
        ))),
    }
}

fn refuse_damaged(store: &EmbeddedStore) -> Result<()> {
    match store.shared().damages.first() {
        None => Ok(()),
        Some(damage) => Err(Error::corrupt(format!(
            "the store is damaged, and nothing was copied: {damage}; restore a backup, or save what is whole \
             with `hitherto repair`, and back that up into a new directory"
        ))),
    }
}

fn refuse_other(before: Option<&Manifest>, store: &EmbeddedStore, head: Position) -> Result<()> {
    let Some(before) = before else { return Ok(()) };
    let store_id = store.shared().identity.store_id;
    if before.store_id != store_id {
        return Err(Error::invalid(format!(
            "the directory has a backup of the store {}, and this is the store {store_id}; nothing was \
             changed: name another directory",
            before.store_id
        )));
    }
    if before.head > head {
        return Err(Error::invalid(format!(
            "the backup has {} events and the store only {head}: it was restored from an earlier one; \
             nothing was changed: name another directory, so that none of them is lost",
            before.head
        )));
    }
    Ok(())
}

/// The numbers of all log files up to the last, and 0 for the file `format`.
fn numbers(store: &EmbeddedStore, end: &LogEnd) -> Result<BTreeSet<u64>> {
    let names = store.shared().disk.list();
    let names = names.map_err(disk_error("the store's directory could not be listed"))?;
    let logs = names.iter().filter_map(|name| log_number(name));
    Ok(logs.filter(|&number| number <= end.number).chain([0, end.number]).collect())
}

fn source(store: &EmbeddedStore, end: &LogEnd, number: u64) -> Result<Source> {
    let failed = || disk_error("a file of the store could not be read");
    let shared = store.shared();
    let last = (number == end.number).then(|| (end.name.clone(), Arc::clone(&end.file)));
    let opened = match last {
        Some(last) => Ok(last),
        None if number == 0 => {
            shared.disk.open(FORMAT_FILE).map(|file| (FORMAT_FILE.to_owned(), file))
        }
        None => open_stored(store, number),
    };
    let (name, file) = opened.map_err(failed())?;
    let is_full = number != end.number;
    let length = file.len().map_err(failed())?;
    let (size, bytes) = if is_full { (length, length) } else { (end.allocated, end.offset) };
    let start = start_of(&*file).map_err(failed())?;
    Ok(Source { name, file, size, bytes, is_full, start })
}

/// A full file may be compressed, rewritten or moved away at any moment.
fn open_stored(store: &EmbeddedStore, number: u64) -> io::Result<(String, Arc<dyn DiskFile>)> {
    let mut opened = store.shared().handles.stored(number);
    for _ in 1..ATTEMPTS {
        match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                opened = store.shared().handles.stored(number);
            }
            other => return other,
        }
    }
    opened
}

fn start_of(file: &dyn DiskFile) -> io::Result<blake3::Hash> {
    let mut page = vec![0; PAGE_BYTES];
    let filled = file.read_at(&mut page, 0)?;
    Ok(blake3::hash(&page[..filled]))
}

/// Whether a copy of a backup before is of this very file, and still there.
fn is_same(entry: &Entry, source: &Source, to: &dyn Disk) -> bool {
    let is_same = (&entry.name, entry.size, entry.start)
        == (&source.name, source.size, source.start)
        && entry.is_full
        && source.is_full;
    let length = || to.open(&entry.copy()).and_then(|file| file.len());
    is_same && length().is_ok_and(|length| length == entry.bytes)
}

/// Copies a file, without the zeros at its end, durably.
fn copy(source: &Source, to: &dyn Disk) -> io::Result<Entry> {
    let bytes = without_zeros(&*source.file, source.bytes)?;
    roll::remove_if_there(to, TEMPORARY)?;
    let copy = to.create(TEMPORARY)?;
    let mut write = |part: &[u8], offset: u64| copy.write_at(part, offset);
    let hash = read_hashing(&*source.file, bytes, &mut write)?;
    unless(PlantedBug::NameBackupBeforeSync, || copy.sync())?;
    let Source { name, size, is_full, start, .. } = source;
    let (name, size, is_full, start) = (name.clone(), *size, *is_full, *start);
    let entry = Entry { name, size, is_full, bytes, start, hash };
    to.rename(TEMPORARY, &entry.copy())?;
    Ok(entry)
}

/// How many bytes a file has before there are only zeros.
fn without_zeros(file: &dyn DiskFile, bytes: u64) -> io::Result<u64> {
    let mut part = vec![0; ZEROS_BYTES as usize];
    let mut end = bytes;
    while end > 0 {
        let start = (end - 1) / ZEROS_BYTES * ZEROS_BYTES;
        let part = &mut part[..(end - start) as usize];
        let filled = file.read_at(part, start)?;
        if let Some(last) = part[..filled].iter().rposition(|&byte| byte != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// Whether this is the name of a copy.
fn is_copy(name: &str) -> bool {
    let Some((original, hash)) = name.rsplit_once('.') else { return false };
    let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash && (original == FORMAT_FILE || log_number(original).is_some())
}

fn remove_all(to: &dyn Disk, is_old: impl Fn(&str) -> bool) -> Result<()> {
    let remove = || {
        let names = to.list()?;
        names.iter().filter(|name| is_old(name)).try_for_each(|name| to.remove(name))
    };
    remove().map_err(disk_error("what earlier backups left could not be removed"))
}
