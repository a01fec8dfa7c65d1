//! What was read lately, within one budget: pages of derived files, and events that were found
//! through an index.
//!
//! Events that are read one after another do not enter: they are read many at once anyway, and
//! would push out what is asked for again.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use quick_cache::{Weighter, sync::Cache};

use crate::event::Position;
use crate::record::Recorded;

/// Bytes that an entry takes beside what it holds, about.
const ENTRY_BYTES: u64 = 128;
/// What an average entry takes, to guess how many there will be.
const AVERAGE_BYTES: u64 = 1024;
/// Slots for events that were asked for once, for each entry.
const SLOTS_PER_ENTRY: usize = 4;
/// They are all made at once.
const SLOTS_MAX: usize = 1 << 24;
/// Spreads positions over slots: 2⁶⁴ divided by the golden ratio.
const HASH_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

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
pub(crate) struct ReadCache {
    kept: Cache<CacheKey, Cached, Weigh>,
    /// Which events were asked for lately, one in each slot; made when the first is asked for.
    asked: OnceLock<Box<[AtomicU32]>>,
    slots: usize,
}

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
        let entries = (bytes / AVERAGE_BYTES) as usize;
        let kept = Cache::with_weighter(entries, bytes, Weigh);
        let slots = (entries * SLOTS_PER_ENTRY).next_power_of_two().min(SLOTS_MAX);
        Self { kept, asked: OnceLock::new(), slots }
    }

    pub(crate) fn find(&self, key: CacheKey) -> Option<Cached> {
        self.kept.get(&key)
    }

    pub(crate) fn keep(&self, key: CacheKey, cached: Cached) {
        self.kept.insert(key, cached);
    }

    /// Notes that an event is asked for; whether it was before, not too long ago.
    ///
    /// Most are asked for once. To keep them would cost more than to read them, and push out what
    /// is asked for again; and to look for them among those that are kept costs as much as a part
    /// of the read.
    pub(crate) fn is_asked_again(&self, position: Position) -> bool {
        let position = position.0;
        let slots = std::iter::repeat_with(AtomicU32::default).take(self.slots);
        let asked = self.asked.get_or_init(|| slots.collect());
        let slot = (position.wrapping_mul(HASH_FACTOR) >> 32) as usize & (self.slots - 1);
        // What somebody else notes meanwhile in the same slot may be lost: it is asked once more.
        let is_asked_again = asked[slot].load(Ordering::Relaxed) == position as u32;
        if !is_asked_again {
            asked[slot].store(position as u32, Ordering::Relaxed);
        }
        is_asked_again
    }

    /// Bytes that it holds.
    pub(crate) fn bytes(&self) -> u64 {
        self.kept.weight() + self.asked.get().map_or(0, |asked| size_of_val(&**asked) as u64)
    }
}
