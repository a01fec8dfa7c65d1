//! The doors to the engine: the only file that knows more than the trait `EventStore`.

use std::path::Path;

use hitherto_store::{EmbeddedStore, Error, Report, Result, Salvage};

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
    hitherto_store::verify(path).map_err(|error| naming(path, error))
}

/// Saves what is whole of a store into a new one.
pub(crate) fn repair(from: &Path, to: &Path) -> Result<Salvage> {
    hitherto_store::repair(from, to).map_err(|error| naming(from, error))
}

/// An error that says which store it is about.
fn naming(path: &Path, error: Error) -> Error {
    let (kind, path) = (error.kind(), path.display().to_string());
    let message = error.to_string();
    if message.contains(&path) { error } else { Error::new(kind, format!("{path}: {message}")) }
}
