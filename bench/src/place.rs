//! A directory that is empty at first and gone at the end.

use std::fs::DirEntry;
use std::io;
use std::os::unix::fs::MetadataExt;
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
        allocated_bytes(&self.0)
    }
}

fn allocated_bytes(directory: &Path) -> io::Result<u64> {
    let bytes = |entry: io::Result<DirEntry>| {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let inside = if metadata.is_dir() { allocated_bytes(&entry.path())? } else { 0 };
        Ok(metadata.blocks() * 512 + inside)
    };
    std::fs::read_dir(directory)?.map(bytes).sum()
}

impl Drop for Place {
    fn drop(&mut self) {
        // What stays is only rubbish in the target directory, and the next run removes it.
        let _ = std::fs::remove_dir_all(&self.0);
        let _ = self.0.parent().map(std::fs::remove_dir);
    }
}
