//! Writes an index file from one growing index, or from several index files that follow one
//! another: sealing and merging are the same.

use std::io;

use super::entries::{self, ID_ENTRY_BYTES, IdEntry, KeyEntry, KeyHead, TableWriter, home_hash};
use super::filter::{self, FilterWriter};
use super::header::{FILE_ENTRY_BYTES, Fields, FileEntry, SealedHeader, Sections, varint_len};
use super::postings::{INLINE_BYTES_MAX, Place, PostingsWriter, SealedPostings, encode_inline};
use super::stand::{STAND_BYTES, STANDS_MAX};
use super::{SealedIndex, file_name};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::index::{KeyClass, ids};
use crate::page::{CONTENT_BYTES, PageWriter, Pages};
use crate::sync::AtomicBool;

/// Of an index that is written: everything but what its sources know.
pub(crate) struct Coverage {
    /// Without nonce, sections and counts of keys: they follow from the rest.
    pub(crate) header: SealedHeader,
    pub(crate) files: Vec<FileEntry>,
}

/// A key of a source, in the order of hash, class and name.
pub(crate) struct SourceKey {
    pub(crate) hash: u64,
    pub(crate) class: KeyClass,
    pub(crate) name: Box<str>,
    pub(crate) version_before: u64,
    pub(crate) count: u32,
    /// What the source finds the key's postings by.
    pub(super) handle: KeyHandle,
}

pub(super) enum KeyHandle {
    Growing(u32),
    /// All postings of the key, and how many of them come before those that are meant.
    Sealed {
        place: Place,
        count: u32,
        skipped: u32,
    },
}

impl SourceKey {
    pub(crate) fn growing(
        (hash, class, name): (u64, KeyClass, Box<str>),
        version_before: u64,
        count: u32,
        number: u32,
    ) -> Self {
        let handle = KeyHandle::Growing(number);
        Self { hash, class, name, version_before, count, handle }
    }

    /// The number of the key in a growing index.
    pub(crate) fn number(&self) -> u32 {
        match self.handle {
            KeyHandle::Growing(number) => number,
            KeyHandle::Sealed { .. } => u32::MAX,
        }
    }

    /// Bytes that its postings take at most within an entry of an index of so many events: the
    /// first of them may take more behind others.
    fn inline_bytes_max(&self, events: u32) -> usize {
        let longest = varint_len(u64::from(events));
        match &self.handle {
            KeyHandle::Sealed { place: Place::Inline { bytes, stands }, skipped: 0, .. } => {
                let first = bytes.iter().take_while(|&&byte| byte >= 0x80).count() + 1;
                *stands + longest.saturating_sub(first)
            }
            KeyHandle::Sealed { place: Place::Inline { stands, .. }, .. } => *stands + longest,
            KeyHandle::Sealed { place: Place::Section { .. }, .. } => INLINE_BYTES_MAX,
            KeyHandle::Growing(_) => longest * self.count as usize,
        }
    }

    /// Whether it says where its events stand if there are so many of them.
    fn may_have_stands(&self, count: u32) -> bool {
        self.class == KeyClass::Stream && count <= STANDS_MAX
    }

    fn order(&self) -> (u64, u8, &str) {
        (self.hash, self.class as u8, &self.name)
    }
}

/// What an index file can be written from.
pub(crate) trait IndexSource {
    /// How many events it has.
    fn events(&self) -> u32;
    /// Where each event stands in its log file.
    fn places(&self) -> Box<dyn Iterator<Item = Result<u64>> + '_>;
    /// The hashes of all ids, in their order.
    fn ids(&self) -> Box<dyn Iterator<Item = Result<IdEntry>> + '_>;
    /// All keys, in the order of hash, class and name.
    fn keys(&self) -> Box<dyn Iterator<Item = Result<SourceKey>> + '_>;
    /// The events of a key, in order.
    fn for_each_posting(
        &self,
        key: &SourceKey,
        visit: &mut dyn FnMut(u32) -> io::Result<()>,
    ) -> Result<()>;
    /// Where the events of a key stand, encoded, if that is known without a look at each place.
    fn stands(&self, key: &SourceKey) -> Option<Vec<u8>>;
}

