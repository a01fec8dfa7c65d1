//! A backup as a disk that can only be read: a store could be opened on it.

use std::io;
use std::sync::Arc;

use super::manifest::{Entry, Manifest};
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};
use crate::load::disk_error;
use crate::verify::Damage;

/// Bytes that are read, hashed and written at once.
pub(super) const CHUNK_BYTES: usize = 1 << 20;

/// The files of a backup under the names that they have in a store.
pub(super) struct BackupDisk {
    disk: Arc<dyn Disk>,
    pub(super) manifest: Manifest,
}

impl BackupDisk {
    pub(super) fn open(disk: Arc<dyn Disk>) -> Result<Self> {
        let manifest = Manifest::read(&*disk)?.ok_or_else(|| {
            Error::not_found("the directory holds no backup: there is no file `manifest` in it")
        })?;
        Ok(Self { disk, manifest })
    }

    /// What is not as it was copied.
    pub(super) fn check(&self) -> Result<Vec<Damage>> {
        let mut damages = Vec::new();
        for entry in &self.manifest.files {
            if let Some(what) = self.read_all(entry, &mut |_, _| Ok(()))? {
                let (file, what) = (entry.copy(), what.to_owned());
                damages.push(Damage { file, offset: 0, positions: None, what });
            }
        }
        Ok(damages)
    }

    /// Reads a whole copy and hands its parts over; what is wrong with it, if anything is.
    pub(super) fn read_all(
        &self,
        entry: &Entry,
        take: &mut dyn FnMut(&[u8], u64) -> io::Result<()>,
    ) -> Result<Option<&'static str>> {
        let failed = || disk_error("a file of the backup could not be read or copied");
        let file = match self.disk.open(&entry.copy()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Some("this file of the backup is missing"));
            }
            other => other.map_err(failed())?,
        };
        if file.len().map_err(failed())? != entry.bytes {
            return Ok(Some("this file of the backup has another length than was copied"));
        }
        let hash = read_hashing(&*file, entry.bytes, take).map_err(failed())?;
        Ok((hash != entry.hash).then_some("this file of the backup is not what was copied"))
    }

    fn entry(&self, name: &str) -> io::Result<&Entry> {
        let found = self.manifest.files.iter().find(|entry| entry.name == name);
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Reads so many bytes, hands them over part by part, and says what their hash is.
pub(super) fn read_hashing(
    file: &dyn DiskFile,
    bytes: u64,
    take: &mut dyn FnMut(&[u8], u64) -> io::Result<()>,
) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut offset = 0;
    while offset < bytes {
        let wanted = usize::try_from(bytes - offset).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let filled = file.read_at(&mut chunk[..wanted], offset)?;
        if filled == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hasher.update(&chunk[..filled]);
        take(&chunk[..filled], offset)?;
        offset += filled as u64;
    }
    Ok(hasher.finalize())
}

fn only_read<T>() -> io::Result<T> {
    Err(io::Error::new(
        io::ErrorKind::ReadOnlyFilesystem,
        "a backup is only read: restore it first",
    ))
}

impl Disk for BackupDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.manifest.files.iter().map(|entry| entry.name.clone()).collect())
    }

    fn create(&self, _: &str) -> io::Result<Arc<dyn DiskFile>> {
        only_read()
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let entry = self.entry(name)?;
        let copy = self.disk.open(&entry.copy())?;
        Ok(Arc::new(Copied { copy, bytes: entry.bytes, size: entry.size }))
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        only_read()
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        only_read()
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        only_read()
    }
}

/// A copy, with the zeros behind it that were not copied.
struct Copied {
    copy: Arc<dyn DiskFile>,
    bytes: u64,
    size: u64,
}

impl DiskFile for Copied {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let within = |end: u64| usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = buffer.len().min(within(self.size));
        let copied = length.min(within(self.bytes));
        let filled = self.copy.read_at(&mut buffer[..copied], offset)?;
        buffer[filled..length].fill(0);
        Ok(if filled < copied { filled } else { length })
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        only_read()
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.size)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        only_read()
    }
}
