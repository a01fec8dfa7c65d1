//! A disk in memory, for stores that need not outlive the process.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::{Disk, DiskFile};
use crate::sync::{AtomicBool, Mutex, MutexGuard, RwLock};

/// Files in memory. What is written is there at once; syncing does nothing.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    files: Arc<Mutex<BTreeMap<String, Arc<MemoryFile>>>>,
    locked: Arc<AtomicBool>,
}

struct Lock(Arc<AtomicBool>);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[derive(Debug, Default)]
struct MemoryFile(RwLock<Vec<u8>>);

impl MemoryDisk {
    /// A disk without a file. Clones are the same disk.
    pub fn new() -> Self {
        Self::default()
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Arc<MemoryFile>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_found(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no file {name}"))
}

impl Disk for MemoryDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files().keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut files = self.files();
        if files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = Arc::new(MemoryFile::default());
        files.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.files().get(name).cloned().ok_or_else(|| not_found(name))?;
        Ok(file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files();
        let file = files.remove(from).ok_or_else(|| not_found(from))?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files().remove(name).map(|_| ()).ok_or_else(|| not_found(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        if self.locked.swap(true, Ordering::AcqRel) {
            let message = "it is open for writing in this process";
            return Err(io::Error::new(io::ErrorKind::WouldBlock, message));
        }
        Ok(Box::new(Lock(Arc::clone(&self.locked))))
    }
}

impl DiskFile for MemoryFile {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let start = bytes.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
        let length = buffer.len().min(bytes.len() - start);
        buffer[..length].copy_from_slice(&bytes[start..start + length]);
        Ok(length)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        if data.is_empty() {
            return Ok(()); // as POSIX has it: the file does not become longer
        }
        let mut bytes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start.checked_add(data.len()).ok_or(io::ErrorKind::StorageFull)?;
        if bytes.len() < end {
            let more = end - bytes.len();
            bytes.try_reserve(more).map_err(|_| io::ErrorKind::StorageFull)?;
            bytes.resize(end, 0);
        }
        bytes[start..end].copy_from_slice(data);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).len() as u64)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let length = usize::try_from(bytes).map_err(io::Error::other)?;
        self.0.write().unwrap_or_else(PoisonError::into_inner).resize(length, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of a log that somebody had forged was half a terabyte away: nothing was read there,
    /// and to write that back took the memory.
    #[test]
    fn an_empty_write_far_behind_the_end_takes_no_memory() {
        let file = MemoryDisk::new().create("file").expect("it is new");
        file.write_at(&[], 1 << 40).expect("nothing is written");
        assert_eq!(file.len().expect("it has a length"), 0);
    }
    #[test]
    fn a_disk_in_memory_that_has_no_memory_left_is_full() {
        let file = MemoryDisk::new().create("file").expect("it is new");
        let error = file.write_at(&[1], 1 << 60).expect_err("no machine has so much");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.len().expect("it has a length"), 0);
    }
}