/// Writes an index file, makes it durable and gives it its name; returns that. Leaves off with an
/// error soon after `stop` is set.
pub(crate) fn write(
    disk: &dyn Disk,
    mut coverage: Coverage,
    sources: &[&dyn IndexSource],
    stop: &AtomicBool,
) -> Result<String> {
    let header = &mut coverage.header;
    header.nonce = nonce(header);
    header.events = sources.iter().map(|source| source.events()).sum();
    header.files = coverage.files.len() as u32;
    header.sections = lay_out(header, sources)?;
    let name = file_name(header.first_position, header.end_position());
    let failed = || crate::load::disk_error("an index file could not be written");
    // Others may write one of other events meanwhile.
    let temporary = &format!("{name}.tmp");
    crate::roll::remove_if_there(disk, temporary).map_err(failed())?;
    let file = disk.create(temporary).map_err(failed())?;
    let writing = Writing { file: &*file, coverage: &mut coverage, sources, stop };
    let written = writing.write_all();
    if let Err(error) = written.and_then(|()| file.sync().map_err(failed())) {
        // What could be written of it takes the room that others may need.
        let _ = disk.remove(temporary);
        return Err(error);
    }
    disk.rename(temporary, &name).map_err(failed())?;
    crate::roll::sync_directory(disk).map_err(failed())?;
    Ok(name)
}

fn nonce(header: &SealedHeader) -> u64 {
    let mut bytes = header.store_id.as_bytes().to_vec();
    bytes.extend_from_slice(&header.first_position.0.to_le_bytes());
    bytes.extend_from_slice(&header.end.position.0.to_le_bytes());
    bytes.extend_from_slice(&header.end.chain.unwrap_or(0).to_le_bytes());
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

fn lay_out(header: &SealedHeader, sources: &[&dyn IndexSource]) -> Result<Sections> {
    let pages = |bytes: u64| bytes.div_ceil(CONTENT_BYTES as u64) as u32;
    let events = u64::from(header.events);
    let places = 1 + pages(u64::from(header.files) * FILE_ENTRY_BYTES as u64);
    let ids = places + (header.events).div_ceil((CONTENT_BYTES / 4) as u32);
    let id_homes = entries::homes_of_ids(events);
    let filter = ids + id_homes + entries::spare_pages(id_homes);
    let keys_there = count_keys(sources, header.events)?;
    let filter_blocks = filter::blocks(keys_there.count);
    let keys = filter + filter::pages(filter_blocks);
    let key_homes = entries::homes_of_keys(keys_there.bytes, keys_there.largest);
    let postings = keys + key_homes + entries::spare_pages(key_homes);
    let end = postings;
    Ok(Sections { places, ids, id_homes, filter, filter_blocks, keys, key_homes, postings, end })
}

/// The keys that an index will have: what is in several sources is one key.
#[derive(Default)]
struct KeysThere {
    count: u64,
    /// Bytes that their entries take at most.
    bytes: u64,
    /// And the largest of them.
    largest: u64,
}

impl KeysThere {
    /// One of so many events in all sources, whose postings take so many bytes there.
    fn add(&mut self, key: &SourceKey, count: u32, postings: usize) {
        let stands = if key.may_have_stands(count) { count as usize * STAND_BYTES } else { 0 };
        let postings = postings.min(INLINE_BYTES_MAX) + stands;
        let bytes = entries::key_entry_bytes(&key.name, postings);
        self.count += 1;
        self.bytes += bytes;
        self.largest = self.largest.max(bytes);
    }
}

fn count_keys(sources: &[&dyn IndexSource], events: u32) -> Result<KeysThere> {
    let sorted = sources.iter().map(|source| source.keys()).collect();
    let mut merged = Merged::new(sorted, |key: &SourceKey| key.hash).peekable();
    let mut keys = KeysThere::default();
    while let Some(first) = merged.next() {
        let (_, key) = first?;
        let (mut count, mut postings) = (key.count, key.inline_bytes_max(events));
        while let Some(next) = merged.next_if(|next| is_alike(next, key.hash)) {
            let (_, next) = next?;
            count = count.saturating_add(next.count);
            postings += next.inline_bytes_max(events);
            if next.order() != key.order() {
                count = count.min(STANDS_MAX); // nobody knows which of them has how many
                keys.add(&next, count, postings);
            }
        }
        keys.add(&key, count, postings);
    }
    Ok(keys)
}

struct Writing<'index> {
    file: &'index dyn crate::disk::DiskFile,
    coverage: &'index mut Coverage,
    sources: &'index [&'index dyn IndexSource],
    stop: &'index AtomicBool,
}

impl<'index> Writing<'index> {
    fn write_all(mut self) -> Result<()> {
        self.write_places()?;
        self.write_ids()?;
        self.write_keys()?;
        self.write_files().map_err(failed)?;
        let header = &self.coverage.header;
        let mut pages = PageWriter::new(self.file, header.nonce, 0, self.stop);
        pages.put(&header.encode());
        pages.finish(1).map_err(failed)
    }

