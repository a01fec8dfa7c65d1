//! A disk in memory that counts what it is asked for.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hitherto_store::{Disk, DiskFile, MemoryDisk};

/// What was asked for since the last time.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Files that were opened, and names that were not there.
    pub(crate) opened: u64,
    pub(crate) not_found: u64,
    /// How often something was read, and bytes by the last part of the files' names.
    pub(crate) reads: u64,
    pub(crate) bytes: BTreeMap<String, u64>,
}

#[derive(Clone, Default)]
pub(crate) struct CountingDisk {
    pub(crate) disk: MemoryDisk,
    asked: Arc<Mutex<Asked>>,
    open: Arc<AtomicI64>,
}

struct CountedFile {
    file: Arc<dyn DiskFile>,
    sort: String,
    disk: CountingDisk,
}

#[allow(dead_code, reason = "each story uses a part")]
impl CountingDisk {
    pub(crate) fn of(disk: MemoryDisk) -> Self {
        Self { disk, ..Self::default() }
    }

    pub(crate) fn asked(&self) -> Asked {
        std::mem::take(&mut *self.count())
    }

    /// How many files are open.
    pub(crate) fn open_files(&self) -> i64 {
        self.open.load(Ordering::SeqCst)
    }

    fn count(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().expect("nobody panicked")
    }

    fn counted(&self, name: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        self.open.fetch_add(1, Ordering::SeqCst);
        let sort = name.rsplit('.').next().unwrap_or(name).to_owned();
        Arc::new(CountedFile { file, sort, disk: self.clone() })
    }
}

impl Disk for CountingDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.counted(name, self.disk.create(name)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let opened = self.disk.open(name);
        let mut asked = self.count();
        *if opened.is_ok() { &mut asked.opened } else { &mut asked.not_found } += 1;
        drop(asked);
        Ok(self.counted(name, opened?))
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
        let mut asked = self.disk.count();
        asked.reads += 1;
        *asked.bytes.entry(self.sort.clone()).or_default() += buffer.len() as u64;
        drop(asked);
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
        self.disk.open.fetch_sub(1, Ordering::SeqCst);
    }
}
