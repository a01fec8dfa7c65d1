//! The manifest of a backup: a text that names its files, with a hash over itself at its end.

use std::fmt::Write;

use crate::backup::Backup;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::event::{EventId, Position, Timestamp};
use crate::load::disk_error;
use crate::roll;

/// The name of the manifest.
pub(super) const MANIFEST: &str = "manifest";
pub(super) const TEMPORARY: &str = "manifest.tmp";
const TITLE: &str = "hitherto backup 1";
const BYTES_MAX: u64 = 64 << 20;

/// What a backup consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) store_id: EventId,
    pub(super) head: Position,
    pub(super) taken_at: Timestamp,
    pub(super) files: Vec<Entry>,
}

/// A file of the store, and its copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its name in the store.
    pub(super) name: String,
    /// Its bytes in the store: behind those that were copied there are only zeros.
    pub(super) size: u64,
    /// Whether it was full, so that it does not change any more.
    pub(super) is_full: bool,
    /// Bytes of the copy.
    pub(super) bytes: u64,
    /// The hash of its first page: by which it is known again.
    pub(super) start: blake3::Hash,
    /// The hash of the copy.
    pub(super) hash: blake3::Hash,
}

impl Entry {
    /// The name of the copy.
    pub(super) fn copy(&self) -> String {
        format!("{}.{}", self.name, &self.hash.to_hex()[..16])
    }
}

impl Manifest {
    /// The manifest on a disk, if there is one.
    pub(super) fn read(disk: &dyn Disk) -> Result<Option<Self>> {
        let failed = || disk_error("the manifest of the backup could not be read");
        let file = match disk.open(MANIFEST) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(failed())?,
        };
        let length = file.len().map_err(failed())?;
        let mut bytes = vec![0; usize::try_from(length.min(BYTES_MAX)).unwrap_or(0)];
        let filled = file.read_at(&mut bytes, 0).map_err(failed())?;
        bytes.truncate(filled);
        let decoded = std::str::from_utf8(&bytes).ok().and_then(Self::decode);
        decoded.map(Some).ok_or_else(|| {
            Error::corrupt(
                "the manifest of the backup is damaged, or of a newer hitherto: use another backup, or \
                 remove this one and take it anew",
            )
        })
    }

    /// Writes the manifest in the place of the one before, durably.
    pub(super) fn write(&self, disk: &dyn Disk) -> std::io::Result<()> {
        roll::remove_if_there(disk, TEMPORARY)?;
        let file = disk.create(TEMPORARY)?;
        file.write_at(self.encode().as_bytes(), 0)?;
        file.sync()?;
        disk.rename(TEMPORARY, MANIFEST)?;
        roll::sync_directory(disk)
    }

    pub(super) fn summary(&self) -> Backup {
        Backup {
            store_id: self.store_id,
            head: self.head,
            taken_at: self.taken_at,
            files: self.files.len(),
            bytes: self.files.iter().map(|file| file.bytes).sum(),
            copied_files: 0,
            copied_bytes: 0,
        }
    }

    fn encode(&self) -> String {
        let Self { store_id, head, taken_at, files } = self;
        let taken_at = taken_at.as_nanos();
        let mut text = format!("{TITLE}\nstore {store_id}\nhead {head}\ntaken {taken_at}\n");
        for Entry { name, size, is_full, bytes, start, hash } in files {
            let form = if *is_full { "full" } else { "growing" };
            // Writing into a text does not fail.
            let _ = writeln!(text, "file {name} {size} {form} {bytes} {start} {hash}");
        }
        let hash = blake3::hash(text.as_bytes());
        let _ = writeln!(text, "hash {hash}");
        text
    }

    fn decode(text: &str) -> Option<Self> {
        let (body, hash) = text.strip_suffix('\n')?.rsplit_once("\nhash ")?;
        let body = format!("{body}\n");
        if blake3::hash(body.as_bytes()) != blake3::Hash::from_hex(hash).ok()? {
            return None;
        }
        let mut lines = body.lines();
        (lines.next()? == TITLE).then_some(())?;
        let store_id = lines.next()?.strip_prefix("store ")?.parse().ok()?;
        let head = Position(lines.next()?.strip_prefix("head ")?.parse().ok()?);
        let taken_at = lines.next()?.strip_prefix("taken ")?.parse().ok()?;
        let taken_at = Timestamp::from_nanos(taken_at);
        let files = lines.map(decode_entry).collect::<Option<_>>()?;
        Some(Self { store_id, head, taken_at, files })
    }
}

fn decode_entry(line: &str) -> Option<Entry> {
    let words: Vec<&str> = line.strip_prefix("file ")?.split(' ').collect();
    let [name, size, form, bytes, start, hash] = words[..] else { return None };
    Some(Entry {
        name: name.to_owned(),
        size: size.parse().ok()?,
        is_full: form == "full",
        bytes: bytes.parse().ok()?,
        start: blake3::Hash::from_hex(start).ok()?,
        hash: blake3::Hash::from_hex(hash).ok()?,
    })
}
