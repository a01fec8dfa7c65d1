//! A disk in memory that lets a store do only so much, and that can let something happen while
//! the store waits for it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hitherto_store::{Disk, DiskFile, MemoryDisk};

/// A store this small that asks for so much reads in a circle.
const OPERATIONS_MAX: u64 = 200_000;
const BYTES_MAX: u64 = 2 << 30;

/// What happens while the store waits for a sync.
type Meanwhile = Box<dyn FnOnce() + Send>;

/// A disk in memory with a limit to what is done with it.
#[derive(Clone, Default)]
pub(crate) struct BoundedDisk {
    disk: MemoryDisk,
    watch: Arc<Watch>,
}

#[derive(Default)]
struct Watch {
    operations: AtomicU64,
    bytes: AtomicU64,
    meanwhile: Mutex<Option<Meanwhile>>,
}

struct BoundedFile {
    file: Arc<dyn DiskFile>,
    watch: Arc<Watch>,
}

impl BoundedDisk {
    /// The same disk, bounded.
    pub(crate) fn new(disk: MemoryDisk) -> Self {
        Self { disk, watch: Arc::default() }
    }

    /// Lets this happen during the next sync of a file.
    pub(crate) fn meanwhile(&self, happening: impl FnOnce() + Send + 'static) {
        *self.watch.happening() = Some(Box::new(happening));
    }

    fn bounded(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(BoundedFile { file, watch: Arc::clone(&self.watch) })
    }
}

impl Watch {
    fn count(&self, bytes: usize) {
        let operations = self.operations.fetch_add(1, Ordering::Relaxed);
        let bytes = self.bytes.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        assert!(
            operations < OPERATIONS_MAX && bytes < BYTES_MAX,
            "an endless loop: {operations} operations, {bytes} bytes"
        );
    }

    fn happening(&self) -> std::sync::MutexGuard<'_, Option<Meanwhile>> {
        self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for BoundedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.watch.count(0);
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.watch.count(0);
        self.disk.create(name).map(|file| self.bounded(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.watch.count(0);
        self.disk.open(name).map(|file| self.bounded(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.watch.count(0);
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.watch.count(0);
        self.disk.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        self.disk.lock()
    }
}

impl DiskFile for BoundedFile {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.watch.count(buffer.len());
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.watch.count(bytes.len());
        self.file.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        let happening = self.watch.happening().take();
        if let Some(happening) = happening {
            happening();
        }
        self.file.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.watch.count(0);
        self.file.len()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.watch.count(0);
        self.file.set_len(bytes)
    }
}
