//! The index of one log file: which events have a key, where they stand, which one has an id.
//!
//! Derived from the log and never trusted over it: it can be thrown away and built again. The
//! writer extends it before the events are durable; readers never look beyond the durable position.

mod append_list;
mod cursor;
mod ids;
mod keys;
mod postings;

use crate::event::{EventId, split_stream_name};
use crate::record::Recorded;

pub(crate) use cursor::Cursor;
use ids::Places;
use keys::{Key, Keys};
pub(crate) use keys::{KeyClass, hash as term_hash};
use postings::Arena;

/// Bytes of log file per bucket: about one bucket an event of usual size.
const FILE_BYTES_PER_BUCKET: u64 = 512;

/// What one log file's events are found by.
pub(crate) struct FileIndex {
    places: Places,
    keys: Keys,
    arena: Arena,
    seed: u64,
}

/// What the index needs to know of an event.
pub(crate) struct IndexEntry<'event, Tags> {
    pub(crate) id: EventId,
    pub(crate) offset: u64,
    pub(crate) stream: Option<&'event str>,
    pub(crate) version: u64,
    pub(crate) kind: &'event str,
    pub(crate) tags: Tags,
}

impl FileIndex {
    /// An empty index for a file of that many bytes.
    pub(crate) fn new(file_bytes: u64, seed: u64) -> Self {
        let buckets = (file_bytes / FILE_BYTES_PER_BUCKET).max(64).next_power_of_two() as usize;
        let (places, keys) = (Places::new(buckets, seed), Keys::new(buckets));
        Self { places, keys, arena: Arena::new(), seed }
    }

    /// How many events the file has.
    pub(crate) fn count(&self) -> u32 {
        self.places.count()
    }

    /// Where an event's record starts in the file; `None` if it is damaged.
    pub(crate) fn offset(&self, event: u32) -> Option<u64> {
        self.places.offset(event)
    }

    /// Where the record behind an event's starts, if there is one: the event's reaches no further.
    pub(crate) fn offset_behind(&self, event: u32) -> Option<u64> {
        let next = event + 1;
        if next < self.places.count() { self.places.offset(next) } else { None }
    }

    /// The events that may have this id.
    pub(crate) fn candidates(&self, id: EventId) -> impl Iterator<Item = u32> {
        self.places.candidates(id)
    }

    /// Adds the next event, and its terms' hashes to `terms`; only the writer calls this.
    pub(crate) fn push<'a>(
        &self,
        entry: IndexEntry<'a, impl Iterator<Item = &'a str>>,
        mut terms: Option<&mut Vec<u64>>,
    ) {
        let event = self.places.push(entry.id, entry.offset);
        let mut add = |class, name: &str, version_before| {
            let hash = keys::hash(self.seed, class, name);
            if let Some(terms) = &mut terms {
                terms.push(hash);
            }
            self.keys.push(&self.arena, (class, hash, name), version_before, event);
        };
        if let Some(stream) = entry.stream {
            add(KeyClass::Stream, stream, entry.version.saturating_sub(1));
            add(KeyClass::Category, split_stream_name(stream).0, 0);
        }
        add(KeyClass::Kind, entry.kind, 0);
        entry.tags.for_each(|tag| add(KeyClass::Tag, tag, 0));
    }

    /// Adds an event that was read from the log.
    pub(crate) fn push_recorded(&self, event: &Recorded, offset: u64) {
        let entry = IndexEntry {
            id: event.id(),
            offset,
            stream: event.stream(),
            version: event.version(),
            kind: event.kind(),
            tags: event.tags(),
        };
        self.push(entry, None);
    }

    /// Adds events that are known to have been there, but cannot be read.
    pub(crate) fn skip(&self, events: u32) {
        self.places.skip(events);
    }

    /// The version of a stream after the last of its events numbered below `end`, if it has one
    /// here.
    pub(crate) fn stream_version(&self, stream: &str, end: u32) -> Option<u64> {
        let key = self.key(KeyClass::Stream, stream)?;
        let count = key.postings.count_below(&self.arena, end);
        (count > 0).then(|| key.version_before + u64::from(count))
    }

    /// The event that brought a stream to a version, if it stands in this file.
    pub(crate) fn event_of_version(&self, stream: &str, version: u64) -> Option<u32> {
        let key = self.key(KeyClass::Stream, stream)?;
        let ordinal = version.checked_sub(key.version_before + 1)?;
        key.postings.nth(&self.arena, u32::try_from(ordinal).ok()?)
    }

    /// The streams that have events numbered below `end` here: name, version, last event.
    pub(crate) fn streams(&self, end: u32) -> impl Iterator<Item = (&str, u64, u32)> {
        self.keys.of_class(KeyClass::Stream).filter_map(move |(name, key)| {
            let count = key.postings.count_below(&self.arena, end);
            let last = key.postings.nth(&self.arena, count.checked_sub(1)?)?;
            Some((name, key.version_before + u64::from(count), last))
        })
    }

    /// Bytes that the index holds in memory.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.places.allocated_bytes() + self.keys.allocated_bytes() + self.arena.allocated_bytes()
    }

    fn key(&self, class: KeyClass, name: &str) -> Option<&Key> {
        self.keys.find(class, keys::hash(self.seed, class, name), name)
    }
}
