//! Where each event of a log file stands, and which event has an id.
//!
//! Four bytes of an id's hash are kept; whoever asks reads the few events that fit and compares.
//! Before that the range of all ids is asked: ids that grow with time (UUID version 7) are above
//! all that were stored earlier, so that a new one is known to be new without a look into any
//! table.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::append_list::AppendList;
use crate::event::EventId;
use crate::planted::lucky;

/// Offsets are multiples of 8, so 32 bits reach 32 GiB.
pub(crate) const OFFSET_UNIT: u64 = 8;

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
    /// The lowest and the highest start of an id.
    lowest: AtomicU64,
    highest: AtomicU64,
}

impl Places {
    /// A table with that many buckets, a power of two.
    pub(crate) fn new(buckets: usize, seed: u64) -> Self {
        assert!(buckets.is_power_of_two(), "a hash is cut to a bucket by its low bits");
        let buckets = std::iter::repeat_with(AtomicU32::default).take(buckets).collect();
        Self {
            list: AppendList::new(),
            count: AtomicU32::new(0),
            buckets,
            seed,
            lowest: AtomicU64::new(u64::MAX),
            highest: AtomicU64::new(0),
        }
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
        self.widen(start_of(id));
        let place = self.list.slot(event);
        place.offset.store((offset / OFFSET_UNIT) as u32, Ordering::Relaxed);
        place.id_tag.store(tag, Ordering::Relaxed);
        place.before.store(bucket.load(Ordering::Relaxed), Ordering::Relaxed);
        self.count.store(event + 1, Ordering::Release);
        bucket.store(event + 1, Ordering::Release);
        event
    }

    /// Only the writer does this, so that nothing can come between a look and a change.
    fn widen(&self, start: u64) {
        if start < self.lowest.load(Ordering::Relaxed) {
            self.lowest.store(start, Ordering::Relaxed);
        }
        if start > self.highest.load(Ordering::Relaxed) {
            self.highest.store(start, Ordering::Relaxed);
        }
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
        let mut next =
            if self.id_range().contains(id) { bucket.load(Ordering::Acquire) } else { 0 };
        let chain = std::iter::from_fn(move || {
            let event = next.checked_sub(1)?;
            next = self.list.at(event).before.load(Ordering::Acquire);
            Some(event)
        });
        chain.filter(move |&event| self.list.at(event).id_tag.load(Ordering::Acquire) == tag)
    }

    /// How many buckets the table has.
    pub(crate) fn buckets(&self) -> usize {
        self.buckets.len()
    }

    /// Forgets all events, and keeps their memory.
    pub(crate) fn empty(&mut self) {
        self.buckets.fill_with(AtomicU32::default);
        self.list.empty();
        self.count = AtomicU32::new(0);
        (self.lowest, self.highest) = (AtomicU64::new(u64::MAX), AtomicU64::new(0));
    }

    /// Bytes of the table and of the events that are in it.
    pub(crate) fn used_bytes(&self) -> usize {
        size_of_val(&*self.buckets) + self.count() as usize * size_of::<Place>()
    }

    /// Bytes that the table holds in memory.
    pub(crate) fn allocated_bytes(&self) -> usize {
        size_of_val(&*self.buckets) + self.list.allocated_bytes()
    }

    /// The part of an event's id's hash that is kept.
    pub(crate) fn id_tag(&self, event: u32) -> u32 {
        self.list.at(event).id_tag.load(Ordering::Acquire)
    }

    /// The range of all ids.
    pub(crate) fn id_range(&self) -> IdRange {
        let lowest = self.lowest.load(Ordering::Relaxed);
        IdRange { lowest, highest: self.highest.load(Ordering::Relaxed) }
    }

    fn hash(&self, id: EventId) -> (&AtomicU32, u32) {
        let hash = lucky(xxh3_64_with_seed(id.as_bytes(), self.seed));
        (&self.buckets[hash as usize & (self.buckets.len() - 1)], (hash >> 32) as u32)
    }
}

/// The part of an id's hash that an index keeps.
pub(crate) fn hash_part(id: EventId, seed: u64) -> u32 {
    (lucky(xxh3_64_with_seed(id.as_bytes(), seed)) >> 32) as u32
}

/// From the lowest to the highest start of some ids; empty if the lowest is above the highest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdRange {
    pub(crate) lowest: u64,
    pub(crate) highest: u64,
}

impl IdRange {
    const EMPTY: Self = Self { lowest: u64::MAX, highest: 0 };

    /// The range of these ids.
    pub(crate) fn of(ids: impl Iterator<Item = EventId>) -> Self {
        ids.map(start_of).fold(Self::EMPTY, |range, start| Self {
            lowest: range.lowest.min(start),
            highest: range.highest.max(start),
        })
    }

    /// Whether an id can be in both.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.lowest <= other.highest && other.lowest <= self.highest
    }

    pub(crate) fn contains(self, id: EventId) -> bool {
        (self.lowest..=self.highest).contains(&start_of(id))
    }
}

/// The first eight bytes, in which ids that grow with time keep it.
fn start_of(id: EventId) -> u64 {
    u64::from_be_bytes(id.as_bytes()[..8].try_into().expect("eight bytes"))
}
