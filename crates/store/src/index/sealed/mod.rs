//! The index of events that do not change any more, in a file of its own.
//!
//! Found by the same keys as the index of the growing part, and merged with its neighbours into
//! ever larger ones, so that any number of events has few of them. Derived from the log: it can be
//! thrown away and built again.

mod build;
mod entries;
mod filter;
mod header;
mod part;
mod postings;
mod stand;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::cache::{CacheKey, Cached, ReadCache};
use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::event::{EventId, Position};
use crate::index::{IdRange, KeyClass, ids, keys};
use crate::page;
use crate::sync::AtomicBool;

pub(crate) use build::{Coverage, IndexSource, SourceKey, coverage_of, write};
pub(crate) use entries::IdEntry;
use entries::{KeyEntry, KeyHead};
use header::{FILE_ENTRY_BYTES, Fields};
pub(crate) use header::{FileEntry, SealedHeader, Sections};
pub(crate) use part::PartOf;
pub(crate) use postings::SealedPostings;
pub(crate) use stand::Stand;

const SUFFIX: &str = ".idx";
/// Places of events in one page.
const PLACES_PER_PAGE: u32 = (page::CONTENT_BYTES / 4) as u32;

/// An index file that was opened.
pub(crate) struct SealedIndex {
    pub(crate) name: String,
    pub(crate) header: SealedHeader,
    pub(crate) files: Vec<FileEntry>,
    file: Arc<dyn DiskFile>,
    seed: u64,
    cache: Arc<ReadCache>,
    /// Tells its pages from those of other files in the cache.
    serial: u32,
    is_damaged: AtomicBool,
}

/// A page that says where events stand.
#[derive(Debug, Default)]
pub(crate) struct PlacesPage {
    index: u32,
    number: u32,
    page: Bytes,
}

/// A key that was found.
pub(crate) struct SealedKey {
    pub(crate) version_before: u64,
    pub(crate) postings: SealedPostings,
}

/// The name of the index file for these positions.
pub(crate) fn file_name(first: Position, last: Position) -> String {
    format!("{:016}-{:016}{SUFFIX}", first.0, last.0)
}

/// The positions that an index file is for, if the name is one.
pub(crate) fn positions_of(name: &str) -> Option<(Position, Position)> {
    let (first, last) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    let position = |digits: &str| digits.parse().ok().map(Position);
    position(first).zip(position(last))
}

impl SealedIndex {
    /// Opens an index file; `None` if it is not whole or not one of this store.
    pub(crate) fn open(
        name: String,
        file: Arc<dyn DiskFile>,
        (store_id, seed): (EventId, u64),
        cache: &Arc<ReadCache>,
    ) -> Result<Option<Self>> {
        let unreadable = || crate::load::disk_error("an index file could not be read");
        let first = page::read(&*file, 0).map_err(unreadable())?;
        let header = SealedHeader::decode(&first).filter(|header| {
            page::content(&first, header.nonce, 0).is_some() && header.store_id == store_id
        });
        let length = file.len().map_err(unreadable())?;
        let is_whole = |header: &SealedHeader| {
            length >= u64::from(header.sections.end) * page::PAGE_BYTES as u64
                && positions_of(&name) == Some((header.first_position, header.end_position()))
        };
        let Some(header) = header.filter(is_whole) else { return Ok(None) };
        let Some(files) = read_files(&*file, &header).map_err(unreadable())? else {
            return Ok(None);
        };
        let (cache, serial) = (Arc::clone(cache), crate::cache::serial());
        let is_damaged = AtomicBool::new(false);
        Ok(Some(Self { name, header, files, file, seed, cache, serial, is_damaged }))
    }

    /// How many events it has.
    pub(crate) fn count(&self) -> u32 {
        self.header.events
    }

