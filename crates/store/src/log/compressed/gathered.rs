//! What a compressed file has twice: the events of streams that stand far apart in it, side by
//! side.
//!
//! Each event of such a stream is in a block of its own, so that a load would read and decode as
//! many blocks as there are events. Here it is one for some ten of them. Derived from the other
//! blocks: who does not find an event here, or finds it damaged, reads it there.

use std::io;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{CompressedLog, damaged};
use crate::event::Position;
use crate::page::{CONTENT_BYTES, PageWriter};
use crate::planted::lucky;
use crate::record::{self, Recorded};

/// Bytes of a block in the table of gathered blocks.
const ENTRY_BYTES: usize = 12;
/// Blocks of which one page of the table says what they are, behind where the first of them starts.
const ENTRIES_PER_PAGE: usize = (CONTENT_BYTES - 8) / ENTRY_BYTES;
/// Bytes before each record in a block: which event of the file it is.
pub(super) const NUMBER_BYTES: usize = 4;

/// Where a file has what it has gathered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// The first page of the table of its blocks.
    pub(super) table: u32,
    pub(super) blocks: u32,
    /// The position of the log file's first event: others are counted from there.
    pub(super) first_position: Position,
}

/// A block of gathered events: in the order of the hashes of their streams, and of each stream in
/// their order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// By what the block is found: the first event in it.
    pub(super) first: Place,
    pub(super) packed_bytes: u16,
    pub(super) bytes: u16,
}

/// Where an event is among those that are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) stream: u32,
    /// Counted from the first event of the file.
    pub(super) event: u32,
}

impl Entry {
    fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..4].copy_from_slice(&self.first.stream.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.first.event.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.packed_bytes.to_le_bytes());
        bytes[10..].copy_from_slice(&self.bytes.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four"));
        let u16_at = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two"));
        let first = Place { stream: u32_at(0), event: u32_at(4) };
        Self { first, packed_bytes: u16_at(8), bytes: u16_at(10) }
    }
}

/// By what the events of a stream are found in the file with this nonce.
pub(super) fn hash_of(stream: &str, nonce: u64) -> u32 {
    (lucky(xxh3_64_with_seed(stream.as_bytes(), nonce)) >> 32) as u32
}

/// Writes the table of blocks of which the first starts there.
pub(super) fn write_table(
    pages: &mut PageWriter<'_>,
    start: u64,
    entries: &[Entry],
) -> io::Result<()> {
    let mut offset = start;
    for page in entries.chunks(ENTRIES_PER_PAGE) {
        pages.put(&offset.to_le_bytes());
        for entry in page {
            pages.put(&entry.encode());
            offset += u64::from(entry.packed_bytes);
        }
        pages.finish_page()?;
    }
    Ok(())
}

/// Where what is looked for is, seen from a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    Here,
    HereOrBehind,
}

/// The last page that has something here or behind it: looked for at a guess, then further and
/// further from it, and where that went too far by halves.
fn search(
    pages: u32,
    guess: u32,
    mut side_at: impl FnMut(u32) -> io::Result<Side>,
) -> io::Result<Option<u32>> {
    let (mut low, mut high, mut probe) = (0, pages, guess);
    let (mut step, mut found) = (0_u32, None);
    while low < high {
        let side = side_at(probe)?;
        if side == Side::Here {
            return Ok(Some(probe));
        }
        if side == Side::Before {
            high = probe;
            probe = high.saturating_sub(1 + step.min(high.saturating_sub(low) / 2));
        } else {
            (found, low) = (Some(probe), probe + 1);
            probe = low + step.min(high.saturating_sub(low) / 2);
        }
        step = step.saturating_mul(2).saturating_add(1);
    }
    Ok(found)
}

/// What one page of the table says.
struct TablePage {
    page: Bytes,
    /// How many of its entries there are.
    count: usize,
}

