//! What was read lately, within one budget: pages of derived files, and events that were found
//! through an index.
//!
//! Events that are read one after another do not enter: they are read many at once anyway, and
//! would push out what is asked for again.

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use quick_cache::{Weighter, sync::Cache};

use crate::record::Recorded;

/// Bytes that an entry takes beside what it holds, about.
const ENTRY_BYTES: u64 = 128;
/// What an average entry takes, to guess how many there will be.
const AVERAGE_BYTES: u64 = 1024;

/// By what something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CacheKey {
    Page { file: u32, page: u32 },
    Event(u64),
}

/// Another number for each file that is opened, to tell its pages from those of others.
pub(crate) fn serial() -> u32 {
    static SERIALS: AtomicU32 = AtomicU32::new(0);
    SERIALS.fetch_add(1, Ordering::Relaxed)
}

/// What is kept.
#[derive(Debug, Clone)]
pub(crate) enum Cached {
    Page(Bytes),
    Event(Recorded),
}

/// Keeps what was read lately.
pub(crate) struct ReadCache(Cache<CacheKey, Cached, Weigh>);

#[derive(Debug, Clone)]
struct Weigh;

impl Weighter<CacheKey, Cached> for Weigh {
    fn weight(&self, _: &CacheKey, cached: &Cached) -> u64 {
        let bytes = match cached {
            Cached::Page(page) => page.len(),
            Cached::Event(event) => event.stored_bytes(),
        };
        bytes as u64 + ENTRY_BYTES
    }
}

impl ReadCache {
    /// A cache of so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        Self(Cache::with_weighter((bytes / AVERAGE_BYTES) as usize, bytes, Weigh))
    }

    pub(crate) fn find(&self, key: CacheKey) -> Option<Cached> {
        self.0.get(&key)
    }

    pub(crate) fn keep(&self, key: CacheKey, cached: Cached) {
        self.0.insert(key, cached);
    }

    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.weight()
    }
}