    /// Bytes of the file.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.header.sections.end) * page::PAGE_BYTES as u64
    }

    /// Whether something in it was found damaged.
    pub(crate) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// The log file that an event stands in, where it starts there, and where what is behind it
    /// starts.
    pub(crate) fn place(&self, event: u32) -> Result<(usize, u64, u64)> {
        self.place_near(event, &mut PlacesPage::default())
    }

    /// The same, with the page in which the last place was looked up.
    pub(crate) fn place_near(
        &self,
        event: u32,
        near: &mut PlacesPage,
    ) -> Result<(usize, u64, u64)> {
        let file = self.file_of(event);
        let number = self.header.sections.places + event / PLACES_PER_PAGE;
        if near.index != self.serial || near.number != number || near.page.is_empty() {
            *near = PlacesPage { index: self.serial, number, page: self.page(number)? };
        }
        let slot = event % PLACES_PER_PAGE;
        let next_file = self.files.get(file + 1).map_or(self.count(), |file| file.first_event);
        let behind = if event + 1 == next_file {
            self.files[file].end
        } else if slot + 1 < PLACES_PER_PAGE {
            place_in(&near.page, slot + 1)
        } else {
            place_in(&self.page(number + 1)?, 0)
        };
        Ok((file, place_in(&near.page, slot), behind))
    }

    /// Which of its log files an event stands in.
    pub(crate) fn file_of(&self, event: u32) -> usize {
        match self.files.len() {
            1 => 0,
            _ => self.files.partition_point(|file| file.first_event <= event) - 1,
        }
    }

    /// The key of this name, if an event here has it.
    pub(crate) fn key(&self, class: KeyClass, name: &str) -> Result<Option<SealedKey>> {
        let hash = keys::hash(self.seed, class, name);
        if !self.may_have(hash)? {
            return Ok(None);
        }
        let target = entries::home_hash(hash);
        let sections = &self.header.sections;
        let pages = from_home(target, sections.keys..sections.postings, sections.key_homes);
        for number in pages {
            let page = self.entries_of(number)?;
            let mut entries = entries::from_hash(&page, hash);
            while !entries.0.is_empty() {
                let head = KeyHead::decode(&mut entries);
                let head = head.ok_or_else(|| self.damaged("a key does not decode"))?;
                if head.is(class, hash, name) {
                    let entry = head.entry().ok_or_else(|| self.damaged("a key does not decode"));
                    return Ok(Some(found(entry?)));
                }
                if head.hash > hash {
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// Whether a key with this hash may be here.
    fn may_have(&self, hash: u64) -> Result<bool> {
        let sections = &self.header.sections;
        if sections.filter_blocks == 0 {
            return Ok(true);
        }
        let (page, block) = filter::place_of(hash, sections.filter_blocks);
        Ok(filter::may_have(&self.page(sections.filter + page)?, block, hash))
    }

    /// The range of all ids.
    pub(crate) fn id_range(&self) -> IdRange {
        IdRange { lowest: self.header.lowest_id, highest: self.header.highest_id }
    }

    /// The events that may have this id.
    pub(crate) fn candidates(&self, id: EventId) -> Result<Vec<u32>> {
        if !self.id_range().contains(id) {
            return Ok(Vec::new());
        }
        let target = ids::hash_part(id, self.seed);
        let sections = &self.header.sections;
        let mut candidates = Vec::new();
        for number in from_home(target, sections.ids..sections.ids_end(), sections.id_homes) {
            let page = self.entries_of(number)?;
            let (entries, _) = page.as_chunks::<{ entries::ID_ENTRY_BYTES }>();
            let hash_of =
                |entry: &[u8; 8]| u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
            let from = entries.partition_point(|entry| hash_of(entry) < target);
            for entry in &entries[from..] {
                let Some(entry) = IdEntry::decode(&mut Fields(entry)) else { break };
                if entry.hash > target {
                    return Ok(candidates);
                }
                candidates.push(entry.event);
            }
        }
        Ok(candidates)
    }

    fn entries_of(&self, number: u32) -> Result<Bytes> {
        entries::of_page(&self.page(number)?).ok_or_else(|| self.damaged("a page is overfull"))
    }

    /// Bytes of the postings section.
    pub(crate) fn postings_bytes(&self, offset: u64, length: usize) -> Result<Bytes> {
        let number = self.header.sections.postings + (offset / page::CONTENT_BYTES as u64) as u32;
        let start = (offset % page::CONTENT_BYTES as u64) as usize;
        let page = self.page(number)?;
        if start + length <= page.len() {
            return Ok(page.slice(start..start + length));
        }
        let mut bytes = page[start..].to_vec();
        let mut next = number + 1;
        while bytes.len() < length {
            let page = self.page(next)?;
            bytes.extend_from_slice(&page[..page.len().min(length - bytes.len())]);
            next += 1;
        }
        Ok(bytes.into())
    }

    fn page(&self, number: u32) -> Result<Bytes> {
        let key = CacheKey::Page { file: self.serial, page: number };
        if let Some(Cached::Page(page)) = self.cache.find(key) {
            return Ok(page);
        }
        if number >= self.header.sections.end {
            return Err(self.damaged("a page is asked for that it does not have"));
        }
        let page = page::read(&*self.file, number).map_err(|error| {
            Error::unavailable(format!("{} could not be read", self.name)).because(error)
        })?;
        let content = page::content(&page, self.header.nonce, number)
            .ok_or_else(|| self.damaged(&format!("page {number} does not fit its checksum")))?;
        self.cache.keep(key, Cached::Page(content.clone()));
        Ok(content)
    }

    /// An error for something that is not as it was written, which is kept in mind.
    pub(crate) fn damaged(&self, what: &str) -> Error {
        self.is_damaged.store(true, Ordering::Relaxed);
        Error::corrupt(format!(
            "index file {} is damaged: {what}; no event is concerned: open the store again for \
             writing, and the index is built anew",
            self.name
        ))
    }
}

impl SealedHeader {
    /// The position of the last event.
    pub(crate) fn end_position(&self) -> Position {
        Position(self.next_position().0.saturating_sub(1))
    }
}

/// Where a log file's record starts that has this slot of a page.
fn place_in(page: &Bytes, slot: u32) -> u64 {
    let start = slot as usize * 4;
    let unit = page[start..start + 4].try_into().expect("four bytes");
    u64::from(u32::from_le_bytes(unit)) * ids::OFFSET_UNIT
}

/// The pages of a table where an entry with this hash can be.
fn from_home(hash: u32, table: Range<u32>, homes: u32) -> Range<u32> {
    table.start + entries::home(hash, homes)..table.end
}

fn found(entry: KeyEntry) -> SealedKey {
    let KeyEntry { version_before, count, place, .. } = entry;
    SealedKey { version_before, postings: SealedPostings::new(place, count) }
}

/// The table of log files behind the header.
fn read_files(
    file: &dyn DiskFile,
    header: &SealedHeader,
) -> std::io::Result<Option<Vec<FileEntry>>> {
    let pages = 1..header.sections.places;
    let Some(bytes) = page::read_across(file, header.nonce, pages)? else { return Ok(None) };
    let (entries, _) = bytes.as_chunks::<FILE_ENTRY_BYTES>();
    let entries = entries.iter().take(header.files as usize);
    let files: Option<Vec<_>> = entries.map(|entry| FileEntry::decode(entry)).collect();
    Ok(files.filter(|files| {
        files.len() == header.files as usize
            && files.first().is_some_and(|file| file.first_event == 0)
    }))
}
