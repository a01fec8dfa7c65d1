//! The doors to the engine: the only file that knows more than the trait `EventStore`.

use std::path::Path;

use hitherto_store::{EmbeddedStore, Error, Report, Result};

/// Opens a store to write to it, and creates it if it is not there.
pub(crate) fn open(path: &Path) -> Result<EmbeddedStore> {
    EmbeddedStore::open(path)
}

/// Opens a store that exists, only to read, beside whoever writes.
pub(crate) fn open_read_only(path: &Path) -> Result<EmbeddedStore> {
    EmbeddedStore::open_read_only(path)
}

/// Reads a whole store and reports what is wrong with it.
pub(crate) fn verify(path: &Path) -> Result<Report> {
    hitherto_store::verify(path).map_err(|error| {
        let (kind, path) = (error.kind(), path.display().to_string());
        let message = error.to_string();
        if message.contains(&path) { error } else { Error::new(kind, format!("{path}: {message}")) }
    })
}