    fn pages(&self, first: u32) -> PageWriter<'index> {
        PageWriter::new(self.file, self.coverage.header.nonce, first, self.stop)
    }

    fn write_files(&self) -> io::Result<()> {
        let mut pages = self.pages(1);
        for file in &self.coverage.files {
            pages.put_across(&file.encode())?;
        }
        pages.finish(self.coverage.header.sections.places)
    }

    fn write_places(&self) -> Result<()> {
        let sections = self.coverage.header.sections;
        let mut pages = self.pages(sections.places);
        for source in self.sources {
            for place in source.places() {
                let unit = (place? / ids::OFFSET_UNIT) as u32;
                pages.put_across(&unit.to_le_bytes()).map_err(failed)?;
            }
        }
        pages.finish(sections.ids).map_err(failed)
    }

    fn write_ids(&self) -> Result<()> {
        let sections = self.coverage.header.sections;
        let mut table = TableWriter::new(self.pages(sections.ids), sections.id_homes);
        let sorted = self.sources.iter().map(|source| source.ids()).collect();
        for entry in Merged::new(sorted, |entry: &IdEntry| entry.hash) {
            let (source, mut entry) = entry?;
            entry.event = entry.event.wrapping_add(self.shift(source));
            table.push(entry.hash, &entry.encode()).map_err(failed)?;
        }
        table.finish().map_err(failed)
    }

    fn write_keys(&mut self) -> Result<()> {
        let sections = self.coverage.header.sections;
        let mut filter = FilterWriter::new(self.pages(sections.filter), sections.filter_blocks);
        let mut table = TableWriter::new(self.pages(sections.keys), sections.key_homes);
        let mut postings = PostingsWriter::new(self.pages(sections.postings));
        let sorted = self.sources.iter().map(|source| source.keys()).collect();
        let mut merged = Merged::new(sorted, |key: &SourceKey| key.hash).peekable();
        let (mut new_streams, mut count, mut bytes) = (0, 0, Vec::new());
        while let Some(first) = merged.next() {
            let mut alike = vec![first?];
            let hash = alike[0].1.hash;
            filter.push(hash).map_err(failed)?;
            while let Some(next) = merged.next_if(|next| is_alike(next, hash)) {
                alike.push(next?);
            }
            alike.sort_by(|(_, one), (_, other)| one.order().cmp(&other.order()));
            for same in alike.chunk_by(|(_, one), (_, other)| one.order() == other.order()) {
                let entry = self.join(same, &mut postings)?;
                count += u64::from(entry.count);
                let is_new = entry.class == KeyClass::Stream && entry.version_before == 0;
                new_streams += u64::from(is_new);
                entry.encode(&mut bytes);
                table.push(home_hash(entry.hash), &bytes).map_err(failed)?;
            }
        }
        filter.finish(sections.keys).map_err(failed)?;
        table.finish().map_err(failed)?;
        let end = postings.finish().map_err(failed)?;
        let header = &mut self.coverage.header;
        (header.sections.end, header.postings, header.new_streams) = (end, count, new_streams);
        Ok(())
    }

    /// One key with the postings that it has in all sources.
    fn join(
        &self,
        same: &[(usize, SourceKey)],
        postings: &mut PostingsWriter<'_>,
    ) -> Result<KeyEntry> {
        let count = same.iter().map(|(_, key)| key.count).sum();
        let place = if let Some(place) = self.join_inline(same, count)? {
            place
        } else {
            self.for_each_posting(same, &mut |event| postings.push(event))?;
            postings.finish_key(|visit| self.for_each_posting(same, visit))?
        };
        let (_, first) = &same[0];
        let (hash, class, name) = (first.hash, first.class, first.name.clone());
        Ok(KeyEntry { hash, class, name, version_before: first.version_before, count, place })
    }

    fn join_inline(&self, same: &[(usize, SourceKey)], count: u32) -> Result<Option<Place>> {
        if count as usize > INLINE_BYTES_MAX {
            return Ok(None);
        }
        let mut events = Vec::with_capacity(count as usize);
        self.for_each_posting(same, &mut |event| {
            events.push(event);
            Ok(())
        })?;
        let mut bytes = encode_inline(&events);
        let stands = bytes.len();
        if stands > INLINE_BYTES_MAX {
            return Ok(None);
        }
        if same[0].1.may_have_stands(count) {
            let known = same.iter().map(|(source, key)| self.sources[*source].stands(key));
            bytes.extend(known.collect::<Option<Vec<_>>>().unwrap_or_default().concat());
        }
        Ok(Some(Place::Inline { bytes, stands }))
    }

    /// The events of a key in all sources, as they are numbered in the new index.
    fn for_each_posting(
        &self,
        same: &[(usize, SourceKey)],
        visit: &mut dyn FnMut(u32) -> io::Result<()>,
    ) -> Result<()> {
        same.iter().try_for_each(|(source, key)| {
            let shift = self.shift(*source);
            let mut visit = |event: u32| visit(event.wrapping_add(shift));
            self.sources[*source].for_each_posting(key, &mut visit)
        })
    }

    /// The number in the new index of the first event of a source.
    fn shift(&self, source: usize) -> u32 {
        self.sources[..source].iter().map(|source| source.events()).sum()
    }
}

