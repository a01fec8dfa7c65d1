//! Some events of an index file, from which another one is written: the rest is read from the log
//! again.

use std::io;
use std::ops::Range;

use super::build::{IndexSource, KeyHandle, SourceKey};
use super::entries::IdEntry;
use super::postings::SealedPostings;
use super::{PLACES_PER_PAGE, SealedIndex};
use crate::error::Result;
use crate::index::KeyClass;

/// What an index file has of some events that follow one another.
pub(crate) struct PartOf<'index> {
    index: &'index SealedIndex,
    events: Range<u32>,
}

impl<'index> PartOf<'index> {
    pub(crate) fn new(index: &'index SealedIndex, events: Range<u32>) -> Self {
        Self { index, events }
    }

    /// What a key has here; none if it has no event.
    fn part_of(&self, mut key: SourceKey) -> Result<Option<SourceKey>> {
        let KeyHandle::Sealed { place, count, skipped } = &mut key.handle else { return Ok(None) };
        let mut postings = SealedPostings::new(place.clone(), *count);
        *skipped = postings.count_below(self.index, self.events.start)?;
        key.count = postings.count_below(self.index, self.events.end)? - *skipped;
        if key.class == KeyClass::Stream {
            key.version_before += u64::from(*skipped);
        }
        Ok((key.count > 0).then_some(key))
    }
}

impl IndexSource for PartOf<'_> {
    fn events(&self) -> u32 {
        self.events.end - self.events.start
    }

    fn places(&self) -> Box<dyn Iterator<Item = Result<u64>> + '_> {
        let (page, slot) =
            (self.events.start / PLACES_PER_PAGE, self.events.start % PLACES_PER_PAGE);
        let places = self.index.places_from(page).skip(slot as usize);
        Box::new(places.take(self.events() as usize))
    }

    fn ids(&self) -> Box<dyn Iterator<Item = Result<IdEntry>> + '_> {
        let ids = IndexSource::ids(self.index);
        Box::new(ids.filter_map(|entry| match entry {
            Ok(entry) if !self.events.contains(&entry.event) => None,
            entry => Some(entry.map(|it| IdEntry { event: it.event - self.events.start, ..it })),
        }))
    }

    fn keys(&self) -> Box<dyn Iterator<Item = Result<SourceKey>> + '_> {
        let keys = self.index.keys();
        Box::new(keys.filter_map(|key| key.and_then(|key| self.part_of(key)).transpose()))
    }

    fn for_each_posting(
        &self,
        key: &SourceKey,
        visit: &mut dyn FnMut(u32) -> io::Result<()>,
    ) -> Result<()> {
        let start = self.events.start;
        self.index.for_each_posting(key, &mut |event| visit(event.wrapping_sub(start)))
    }

    fn stands(&self, key: &SourceKey) -> Option<Vec<u8>> {
        self.index.stands(key)
    }
}
