//! The real disk: the only file of the engine that touches the file system.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, DiskFile};
use crate::planted::{PlantedBug, is_planted};

const LOCK_FILE: &str = "lock";

/// A directory of the file system.
#[derive(Debug)]
pub struct Directory {
    /// From the root, so that it stays the same when the process goes to another directory.
    path: PathBuf,
    /// The directory itself, to sync names, and to know it again. It stays open, so that this needs
    /// no file descriptor when there is none left.
    held: File,
    is_read_only: bool,
}

impl Directory {
    /// Uses a directory, and creates it (durably, in its parent) if it is not there.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = std::path::absolute(path.into())?;
        if !path.is_dir() {
            std::fs::create_dir_all(&path)?;
            sync_parents(&path)?;
        }
        Ok(Self { held: File::open(&path)?, path, is_read_only: false })
    }

    /// Uses a directory that exists, only for reading.
    pub fn read_only(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = std::path::absolute(path.into())?;
        std::fs::read_dir(&path)?;
        Ok(Self { held: File::open(&path)?, path, is_read_only: true })
    }

    /// Gives a directory that is complete another name, where nothing is or an empty directory,
    /// durably.
    pub(crate) fn move_to(self, path: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, path)?;
        sync_parents(path)
    }

    /// The path of a file, if the directory still stands where it stood. In the place of a store
    /// that was moved away another one may stand by now, which is nobody's here.
    fn file(&self, name: &str) -> io::Result<PathBuf> {
        debug_assert!(!name.contains('/'), "a name is a file name, never a path");
        if identity(&std::fs::metadata(&self.path)?) == identity(&self.held.metadata()?) {
            return Ok(self.path.join(name));
        }
        let path = self.path.display();
        Err(io::Error::other(format!("another directory was put in the place of {path} meanwhile")))
    }
}

/// What a directory keeps when it is renamed, and no other one has.
fn identity(directory: &Metadata) -> (u64, u64) {
    (directory.dev(), directory.ino())
}

/// The directory itself was durable only in its parent; one level up is enough unless several
/// levels were created at once, so all are synced as far as permissions go.
fn sync_parents(path: &Path) -> io::Result<()> {
    let absolute = std::path::absolute(path)?;
    for parent in absolute.ancestors().skip(1) {
        match File::open(parent).and_then(|directory| directory.sync_all()) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
            other => other?,
        }
    }
    Ok(())
}

fn open_to(path: &Path, write: bool) -> io::Result<File> {
    match without_access_times().read(true).write(write).open(path) {
        // Only who owns a file may read it without a note.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            OpenOptions::new().read(true).write(write).open(path)
        }
        opened => opened,
    }
}

/// When a file was read last is not noted, where that can be said: it is a tenth of what a read of
/// one event from the page cache costs.
fn without_access_times() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(target_os = "linux")]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NOATIME);
    options
}

impl Disk for Directory {
    fn list(&self) -> io::Result<Vec<String>> {
        let name = |entry: io::Result<std::fs::DirEntry>| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
        };
        std::fs::read_dir(&self.path)?.map(name).collect()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = without_access_times();
        let file = options.read(true).write(true).create_new(true).open(self.file(name)?)?;
        Ok(Arc::new(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.file(name)?;
        let open = |write| open_to(&path, write);
        let file = match open(!self.is_read_only) {
            // Reads go on when the file system was made read-only under the store.
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => open(false),
            opened => opened,
        };
        Ok(Arc::new(file?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.file(from)?, self.file(to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.file(name)?)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.held.sync_all()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let path = self.file(LOCK_FILE)?;
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if is_planted(PlantedBug::LockNobodyOut) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                let holder = holder.lines().next().unwrap_or("another process");
                let message = format!("it is open for writing in {holder}");
                return Err(io::Error::new(io::ErrorKind::WouldBlock, message));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        note_holder(&mut file);
        Ok(Box::new(file))
    }
}

/// Notes who has the lock, for the message to whoever comes second. Without the note the lock is as
/// good, so a disk that is too full for it keeps nobody out.
fn note_holder(file: &mut File) {
    let _ = file.set_len(0).and_then(|()| writeln!(file, "process {}", std::process::id()));
}

/// A file of the file system.
impl DiskFile for File {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match FileExt::read_at(self, buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        Self::set_len(self, bytes)
    }
}