fn is_alike(next: &Result<(usize, SourceKey)>, hash: u64) -> bool {
    next.as_ref().map_or(true, |(_, key)| key.hash == hash)
}

pub(super) fn failed(error: io::Error) -> Error {
    crate::load::disk_error("an index file could not be written")(error)
}

type Sorted<'index, T> = Box<dyn Iterator<Item = Result<T>> + 'index>;

/// Several sorted walks as one, each item with the number of its source.
struct Merged<'index, T, Order> {
    sources: Vec<std::iter::Peekable<Sorted<'index, T>>>,
    order: Order,
}

impl<'index, T, K: Ord, Order: Fn(&T) -> K> Merged<'index, T, Order> {
    fn new(sources: Vec<Sorted<'index, T>>, order: Order) -> Self {
        Self { sources: sources.into_iter().map(Iterator::peekable).collect(), order }
    }

    /// The source whose next item is the lowest, or an error.
    fn lowest(&mut self) -> Option<usize> {
        let mut lowest: Option<(K, usize)> = None;
        for (number, source) in self.sources.iter_mut().enumerate() {
            let Some(next) = source.peek() else { continue };
            let Ok(item) = next else { return Some(number) };
            let key = (self.order)(item);
            if lowest.as_ref().is_none_or(|(low, _)| key < *low) {
                lowest = Some((key, number));
            }
        }
        lowest.map(|(_, number)| number)
    }
}

impl<T, K: Ord, Order: Fn(&T) -> K> Iterator for Merged<'_, T, Order> {
    type Item = Result<(usize, T)>;

    fn next(&mut self) -> Option<Self::Item> {
        let number = self.lowest()?;
        Some(self.sources[number].next()?.map(|item| (number, item)))
    }
}

impl IndexSource for SealedIndex {
    fn events(&self) -> u32 {
        self.header.events
    }

    fn places(&self) -> Box<dyn Iterator<Item = Result<u64>> + '_> {
        Box::new(self.places_from(0).take(self.header.events as usize))
    }

    fn ids(&self) -> Box<dyn Iterator<Item = Result<IdEntry>> + '_> {
        let sections = self.header.sections;
        Box::new(self.walk(sections.ids..sections.ids_end(), |page| {
            let entries = entries::of_page(page)?;
            let (entries, _) = entries.as_chunks::<ID_ENTRY_BYTES>();
            entries.iter().map(|entry| IdEntry::decode(&mut Fields(entry))).collect()
        }))
    }

    fn keys(&self) -> Box<dyn Iterator<Item = Result<SourceKey>> + '_> {
        let sections = self.header.sections;
        Box::new(self.walk(sections.keys..sections.postings, |page| {
            let entries = entries::of_page(page)?;
            let mut fields = Fields(&entries);
            let mut keys = Vec::new();
            while !fields.0.is_empty() {
                let KeyEntry { hash, class, name, version_before, count, place } =
                    KeyHead::decode(&mut fields)?.entry()?;
                let handle = KeyHandle::Sealed { place, count, skipped: 0 };
                keys.push(SourceKey { hash, class, name, version_before, count, handle });
            }
            Some(keys)
        }))
    }

    fn for_each_posting(
        &self,
        key: &SourceKey,
        visit: &mut dyn FnMut(u32) -> io::Result<()>,
    ) -> Result<()> {
        let KeyHandle::Sealed { place, count, skipped } = &key.handle else { return Ok(()) };
        let mut postings = SealedPostings::new(place.clone(), *count);
        for ordinal in *skipped..skipped + key.count {
            let event = postings.nth(self, ordinal)?;
            let event = event.ok_or_else(|| self.damaged("postings end early"))?;
            visit(event).map_err(failed)?;
        }
        Ok(())
    }

    fn stands(&self, key: &SourceKey) -> Option<Vec<u8>> {
        let KeyHandle::Sealed { place, skipped, .. } = &key.handle else { return None };
        place.stands(*skipped..skipped + key.count).map(<[u8]>::to_vec)
    }
}

