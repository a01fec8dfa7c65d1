//! Where compressed log files can be moved to, to be read from there: a directory, or any other
//! place that a program knows how to open.

mod directory;
mod file;
mod moving;
mod stub;

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use crate::disk::DiskFile;
use crate::error::Result;
use crate::store::EmbeddedStore;

pub use directory::DirectoryArchive;
pub(crate) use file::ArchivedFile;
pub use moving::Archived;
pub(crate) use moving::forget_superseded;
pub(crate) use stub::Stub;

/// A place that keeps objects by name. What it has is never changed, only put, read and removed.
///
/// Implemented by [`DirectoryArchive`], and for object stores by `hitherto-archive`.
pub trait Archive: Send + Sync + 'static {
    /// Where it is, as the store notes it down and messages say it: `file:///mnt/cold`,
    /// `s3://bucket/bank`.
    fn location(&self) -> &str;

    /// Puts an object, durably, in place of any that has the name.
    fn put(&self, name: &str, object: &dyn DiskFile) -> io::Result<()>;

    /// Reads bytes of an object from an offset on; fewer than asked for only at its end. `NotFound`
    /// if there is no such object.
    fn read_at(&self, name: &str, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Removes an object, and what an interrupted `put` of it has left; nothing happens if there
    /// is none.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// Opens the archive at a location, if it is of a sort that it knows.
pub type ArchiveOpener = fn(location: &str) -> io::Result<Option<Arc<dyn Archive>>>;

static OPENERS: RwLock<Vec<ArchiveOpener>> = RwLock::new(Vec::new());

/// Has archives of another sort than directories opened by this function, in this whole process:
/// wherever a log file was moved to one, also by `verify`, `repair` and backups. Telling it twice
/// is telling it once.
pub fn open_archives_with(opener: ArchiveOpener) {
    let mut openers = OPENERS.write().unwrap_or_else(PoisonError::into_inner);
    if !openers.iter().any(|known| std::ptr::fn_addr_eq(*known, opener)) {
        openers.push(opener);
    }
}

/// The archive at a location.
pub(crate) fn open_archive(location: &str) -> io::Result<Arc<dyn Archive>> {
    if let Some(path) = location.strip_prefix(directory::SCHEME) {
        return Ok(Arc::new(DirectoryArchive::open(Path::new(path))?));
    }
    let openers = OPENERS.read().unwrap_or_else(PoisonError::into_inner).clone();
    for opener in openers {
        if let Some(archive) = opener(location)? {
            return Ok(archive);
        }
    }
    Err(io::Error::other("this program does not know how to open it (`open_archives_with`)"))
}

impl EmbeddedStore {
    /// Compresses every full log file, and moves the oldest to an archive until those that stay
    /// here take no more than so many bytes. The newest full file always stays. A file is removed
    /// here only after its copy was read back and found equal; what is needed to find events and to
    /// open the store stays here, and events are read from the archive from then on.
    ///
    /// What was removed from a file after it was moved (by a scavenge) is removed from the archive
    /// too, by the next call.
    ///
    /// ```
    /// use hitherto_store::{DirectoryArchive, EmbeddedStore};
    ///
    /// # let path = std::env::temp_dir().join(format!("archive-{}", std::process::id()));
    /// let store = EmbeddedStore::open(path.join("bank"))?;
    /// let archive = DirectoryArchive::create(path.join("cold")).expect("there is room");
    /// let moved = store.archive(&archive, 0)?;
    /// assert_eq!(moved.files, 0); // nothing is full yet
    /// # std::fs::remove_dir_all(&path).ok();
    /// # Ok::<(), hitherto_store::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Unavailable` if the archive cannot be reached, or gives back something else than was put
    /// there: then the file stays here. `Invalid` if the store was opened read-only. `Closed` if it
    /// is closed meanwhile: files that are not moved yet stay here.
    pub fn archive(&self, archive: &dyn Archive, keep_bytes: u64) -> Result<Archived> {
        self.compress()?;
        moving::move_files(self.shared(), archive, keep_bytes)
    }
}