impl TablePage {
    fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let (entries, _) = self.page[8..].as_chunks::<ENTRY_BYTES>();
        entries.iter().take(self.count).map(Entry::decode)
    }

    fn first(&self) -> Option<Place> {
        self.entries().next().map(|entry| entry.first)
    }

    fn last(&self) -> Option<Place> {
        self.entries().last().map(|entry| entry.first)
    }

    fn side_of(&self, place: Place) -> Side {
        match self.first().zip(self.last()) {
            Some((first, last)) if first <= place && place < last => Side::Here,
            Some((first, _)) if first <= place => Side::HereOrBehind,
            _ => Side::Before,
        }
    }

    /// Its blocks, and where each starts.
    fn blocks(&self) -> impl Iterator<Item = (u64, Entry)> + '_ {
        let start = u64::from_le_bytes(self.page[..8].try_into().expect("eight bytes"));
        self.entries().scan(start, |next, entry| {
            let offset = *next;
            *next = offset.saturating_add(u64::from(entry.packed_bytes));
            Some((offset, entry))
        })
    }

    /// The last block that begins at a place or before it, and where that starts.
    fn block_of(&self, place: Place) -> Option<(u64, Entry)> {
        self.blocks().take_while(|(_, entry)| entry.first <= place).last()
    }
}

impl CompressedLog {
    fn gathered_pages(&self) -> u32 {
        self.header.gathered.blocks.div_ceil(ENTRIES_PER_PAGE as u32)
    }

    fn gathered_page(&self, number: u32) -> io::Result<TablePage> {
        let page = self.header.gathered.table.saturating_add(number);
        let before = u64::from(number) * ENTRIES_PER_PAGE as u64;
        let left = u64::from(self.header.gathered.blocks).saturating_sub(before);
        Ok(TablePage { page: self.table_page(page)?, count: ENTRIES_PER_PAGE.min(left as usize) })
    }

    /// The last page of the table that begins at a place or before it. Hashes are spread evenly: it
    /// is where it should be, or near that.
    fn find_gathered_page(&self, place: Place) -> io::Result<Option<TablePage>> {
        let pages = self.gathered_pages();
        let guess = ((u64::from(place.stream) * u64::from(pages)) >> 32) as u32;
        let found = search(pages, guess, |number| Ok(self.gathered_page(number)?.side_of(place)))?;
        found.map(|number| self.gathered_page(number)).transpose()
    }

    /// The block that an event stands in if it is gathered.
    fn gathered_block(&self, place: Place) -> io::Result<Option<Bytes>> {
        let Some(page) = self.find_gathered_page(place)? else { return Ok(None) };
        let Some((offset, entry)) = page.block_of(place) else { return Ok(None) };
        self.read_gathered(offset, &entry).map(Some)
    }

    fn read_gathered(&self, offset: u64, entry: &Entry) -> io::Result<Bytes> {
        let mut packed = vec![0; usize::from(entry.packed_bytes)];
        if self.file.read_at(&mut packed, offset)? < packed.len() {
            return Err(damaged("it is cut"));
        }
        let mut block = vec![0; usize::from(entry.bytes)];
        self.decode(&packed, &mut block)?;
        Ok(block.into())
    }

    /// The event of a block that has this record.
    fn gathered_event(&self, (event, bytes): (u32, Bytes)) -> io::Result<Recorded> {
        let first = self.header.gathered.first_position.0;
        let position = Position(first.saturating_add(u64::from(event)));
        Recorded::decode(position, bytes).map_err(|error| damaged(&error.to_string()))
    }

    /// Reads all that is gathered and sees whether it is whole. Says before each page of blocks how
    /// many bytes come.
    pub(crate) fn check_gathered(
        &self,
        before: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut last = None;
        for number in 0..self.gathered_pages() {
            let page = self.gathered_page(number)?;
            before(page.entries().map(|entry| u64::from(entry.packed_bytes)).sum())?;
            for (offset, entry) in page.blocks() {
                let block = self.read_gathered(offset, &entry)?;
                last = Some(self.check_block(&block, entry.first, last)?);
            }
        }
        Ok(())
    }

    /// Whether all of a block is whole and comes behind the place before; the place of its last
    /// event.
    fn check_block(&self, block: &Bytes, first: Place, before: Option<Place>) -> io::Result<Place> {
        let (mut places, mut bytes) = (Vec::new(), 0);
        for record in records_of(block) {
            let event = record.0;
            bytes += NUMBER_BYTES + record.1.len();
            let recorded = self.gathered_event(record)?;
            let stream = hash_of(recorded.stream().unwrap_or_default(), self.header.nonce);
            places.push(Place { stream, event });
        }
        let is_sorted = before.into_iter().chain(places.iter().copied()).is_sorted_by(|a, b| a < b);
        let is_all = is_sorted && bytes == block.len();
        let last = places.last().filter(|_| is_all && places[0] == first);
        last.copied().ok_or_else(|| damaged("a gathered block is not what was written"))
    }
}