impl SealedIndex {
    /// Where events stand, from those of a page on.
    pub(super) fn places_from(&self, page: u32) -> impl Iterator<Item = Result<u64>> + '_ {
        let sections = self.header.sections;
        let units = self.walk(sections.places + page..sections.ids, |page| {
            let (units, _) = page.as_chunks::<4>();
            Some(units.iter().map(|unit| u64::from(u32::from_le_bytes(*unit))).collect())
        });
        units.map(|unit| Ok(unit? * ids::OFFSET_UNIT))
    }

    /// The items of a section, page after page.
    fn walk<T: 'static>(
        &self,
        pages: std::ops::Range<u32>,
        decode: impl Fn(&bytes::Bytes) -> Option<Vec<T>> + 'static,
    ) -> impl Iterator<Item = Result<T>> + '_ {
        let mut pages = Pages::new(&*self.file, self.header.nonce, pages);
        let mut next_page = move || -> Result<Option<Vec<T>>> {
            let unreadable = crate::load::disk_error("an index file could not be read");
            let Some(page) = pages.next_page().map_err(unreadable)? else { return Ok(None) };
            let wrong = |number| self.damaged(&format!("page {number} does not fit its checksum"));
            let page = page.map_err(wrong)?;
            decode(&page).map(Some).ok_or_else(|| self.damaged("a page does not decode"))
        };
        std::iter::from_fn(move || next_page().transpose()).flat_map(|page| match page {
            Ok(items) => items.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }

    /// Reads everything and sees whether it adds up.
    pub(crate) fn check(&self) -> Result<()> {
        let mut ids = 0;
        for entry in IndexSource::ids(self) {
            ids += u32::from(entry?.event < self.header.events);
        }
        let mut postings = 0;
        for key in self.keys() {
            let key = key?;
            if !self.may_have(key.hash)? {
                return Err(self.damaged("its filter denies a key"));
            }
            self.for_each_posting(&key, &mut |event| {
                postings += u64::from(event < self.header.events);
                Ok(())
            })?;
        }
        for place in self.places() {
            place?;
        }
        if ids != self.header.events || postings != self.header.postings {
            return Err(self.damaged("entries are missing"));
        }
        Ok(())
    }

    /// The names of all streams, with version and last event.
    pub(crate) fn streams(&self) -> impl Iterator<Item = Result<(Box<str>, u64, u32)>> + '_ {
        let streams = self
            .keys()
            .filter(|key| key.as_ref().map_or(true, |key| key.class == KeyClass::Stream));
        streams.map(|key| {
            let key = key?;
            let KeyHandle::Sealed { place, .. } = &key.handle else {
                return Err(self.damaged("a key has no postings"));
            };
            let mut postings = SealedPostings::new(place.clone(), key.count);
            let last = postings.nth(self, key.count.saturating_sub(1))?;
            let last = last.ok_or_else(|| self.damaged("postings end early"))?;
            Ok((key.name, key.version_before + u64::from(key.count), last))
        })
    }
}

/// The positions that an index is for.
pub(crate) fn coverage_of(sources: &[&SealedIndex]) -> Coverage {
    let (first, last) = (sources[0], sources[sources.len() - 1]);
    let mut header = last.header.clone();
    header.first_position = first.header.first_position;
    header.lowest_id = sources.iter().map(|source| source.header.lowest_id).min().unwrap_or(0);
    header.highest_id = sources.iter().map(|source| source.header.highest_id).max().unwrap_or(0);
    let mut files: Vec<FileEntry> = Vec::new();
    let mut events = 0;
    for source in sources {
        for file in &source.files {
            let file = FileEntry { first_event: file.first_event + events, ..*file };
            match files.last_mut().filter(|last| last.number == file.number) {
                Some(last) => {
                    // If one of them is of an earlier edition, this one has names of what was
                    // removed since.
                    (last.end, last.edition) = (file.end, last.edition.min(file.edition));
                }
                None => files.push(file),
            }
        }
        events += source.header.events;
    }
    Coverage { header, files }
}
