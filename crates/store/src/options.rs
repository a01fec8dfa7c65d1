//! What can be chosen about an embedded store. Plain data; every field says its default and its limits.

/// Settings of an [`EmbeddedStore`](crate::EmbeddedStore).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The largest log file, in bytes. Default 256 MiB; at least 64 KiB. Files of a small store are
    /// smaller: each is about as large as all before it together.
    pub log_file_bytes_max: u64,
    /// The first log file, in bytes. Default 1 MiB; at least 8 KiB.
    pub log_file_bytes_min: u64,
    /// Whether the store may use threads of its own: one that commits what was submitted and not waited
    /// for, one that prepares the next log file. Default true. Without them the same happens in
    /// the caller's thread; a simulation wants that.
    pub background: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { log_file_bytes_max: 256 << 20, log_file_bytes_min: 1 << 20, background: true }
    }
}
