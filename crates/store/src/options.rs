//! What can be chosen about an embedded store. Plain data; every field says its default and its
//! limits.

use crate::event::EventId;

/// Settings of an [`EmbeddedStore`](crate::EmbeddedStore).
///
/// ```
/// let mut options = hitherto_store::Options::default();
/// options.log_file_bytes_max = 64 << 20;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The largest log file, in bytes. Default 256 MiB. Files of a small store are smaller: each is
    /// some four times as large as all before it together. An append that needs more gets a file of
    /// its own size.
    pub log_file_bytes_max: u64,
    /// The first log file, in bytes. Default 1 MiB; at least 8 KiB.
    pub log_file_bytes_min: u64,
    /// Whether the store may use threads of its own: one that commits what was submitted and not
    /// waited for, one that prepares the next log file. Default true. Without them the same happens
    /// in the caller's thread, and an end that nothing follows is only marked at close; a
    /// simulation wants that.
    pub background: bool,
    /// The id of a store that is created. Default none: a random one. Set it only where stores must
    /// be equal to the byte, as in tests: the secret of its hashes follows from it.
    pub store_id: Option<EventId>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log_file_bytes_max: 256 << 20,
            log_file_bytes_min: 1 << 20,
            background: true,
            store_id: None,
        }
    }
}
