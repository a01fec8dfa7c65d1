//! Where each event of a log file stands, and which event has an id.
//!
//! Four bytes of an id's hash are kept; whoever asks reads the few events that fit and compares.

use std::sync::atomic::{AtomicU32, Ordering};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::append_list::AppendList;
use crate::event::EventId;

/// Offsets are multiples of 8, so 32 bits reach 32 GiB.
const OFFSET_UNIT: u64 = 8;

#[derive(Default)]
struct Place {
    offset: AtomicU32,
    id_tag: AtomicU32,
    /// The event before in the same bucket, plus one; 0 for none.
    before: AtomicU32,
}

/// The events of one log file by number and by id.
pub(crate) struct Places {
    list: AppendList<Place>,
    count: AtomicU32,
    buckets: Box<[AtomicU32]>,
    seed: u64,
}

impl Places {
    /// A table with that many buckets, a power of two.
    pub(crate) fn new(buckets: usize, seed: u64) -> Self {
        assert!(buckets.is_power_of_two(), "a hash is cut to a bucket by its low bits");
        let buckets = std::iter::repeat_with(AtomicU32::default).take(buckets).collect();
        Self { list: AppendList::new(), count: AtomicU32::new(0), buckets, seed }
    }

    /// How many events there are, damaged ones included.
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Where the record of an event starts in its file; `None` for one that was damaged.
    pub(crate) fn offset(&self, event: u32) -> Option<u64> {
        let offset = self.list.at(event).offset.load(Ordering::Acquire);
        (offset != 0).then(|| u64::from(offset) * OFFSET_UNIT)
    }

    /// Adds the next event; only the writer calls this.
    pub(crate) fn push(&self, id: EventId, offset: u64) -> u32 {
        let event = self.count.load(Ordering::Relaxed);
        let (bucket, tag) = self.hash(id);
        let place = self.list.slot(event);
        place.offset.store((offset / OFFSET_UNIT) as u32, Ordering::Relaxed);
        place.id_tag.store(tag, Ordering::Relaxed);
        place.before.store(bucket.load(Ordering::Relaxed), Ordering::Relaxed);
        self.count.store(event + 1, Ordering::Release);
        bucket.store(event + 1, Ordering::Release);
        event
    }

    /// Adds events that are known to have been there, but cannot be read.
    pub(crate) fn skip(&self, events: u32) {
        let count = self.count.load(Ordering::Relaxed);
        for event in count..count + events {
            self.list.slot(event).offset.store(0, Ordering::Relaxed);
        }
        self.count.store(count + events, Ordering::Release);
    }

    /// The events that may have this id, newest first.
    pub(crate) fn candidates(&self, id: EventId) -> impl Iterator<Item = u32> {
        let (bucket, tag) = self.hash(id);
        let mut next = bucket.load(Ordering::Acquire);
        let chain = std::iter::from_fn(move || {
            let event = next.checked_sub(1)?;
            next = self.list.at(event).before.load(Ordering::Acquire);
            Some(event)
        });
        chain.filter(move |&event| self.list.at(event).id_tag.load(Ordering::Acquire) == tag)
    }

    /// Bytes that the table holds in memory.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.buckets.len() * size_of::<AtomicU32>() + self.list.allocated_bytes()
    }

    fn hash(&self, id: EventId) -> (&AtomicU32, u32) {
        let hash = xxh3_64_with_seed(id.as_bytes(), self.seed);
        (&self.buckets[hash as usize & (self.buckets.len() - 1)], (hash >> 32) as u32)
    }
}
