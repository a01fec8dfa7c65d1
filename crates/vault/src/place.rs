//! Where a file of keys is: a name on a disk, and what people call it.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use hitherto_store::{Disk, DiskFile, Error, ErrorKind, Result};

use crate::key_directory::KeyDirectory;

/// A name on a disk, whether there is a file or not.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) name: String,
    shown: String,
}

/// Held while the file is written to.
pub(crate) struct WriteLock(
    #[expect(dead_code, reason = "locked until it is dropped")] Box<dyn Send + Sync>,
);

impl Place {
    /// A path of the file system.
    pub(crate) fn at(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Error::invalid(format!("{shown:?} cannot be the name of a file of keys")));
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let path = parent.unwrap_or(Path::new(".")).to_owned();
        let disk = Arc::new(KeyDirectory { path, lock_name: format!("{name}.lock") });
        Ok(Self { disk, name: name.to_owned(), shown })
    }

    /// A file on any disk, whose lock is that of its file of keys.
    pub(crate) fn on(disk: Arc<dyn Disk>, name: &str) -> Self {
        Self { disk, name: name.to_owned(), shown: name.to_owned() }
    }

    /// The name of what is beside it while it is created.
    pub(crate) fn new_name(&self) -> String {
        format!("{}.new", self.name)
    }

    /// The file, if it is there.
    pub(crate) fn find(&self) -> Result<Option<Arc<dyn DiskFile>>> {
        match self.disk.open(&self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some).map_err(|error| self.cannot("opened", error)),
        }
    }

    /// The file, which must be there.
    pub(crate) fn open(&self) -> Result<Arc<dyn DiskFile>> {
        self.disk.open(&self.name).map_err(|error| self.cannot("opened", error))
    }

    /// Takes the right to write.
    pub(crate) fn lock(&self) -> Result<WriteLock> {
        self.disk.lock().map(WriteLock).map_err(|error| self.cannot("locked", error))
    }

    /// What a failure of the disk is to the caller.
    pub(crate) fn cannot(&self, what: &str, error: io::Error) -> Error {
        let (kind, advice) = match error.kind() {
            io::ErrorKind::NotFound => (
                ErrorKind::NotFound,
                "it is missing: name the right file, or restore it from a backup",
            ),
            _ => (
                ErrorKind::Unavailable,
                "see that it can be read and written, and that there is room",
            ),
        };
        Error::new(kind, format!("the file of keys {self} cannot be {what}; {advice}"))
            .because(error)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
