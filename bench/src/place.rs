//! A directory that is empty at first and gone at the end.

use std::io;
use std::path::{Path, PathBuf};

/// A fresh directory; removed with everything in it when this is dropped.
#[derive(Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn fresh(parent: &Path, name: &str) -> io::Result<Self> {
        let path = parent.join(name);
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// What the files in it take on disk, in bytes.
    pub(crate) fn allocated_bytes(&self) -> io::Result<u64> {
        use std::os::unix::fs::MetadataExt;
        let bytes = |entry: io::Result<std::fs::DirEntry>| Ok(entry?.metadata()?.blocks() * 512);
        std::fs::read_dir(&self.0)?.map(bytes).sum()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What stays is only rubbish in the target directory, and the next run removes it.
        let _ = std::fs::remove_dir_all(&self.0);
        let _ = self.0.parent().map(std::fs::remove_dir);
    }
}
