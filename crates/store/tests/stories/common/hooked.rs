//! A disk in memory where something happens when a file is made, written or synced.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use hitherto_store::{Disk, DiskFile, MemoryDisk};

type Hook<T> = Box<dyn FnOnce(T) -> io::Result<()> + Send>;
type CreateHook = Arc<dyn Fn(&str) -> io::Result<()> + Send + Sync>;
type Hooks<T> = Arc<Mutex<VecDeque<Hook<T>>>>;

/// The next syncs and writes do what was said, one each; whatever is made is told of first.
#[derive(Clone, Default)]
pub(crate) struct HookedDisk {
    pub(crate) disk: MemoryDisk,
    syncs: Hooks<()>,
    writes: Hooks<Vec<u8>>,
    creates: Arc<Mutex<Option<CreateHook>>>,
}

struct HookedFile {
    file: Arc<dyn DiskFile>,
    hooks: HookedDisk,
}

#[allow(dead_code, reason = "each story uses a part")]
impl HookedDisk {
    /// The next sync that has no hook yet does this first.
    pub(crate) fn on_sync(&self, hook: impl FnOnce() -> io::Result<()> + Send + 'static) {
        self.syncs.lock().expect("nobody panicked").push_back(Box::new(move |()| hook()));
    }

    /// The next write that has no hook yet gives its bytes to this instead.
    pub(crate) fn on_write(&self, hook: impl FnOnce(Vec<u8>) -> io::Result<()> + Send + 'static) {
        self.writes.lock().expect("nobody panicked").push_back(Box::new(hook));
    }

    /// Whoever makes a file from now on does this first, with its name.
    pub(crate) fn on_every_create(
        &self,
        hook: impl Fn(&str) -> io::Result<()> + Send + Sync + 'static,
    ) {
        *self.creates.lock().expect("nobody panicked") = Some(Arc::new(hook));
    }

    fn hooked(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(HookedFile { file, hooks: self.clone() })
    }
}

impl Disk for HookedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let hook = self.creates.lock().expect("nobody panicked").clone();
        if let Some(hook) = hook {
            hook(name)?;
        }
        Ok(self.hooked(self.disk.create(name)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.hooked(self.disk.open(name)?))
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

impl DiskFile for HookedFile {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        let hook = self.hooks.writes.lock().expect("nobody panicked").pop_front();
        match hook {
            Some(hook) => hook(data.to_vec()),
            None => self.file.write_at(data, offset),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let hook = self.hooks.syncs.lock().expect("nobody panicked").pop_front();
        hook.map_or(Ok(()), |hook| hook(()))?;
        self.file.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }
}