/// The records of a block, each with its number, as far as they are whole.
fn records_of(block: &Bytes) -> impl Iterator<Item = (u32, Bytes)> + '_ {
    let mut rest = block.clone();
    std::iter::from_fn(move || {
        let number = u32::from_le_bytes(*rest.first_chunk()?);
        let end = NUMBER_BYTES.checked_add(record::peek_len(rest.get(NUMBER_BYTES..)?)?)?;
        if end > rest.len() {
            return None;
        }
        Some((number, rest.split_to(end).slice(NUMBER_BYTES..)))
    })
}

/// Finds the events of one stream that are gathered in some file or other, one after another.
pub(crate) struct StreamFinder {
    stream: Box<str>,
    /// The file that was looked into last, by its serial, and the stream's hash there.
    file: Option<(u32, u32)>,
    /// The block that was read last.
    block: Bytes,
    /// How often something was not found there.
    misses: u32,
}

/// After so many events that were not found, the rest of a stream is not looked for in a file: it
/// may stand together there anyway. A few can be too large, or removed.
const MISSES_MAX: u32 = 4;

impl StreamFinder {
    pub(crate) fn of(stream: &str) -> Self {
        Self { stream: stream.into(), file: None, block: Bytes::new(), misses: 0 }
    }

    /// The event at a position, if it is gathered in this file. Who finds nothing, or gets an
    /// error, reads the event where it stands.
    pub(crate) fn find(
        &mut self,
        log: &CompressedLog,
        position: Position,
    ) -> io::Result<Option<Recorded>> {
        let stream = self.enter(log);
        let event = position.0.checked_sub(log.header.gathered.first_position.0);
        let Some(event) = event.and_then(|event| u32::try_from(event).ok()) else {
            return Ok(None);
        };
        if self.misses >= MISSES_MAX {
            return Ok(None);
        }
        self.misses += 1;
        let found = self.find_in(log, Place { stream, event })?;
        self.misses -= u32::from(found.is_some());
        Ok(found)
    }

    /// Looks into another file from here on, if it is another; the stream's hash there.
    fn enter(&mut self, log: &CompressedLog) -> u32 {
        match self.file {
            Some((serial, hash)) if serial == log.serial => hash,
            _ => {
                let hash = hash_of(&self.stream, log.header.nonce);
                (self.file, self.block) = (Some((log.serial, hash)), Bytes::new());
                self.misses = if log.header.gathered.blocks == 0 { MISSES_MAX } else { 0 };
                hash
            }
        }
    }

    fn find_in(&mut self, log: &CompressedLog, place: Place) -> io::Result<Option<Recorded>> {
        if let Some(record) = record_numbered(&self.block, place.event) {
            return log.gathered_event(record).map(Some);
        }
        self.block = log.gathered_block(place)?.unwrap_or_default();
        let record = record_numbered(&self.block, place.event);
        record.map(|record| log.gathered_event(record)).transpose()
    }
}

fn record_numbered(block: &Bytes, event: u32) -> Option<(u32, Bytes)> {
    records_of(block).find(|(number, _)| *number == event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_guess_the_page_is_found_in_few_steps() {
        for pages in (0..100).chain([192, 257]) {
            for guess in 0..pages {
                for wanted in 0..pages {
                    let mut steps = 0;
                    let found = search(pages, guess, |probe| {
                        assert!(probe < pages);
                        steps += 1;
                        Ok(match probe.cmp(&wanted) {
                            std::cmp::Ordering::Greater => Side::Before,
                            std::cmp::Ordering::Equal if wanted % 2 == 0 => Side::Here,
                            _ => Side::HereOrBehind,
                        })
                    });
                    assert_eq!(found.expect("nothing fails"), Some(wanted));
                    assert!(steps <= 20, "{steps} steps from {guess} to {wanted} of {pages}");
                }
            }
        }
        let nowhere = search(9, 4, |_| Ok(Side::Before));
        assert_eq!(nowhere.expect("nothing fails"), None);
    }
}
