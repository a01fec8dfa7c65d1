//! A disk in memory that counts what it is asked for.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hitherto_store::{Disk, DiskFile, MemoryDisk};

/// How often it was asked, and how many files are open.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    opened: AtomicI64,
    not_found: AtomicI64,
    read: AtomicI64,
    open: AtomicI64,
}

/// What was asked for since the last time: files opened, names that were not there, reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) opened: i64,
    pub(crate) not_found: i64,
    pub(crate) read: i64,
}

#[derive(Clone, Default)]
pub(crate) struct CountingDisk {
    pub(crate) disk: MemoryDisk,
    counts: Arc<Counts>,
}

struct CountedFile {
    file: Arc<dyn DiskFile>,
    counts: Arc<Counts>,
}

#[allow(dead_code, reason = "each story uses a part")]
impl CountingDisk {
    pub(crate) fn asked(&self) -> Asked {
        let Counts { opened, not_found, read, .. } = &*self.counts;
        let take = |count: &AtomicI64| count.swap(0, Ordering::SeqCst);
        Asked { opened: take(opened), not_found: take(not_found), read: take(read) }
    }

    /// How many files are open.
    pub(crate) fn open_files(&self) -> i64 {
        self.counts.open.load(Ordering::SeqCst)
    }

    fn counted(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        self.counts.open.fetch_add(1, Ordering::SeqCst);
        Arc::new(CountedFile { file, counts: Arc::clone(&self.counts) })
    }
}

impl Disk for CountingDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.counted(self.disk.create(name)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        match self.disk.open(name) {
            Ok(file) => {
                self.counts.opened.fetch_add(1, Ordering::SeqCst);
                Ok(self.counted(file))
            }
            Err(error) => {
                self.counts.not_found.fetch_add(1, Ordering::SeqCst);
                Err(error)
            }
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        self.disk.lock()
    }
}

impl DiskFile for CountedFile {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.counts.read.fetch_add(1, Ordering::SeqCst);
        self.file.read_some_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(data, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }
}

impl Drop for CountedFile {
    fn drop(&mut self) {
        self.counts.open.fetch_sub(1, Ordering::SeqCst);
    }
}
