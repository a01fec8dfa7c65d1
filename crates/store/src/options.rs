//! What can be chosen about an embedded store. Plain data; every field says its default and its
//! limits.

use std::time::Duration;

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
    /// The largest log file, in bytes. Default 256 MiB; at most 16 GiB. Files of a small store are
    /// smaller: each is some four times as large as all before it together up to 32 MiB, and then a
    /// sixteenth of all. An append that needs more gets a file of its own size.
    pub log_file_bytes_max: u64,
    /// The first log file, in bytes. Default 1 MiB; at least 8 KiB.
    pub log_file_bytes_min: u64,
    /// The memory that the store may take, in bytes. Default 64 MiB; at least 8 MiB, at most 1 TiB.
    /// Five parts of sixteen are for pages and events that were read lately, two for indexes of
    /// what is not sealed yet, and the rest for what is done in the background and under way. More
    /// makes reads of events that were read before faster; less makes more and smaller index files
    /// that are merged later. Callers' large appends and reads come on top, and with less than 64
    /// MiB what compression takes for a moment: some 12 MiB.
    pub memory_bytes_max: u64,
    /// Log files beyond so many bytes, oldest first, are compressed in the background. Default 1
    /// GiB. What is compressed takes a quarter to a half of the room and is read more slowly; 0
    /// compresses every full file, `u64::MAX` none.
    pub raw_bytes_max: u64,
    /// Whether a compressed file has the events of a stream that stand far apart in it a second
    /// time, side by side, so that one block is read and decoded for some ten of them. Default
    /// true. That takes as much room again as these events do, so that what is compressed takes up
    /// to twice as much.
    pub gathers_streams: bool,
    /// How many bytes a second are read in the background to remove what retention has removed.
    /// Default 32 MiB: some 5 MiB of log are rewritten a second then. 0 removes nothing in the
    /// background. Without background threads, and for its callers,
    /// [`scavenge`](crate::EmbeddedStore::scavenge) removes as well.
    pub scavenge_bytes_per_second: u64,
    /// How often all log files are read in the background, to know of damage where nobody reads.
    /// Default 14 days; zero never does. What is found is told by
    /// [`stat`](crate::EmbeddedStore::stat), and nothing is changed.
    pub scrub_every: Duration,
    /// How many bytes a second are read for that. Default 8 MiB: a twentieth of what a disk gives
    /// that reads 160 MiB a second, and 9 TiB in 14 days.
    pub scrub_bytes_per_second: u64,
    /// Whether the store may use threads of its own: one that commits what was submitted and not
    /// waited for, one that prepares the next log file, three that seal, merge and compress, and
    /// for a long replay some that read ahead. Default true. Without them the same happens in the
    /// caller's thread, and an end that nothing follows is only marked at close; a simulation wants
    /// that.
    pub background: bool,
    /// The id of a store that is created. Default none: a random one. Set it only where stores must
    /// be equal to the byte, as in tests: the secret of its hashes follows from it.
    pub store_id: Option<EventId>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log_file_bytes_max: 256 << 20,
            memory_bytes_max: 64 << 20,
            raw_bytes_max: 1 << 30,
            gathers_streams: true,
            scavenge_bytes_per_second: 32 << 20,
            scrub_every: Duration::from_hours(14 * 24),
            scrub_bytes_per_second: 8 << 20,
            log_file_bytes_min: 1 << 20,
            background: true,
            store_id: None,
        }
    }
}

impl Options {
    const MEMORY_BYTES_MIN: u64 = 8 << 20;
    const MEMORY_BYTES_MAX: u64 = 1 << 40;
    const INDEXED_LOG_BYTES_MIN: u64 = 16 << 10;
    /// An index says in 32 bits where an event stands in its file, in units of 8 bytes.
    pub(crate) const LOG_FILE_BYTES_LIMIT: u64 = 16 << 30;

    /// The first and the largest log file.
    pub(crate) fn log_file_bytes(&self) -> (u64, u64) {
        let minimum = self.log_file_bytes_min.min(Self::LOG_FILE_BYTES_LIMIT);
        (minimum, self.log_file_bytes_max.clamp(minimum, Self::LOG_FILE_BYTES_LIMIT))
    }

    /// The newest events get an index file, and those behind them another one, after so many bytes
    /// of log: so much is read, or a little more, when a store is opened that crashed.
    pub(crate) fn indexed_log_bytes(&self) -> u64 {
        (self.log_file_bytes_max / 8).max(Self::INDEXED_LOG_BYTES_MIN)
    }

    /// What the index of the newest events may take, and as much again those that wait to be sealed
    /// before who appends waits for that.
    pub(crate) fn growing_index_bytes(&self) -> u64 {
        self.memory_bytes() / 16
    }

    /// What pages and events that were read lately may take.
    pub(crate) fn cache_bytes(&self) -> u64 {
        self.memory_bytes() / 16 * 5
    }

    fn memory_bytes(&self) -> u64 {
        self.memory_bytes_max.clamp(Self::MEMORY_BYTES_MIN, Self::MEMORY_BYTES_MAX)
    }
}
