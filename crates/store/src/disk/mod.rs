//! The seam to the disk: two small traits, so that the real store can be run on a simulated one.
//!
//! A store's directory is flat: a name is a file name, never a path. What a disk must promise is
//! what POSIX file systems promise and no more: bytes are durable after [`DiskFile::sync`], and
//! names (created, renamed, removed) after [`Disk::sync_directory`].

mod directory;
mod memory;

use std::io;
use std::sync::Arc;

pub use directory::Directory;
pub use memory::MemoryDisk;

use crate::planted::{PlantedBug, is_planted};

/// A directory that holds one store.
pub trait Disk: Send + Sync + 'static {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Creates a file for reading and writing; `AlreadyExists` if the name is taken.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that exists, for reading and, if the disk allows it, for writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name, in place of any file that had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes all names durable.
    fn sync_directory(&self) -> io::Result<()>;

    /// Takes the one right to write, until the returned guard is dropped or the process ends.
    ///
    /// `WouldBlock` if somebody else has it; the message says who, as far as known.
    fn lock(&self) -> io::Result<Box<dyn Send + Sync>>;
}

/// An open file. Reading and writing at an offset needs no exclusive access.
pub trait DiskFile: Send + Sync {
    /// Reads bytes at an offset: at least one if there is one and one is asked for, and perhaps
    /// fewer than asked for, as a system call may.
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads bytes at an offset; fewer than asked for only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let bytes = self.read_some_at(&mut buffer[filled..], offset + filled as u64)?;
            filled += bytes;
            if bytes == 0 || is_planted(PlantedBug::BelieveShortReads) {
                break;
            }
        }
        Ok(filled)
    }

    /// Writes all bytes at an offset.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes all bytes written so far durable. After an error nothing is known about any of them.
    fn sync(&self) -> io::Result<()>;

    /// Bytes in the file.
    fn len(&self) -> io::Result<u64>;

    /// Cuts the file, or extends it with zeros.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Whether there are no bytes in the file.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}
