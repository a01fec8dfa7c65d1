//! The doors to the engine: the only file that knows more than the trait `EventStore`.

use std::path::Path;

use hitherto_store::{EmbeddedStore, Result};

/// Opens a store to write to it, and creates it if it is not there.
pub(crate) fn open(path: &Path) -> Result<EmbeddedStore> {
    EmbeddedStore::open(path)
}

/// Opens a store that exists, only to read, beside whoever writes.
pub(crate) fn open_read_only(path: &Path) -> Result<EmbeddedStore> {
    EmbeddedStore::open_read_only(path)
}

/// One stream, in short.
pub(crate) struct StreamSummary {
    /// Its full name.
    pub(crate) name: String,
    /// Its last version.
    pub(crate) version: u64,
    /// The position of its last event.
    pub(crate) last_position: hitherto_store::Position,
}

pub(crate) fn streams(
    _store: &EmbeddedStore,
    _category: Option<&str>,
) -> Result<Vec<StreamSummary>> {
    Ok(Vec::new())
}
