//! The index of the newest events: which of them have a key, where they stand, which one has an
//! id.
//!
//! Derived from the log and never trusted over it: it can be thrown away and built again. The
//! writer extends it before the events are durable; readers never look beyond the durable position.
//! When it is large enough, or its file full, it is sealed: written down and taken out of memory.

mod append_list;
mod arena;
mod ids;
mod keys;
mod postings;
pub(crate) mod sealed;
mod spare;

use crate::error::Result;
use crate::event::{EventId, split_stream_name};
use crate::record::Recorded;

use arena::Arena;
pub(crate) use ids::IdRange;
use ids::Places;
use keys::{Key, Keys};
pub(crate) use keys::{KeyClass, hash as term_hash};
pub(crate) use postings::PostingsCursor;
pub(crate) use sealed::Stand;
pub(crate) use spare::SpareIndex;

/// Bytes of log file per bucket: about one bucket an event of usual size.
const FILE_BYTES_PER_BUCKET: u64 = 512;

/// What the newest events are found by.
pub(crate) struct GrowingIndex {
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

impl GrowingIndex {
    /// An empty index for a file of that many bytes.
    pub(crate) fn new(file_bytes: u64, seed: u64) -> Self {
        let buckets = buckets(file_bytes);
        let (places, keys) = (Places::new(buckets, seed), Keys::new(buckets));
        Self { places, keys, arena: Arena::new(), seed }
    }

    /// Whether it is made for files of that many bytes, or larger ones.
    fn is_for(&self, file_bytes: u64) -> bool {
        self.places.buckets() >= buckets(file_bytes)
    }

    /// Forgets everything, and keeps the memory for the next file.
    fn empty(&mut self) {
        self.places.empty();
        self.keys.empty();
        self.arena.empty();
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
        if !entry.kind.is_empty() {
            add(KeyClass::Kind, entry.kind, 0); // nobody knows that of an event that was removed
        }
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
    pub(crate) fn streams(&self, end: u32) -> impl Iterator<Item = (Box<str>, u64, u32)> {
        self.keys.of_class(KeyClass::Stream).filter_map(move |key| {
            let count = key.postings.count_below(&self.arena, end);
            let last = key.postings.nth(&self.arena, count.checked_sub(1)?)?;
            Some((key.name(&self.arena), key.version_before + u64::from(count), last))
        })
    }

    /// How many streams have their first event here, numbered below `end`.
    pub(crate) fn new_streams(&self, end: u32) -> u64 {
        let is_new = |key: &&Key| {
            key.version_before == 0
                && key.postings.nth(&self.arena, 0).is_some_and(|first| first < end)
        };
        self.keys.of_class(KeyClass::Stream).filter(is_new).count() as u64
    }

    /// Bytes of memory that what is in it takes.
    pub(crate) fn used_bytes(&self) -> usize {
        self.places.used_bytes() + self.keys.used_bytes() + self.arena.used_bytes()
    }

    /// Bytes that the index holds in memory.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.places.allocated_bytes() + self.keys.allocated_bytes() + self.arena.allocated_bytes()
    }

    /// Which of two keys is written down first.
    fn compare_keys(&self, one: u32, other: u32) -> std::cmp::Ordering {
        let (one, other) = (self.keys.at(one), self.keys.at(other));
        let by_name = || one.name(&self.arena).cmp(&other.name(&self.arena));
        one.order().cmp(&other.order()).then_with(by_name)
    }

    fn key(&self, class: KeyClass, name: &str) -> Option<&Key> {
        self.keys.find(&self.arena, (class, keys::hash(self.seed, class, name), name))
    }

    /// The postings of a key, to walk in a direction.
    pub(crate) fn postings(
        &self,
        class: KeyClass,
        name: &str,
        direction: crate::query::Direction,
    ) -> Option<PostingsCursor> {
        let key = self.key(class, name)?;
        Some(PostingsCursor::new(&key.postings, &self.arena, direction))
    }

    /// A stream's version before its first event here, if it has one.
    pub(crate) fn version_before(&self, stream: &str) -> Option<u64> {
        self.key(KeyClass::Stream, stream).map(|key| key.version_before)
    }

    /// The nearest event at `target` or beyond it, in the direction of a walk of this index.
    pub(crate) fn seek(&self, cursor: &mut PostingsCursor, target: u32) -> Option<u32> {
        cursor.seek(&self.arena, target)
    }

    /// The range of all ids.
    pub(crate) fn id_range(&self) -> IdRange {
        self.places.id_range()
    }
}

fn buckets(file_bytes: u64) -> usize {
    (file_bytes / FILE_BYTES_PER_BUCKET).max(64).next_power_of_two() as usize
}

/// A growing index can be written down when nothing is added to it any more.
impl sealed::IndexSource for GrowingIndex {
    fn events(&self) -> u32 {
        self.count()
    }

    fn places(&self) -> Box<dyn Iterator<Item = Result<u64>> + '_> {
        Box::new((0..self.count()).map(|event| Ok(self.offset(event).unwrap_or(0))))
    }

    fn ids(&self) -> Box<dyn Iterator<Item = Result<sealed::IdEntry>> + '_> {
        let entry = |event| sealed::IdEntry { hash: self.places.id_tag(event), event };
        let mut entries: Vec<_> = (0..self.count()).map(entry).collect();
        entries.sort_unstable();
        Box::new(entries.into_iter().map(Ok))
    }

    fn keys(&self) -> Box<dyn Iterator<Item = Result<sealed::SourceKey>> + '_> {
        let mut numbers: Vec<u32> = (0..self.keys.count()).collect();
        numbers.sort_unstable_by(|&one, &other| self.compare_keys(one, other));
        Box::new(numbers.into_iter().map(|number| {
            let key = self.keys.at(number);
            Ok(sealed::SourceKey::growing(
                (key.hash, key.class, key.name(&self.arena)),
                key.version_before,
                key.postings.count(),
                number,
            ))
        }))
    }

    fn for_each_posting(
        &self,
        key: &sealed::SourceKey,
        visit: &mut dyn FnMut(u32) -> std::io::Result<()>,
    ) -> Result<()> {
        let postings = &self.keys.at(key.number()).postings;
        let failed = |error| crate::load::disk_error("an index file could not be written")(error);
        postings.for_each(&self.arena, visit).map_err(failed)
    }

    fn stands(&self, key: &sealed::SourceKey) -> Option<Vec<u8>> {
        let (mut stands, events) = (Vec::new(), &self.keys.at(key.number()).postings);
        let behind = |event| self.offset_behind(event).unwrap_or(u64::MAX);
        let all = events.for_each(&self.arena, &mut |event| {
            let stand = self.offset(event).and_then(|it| Stand::new(it, behind(event)));
            stands.extend_from_slice(&Stand::encode(stand));
            Ok(())
        });
        all.is_ok().then_some(stands)
    }
}
