//! An archive in a directory: of another disk, or of one that is mounted from elsewhere.

use std::io;
use std::path::Path;

use super::Archive;
use crate::disk::{Directory, Disk, DiskFile};

/// What the location of a directory begins with.
pub(super) const SCHEME: &str = "file://";
const COPY_BYTES: usize = 1 << 20;

/// A directory that log files are moved to.
pub struct DirectoryArchive {
    location: String,
    disk: Directory,
}

impl DirectoryArchive {
    /// The archive in this directory, which is created if it is not there.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        Self::on(&path, Directory::create(&path)?)
    }

    /// The archive in a directory that exists.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Directory::read_only(path)?; // one that is gone is not made anew, empty
        Self::on(path, Directory::create(path)?)
    }

    fn on(path: &Path, disk: Directory) -> io::Result<Self> {
        let path = path.to_str().ok_or_else(|| io::Error::other("its name is not UTF-8"))?;
        Ok(Self { location: format!("{SCHEME}{path}"), disk })
    }
}

impl Archive for DirectoryArchive {
    fn location(&self) -> &str {
        &self.location
    }

    fn put(&self, name: &str, object: &dyn DiskFile) -> io::Result<()> {
        let temporary = unfinished(name);
        crate::roll::remove_if_there(&self.disk, &temporary)?;
        let file = self.disk.create(&temporary)?;
        let mut part = vec![0; COPY_BYTES];
        let mut offset = 0;
        loop {
            let filled = object.read_at(&mut part, offset)?;
            if filled == 0 {
                break;
            }
            file.write_at(&part[..filled], offset)?;
            offset += filled as u64;
        }
        file.sync()?;
        self.disk.rename(&temporary, name)?;
        crate::roll::sync_directory(&self.disk)
    }

    fn read_at(&self, name: &str, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.open(name)?.read_at(buffer, offset)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        crate::roll::remove_if_there(&self.disk, &unfinished(name))?;
        crate::roll::remove_if_there(&self.disk, name)?;
        crate::roll::sync_directory(&self.disk)
    }
}

/// The name of an object until all of it is there.
fn unfinished(name: &str) -> String {
    format!("{name}.tmp")
}
