//! The events of one key in an index file, in order: a few of them within the key's entry, many of
//! them in blocks of 128 in a section of their own, with a directory to jump by.

use std::io;
use std::ops::Range;

use super::SealedIndex;
use super::build::failed;
use super::header::{Fields, put_varint};
use super::stand::{STAND_BYTES, Stand};
use crate::error::Result;
use crate::page::PageWriter;
use crate::query::Direction;

/// Postings of up to this many encoded bytes stand in the key's entry.
pub(super) const INLINE_BYTES_MAX: usize = 160;
/// Entries of a block.
const BLOCK_ENTRIES: u32 = 128;
/// Bytes of a block in the directory: its first event, and where it ends.
const DIRECTORY_ENTRY_BYTES: u64 = 8;

/// Where the postings of a key stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The events, and from some byte on where each of them stands, if that is known.
    Inline { bytes: Vec<u8>, stands: usize },
    /// In the postings section: where the blocks begin, and how long they are together. The
    /// directory follows them.
    Section { offset: u64, length: u32 },
}

/// Bytes of a directory that are kept in memory: of a key of some million events.
const DIRECTORY_BYTES_MAX: usize = 64 << 10;

/// Writes the postings of key after key into their section.
pub(super) struct PostingsWriter<'file> {
    pages: PageWriter<'file>,
    /// Where the key begins in the section.
    start: u64,
    blocks: Blocks,
    /// The first entries of the key's directory.
    directory: Vec<u8>,
}

impl<'file> PostingsWriter<'file> {
    pub(super) fn new(pages: PageWriter<'file>) -> Self {
        Self { pages, start: 0, blocks: Blocks::default(), directory: Vec::new() }
    }

    /// Adds the next event of the key.
    pub(super) fn push(&mut self, event: u32) -> io::Result<()> {
        if self.blocks.is_full() {
            self.finish_block()?;
        }
        self.blocks.push(event);
        Ok(())
    }

    /// Ends the key's postings. If their directory is too long to be kept, it is made by walking
    /// all of them `again`: a key may have as many as there are events.
    pub(super) fn finish_key(
        &mut self,
        again: impl FnOnce(&mut dyn FnMut(u32) -> io::Result<()>) -> Result<()>,
    ) -> Result<Place> {
        self.finish_block().map_err(failed)?;
        let Blocks { end: length, count, .. } = std::mem::take(&mut self.blocks);
        let directory_bytes = u64::from(count) * DIRECTORY_ENTRY_BYTES;
        if self.directory.len() as u64 == directory_bytes {
            self.pages.put_across(&self.directory).map_err(failed)?;
        } else {
            self.write_directory(again)?;
        }
        self.directory.clear();
        let offset = self.start;
        self.start += u64::from(length) + directory_bytes;
        Ok(Place::Section { offset, length })
    }

    fn write_directory(
        &mut self,
        again: impl FnOnce(&mut dyn FnMut(u32) -> io::Result<()>) -> Result<()>,
    ) -> Result<()> {
        let (mut blocks, pages) = (Blocks::default(), &mut self.pages);
        again(&mut |event| {
            if let Some((_, entry)) = blocks.is_full().then(|| blocks.finish()).flatten() {
                pages.put_across(&entry)?;
            }
            blocks.push(event);
            Ok(())
        })?;
        let last = blocks.finish();
        last.map_or(Ok(()), |(_, entry)| self.pages.put_across(&entry)).map_err(failed)
    }

    fn finish_block(&mut self) -> io::Result<()> {
        let Some((block, entry)) = self.blocks.finish() else { return Ok(()) };
        if self.directory.len() < DIRECTORY_BYTES_MAX {
            self.directory.extend_from_slice(&entry);
        }
        self.pages.put_across(block)
    }

    /// The page behind the section.
    pub(super) fn finish(self) -> io::Result<u32> {
        let end = self.pages.number + 1;
        self.pages.finish(end)?;
        Ok(end)
    }
}

/// Encodes the postings of a key, block by block.
#[derive(Default)]
struct Blocks {
    /// The differences in the block that is being filled, and what was there before.
    bytes: Vec<u8>,
    entries: u32,
    first: u32,
    last: u32,
    /// How many were finished, and where the last of them ends.
    count: u32,
    end: u32,
}

impl Blocks {
    fn is_full(&self) -> bool {
        self.entries == BLOCK_ENTRIES
    }

    fn push(&mut self, event: u32) {
        if self.entries == 0 {
            self.bytes.clear();
            self.first = event;
        } else {
            put_varint(u64::from(event.wrapping_sub(self.last)), &mut self.bytes);
        }
        self.last = event;
        self.entries += 1;
    }

    /// The bytes of the block that was filled, if it has an event, and its entry in the directory.
    fn finish(&mut self) -> Option<(&[u8], [u8; DIRECTORY_ENTRY_BYTES as usize])> {
        let entries = std::mem::take(&mut self.entries);
        let distance = entries.checked_sub(1)?;
        // Events one after another need no bytes at all.
        let is_run = self.last.wrapping_sub(self.first) == distance;
        let bytes = if is_run { &[][..] } else { &self.bytes[..] };
        self.count += 1;
        self.end += bytes.len() as u32;
        let mut entry = [0; DIRECTORY_ENTRY_BYTES as usize];
        entry[..4].copy_from_slice(&self.first.to_le_bytes());
        entry[4..].copy_from_slice(&self.end.to_le_bytes());
        Some((bytes, entry))
    }
}

impl Place {
    /// Of a key of so many events: the bytes of its entry behind the mark that says which of both
    /// they are.
    pub(super) fn decode_inline(bytes: &[u8], count: u32, has_stands: bool) -> Option<Self> {
        let stands = if has_stands { events_end(bytes, count)? } else { bytes.len() };
        let is_whole = !has_stands || bytes.len() - stands == count as usize * STAND_BYTES;
        is_whole.then(|| Self::Inline { bytes: bytes.to_vec(), stands })
    }

    /// What says where some of the events of a key's entry stand, counted from 0, if it does.
    pub(super) fn stands(&self, events: Range<u32>) -> Option<&[u8]> {
        let Self::Inline { bytes, stands } = self else { return None };
        let at = |event: u32| *stands + event as usize * STAND_BYTES;
        bytes.get(at(events.start)..at(events.end))
    }
}

/// Where so many events end.
fn events_end(bytes: &[u8], count: u32) -> Option<usize> {
    let mut ends = bytes.iter().enumerate().filter(|&(_, &byte)| byte < 0x80);
    let Some(last) = count.checked_sub(1) else { return Some(0) };
    ends.nth(last as usize).map(|(last, _)| last + 1)
}

/// Encodes postings for a key's entry. Events that go back, of a source that is damaged and was
/// believed, become what does not decode: then the index is built anew from the log.
pub(super) fn encode_inline(events: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(events.len() * 2);
    let mut last = 0;
    for &event in events {
        put_varint(u64::from(event.wrapping_sub(last)), &mut bytes);
        last = event;
    }
    bytes
}

fn decode_deltas(bytes: &[u8], first: Option<u32>, count: u32) -> Option<Vec<u32>> {
    let mut fields = Fields(bytes);
    let mut events = Vec::with_capacity(count.min(BLOCK_ENTRIES * 2) as usize);
    events.extend(first);
    while (events.len() as u32) < count {
        let before = events.last().copied().unwrap_or(0);
        let delta = u32::try_from(fields.varint()?).ok()?;
        events.push(before.checked_add(delta)?);
    }
    Some(events)
}

/// The postings of one key, to be looked into.
#[derive(Debug, Clone)]
pub(crate) struct SealedPostings {
    place: Place,
    count: u32,
    /// The block that was decoded last, and its entries.
    block: u32,
    entries: Vec<u32>,
}

const NO_BLOCK: u32 = u32::MAX;

impl SealedPostings {
    pub(super) fn new(place: Place, count: u32) -> Self {
        Self { place, count, block: NO_BLOCK, entries: Vec::new() }
    }

    /// How many events have the key.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The nearest event at `target` or beyond it, in a direction.
    pub(crate) fn seek(
        &mut self,
        index: &SealedIndex,
        target: u32,
        direction: Direction,
    ) -> Result<Option<u32>> {
        let below = match direction {
            Direction::Forward => self.count_below(index, target)?,
            Direction::Backward => match self.count_up_to(index, target)?.checked_sub(1) {
                Some(last) => last,
                None => return Ok(None),
            },
        };
        self.nth(index, below)
    }

    /// The event with this ordinal, counted from 0.
    pub(crate) fn nth(&mut self, index: &SealedIndex, ordinal: u32) -> Result<Option<u32>> {
        if ordinal >= self.count {
            return Ok(None);
        }
        let block = self.block_of(ordinal);
        self.load(index, block)?;
        Ok(self.entries.get((ordinal - block * self.block_entries()) as usize).copied())
    }

    /// The first event behind one of the current block that does not have the key, as far as the
    /// block tells.
    pub(crate) fn end_of_run(&self, event: u32) -> u32 {
        let alone = event.saturating_add(1);
        let Some(last) = self.entries.last().copied().filter(|&last| last > event) else {
            return alone;
        };
        let distance = (last - event) as usize;
        let is_run = distance < self.entries.len()
            && self.entries[self.entries.len() - 1 - distance] == event;
        if is_run { last.saturating_add(1) } else { alone }
    }

    /// Where the event that was found last stands, if its key's entry tells.
    pub(crate) fn stand_of(&self, event: u32) -> Option<Stand> {
        let number = self.entries.binary_search(&event).ok()? as u32;
        let bytes = self.place.stands(number..number + 1)?;
        Stand::decode(bytes.try_into().ok()?)
    }

    /// Whether the event that was found last has others of the key beside it within a range, as far
    /// as the block tells.
    pub(crate) fn has_company(&self, event: u32, range: &Range<u32>) -> bool {
        let place = self.entries.partition_point(|&entry| entry < event);
        let before = place.checked_sub(1).and_then(|before| self.entries.get(before));
        let neighbours = before.into_iter().chain(self.entries.get(place + 1));
        neighbours.into_iter().any(|entry| range.contains(entry))
    }

    fn count_up_to(&mut self, index: &SealedIndex, event: u32) -> Result<u32> {
        match event.checked_add(1) {
            Some(end) => self.count_below(index, end),
            None => Ok(self.count),
        }
    }

    /// How many of the events are numbered below `event`.
    pub(crate) fn count_below(&mut self, index: &SealedIndex, event: u32) -> Result<u32> {
        if self.count == 0 {
            return Ok(0);
        }
        // Most walks go on in the block where they are.
        let is_here = self.block != NO_BLOCK
            && self.entries.first().is_some_and(|&first| first < event)
            && self.entries.last().is_some_and(|&last| last >= event);
        if !is_here {
            let block = self.find_block(index, event)?;
            self.load(index, block)?;
        }
        let in_block = self.entries.partition_point(|&entry| entry < event) as u32;
        Ok(self.block * self.block_entries() + in_block)
    }

    /// The last block whose first event is below `event`; the first one if there is none.
    fn find_block(&self, index: &SealedIndex, event: u32) -> Result<u32> {
        let (mut low, mut high) = (0, self.blocks());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.directory_entry(index, middle)?.0 < event {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    fn load(&mut self, index: &SealedIndex, block: u32) -> Result<()> {
        if self.block == block {
            return Ok(());
        }
        self.entries = match &self.place {
            Place::Inline { bytes, stands } => decode_deltas(&bytes[..*stands], None, self.count),
            Place::Section { offset, .. } => self.decode_block(index, *offset, block)?,
        }
        .ok_or_else(|| index.damaged("postings do not decode"))?;
        self.block = block;
        Ok(())
    }

    fn decode_block(
        &self,
        index: &SealedIndex,
        offset: u64,
        block: u32,
    ) -> Result<Option<Vec<u32>>> {
        let (first, end) = self.directory_entry(index, block)?;
        let start = match block.checked_sub(1) {
            Some(before) => self.directory_entry(index, before)?.1,
            None => 0,
        };
        let count = (self.count - block * BLOCK_ENTRIES).min(BLOCK_ENTRIES);
        if start == end {
            return Ok(first.checked_add(count).map(|behind| (first..behind).collect()));
        }
        let Some(length) = end.checked_sub(start) else { return Ok(None) };
        let bytes = index.postings_bytes(offset + u64::from(start), length as usize)?;
        Ok(decode_deltas(&bytes, Some(first), count))
    }

    fn directory_entry(&self, index: &SealedIndex, block: u32) -> Result<(u32, u32)> {
        let Place::Section { offset, length } = &self.place else { return Ok((0, 0)) };
        let directory = offset + u64::from(*length);
        let place = directory + u64::from(block) * DIRECTORY_ENTRY_BYTES;
        let bytes = index.postings_bytes(place, DIRECTORY_ENTRY_BYTES as usize)?;
        let mut fields = Fields(&bytes);
        let entry = fields.u32().zip(fields.u32());
        entry.ok_or_else(|| index.damaged("a directory of postings is cut"))
    }

    fn blocks(&self) -> u32 {
        self.count.div_ceil(self.block_entries())
    }

    fn block_of(&self, ordinal: u32) -> u32 {
        ordinal / self.block_entries()
    }

    /// Postings within the key's entry are one block.
    fn block_entries(&self) -> u32 {
        if matches!(self.place, Place::Inline { .. }) { u32::MAX } else { BLOCK_ENTRIES }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk, MemoryDisk};
    use crate::sync::AtomicBool;

    #[test]
    fn events_that_go_back_do_not_decode() {
        assert_eq!(decode_deltas(&encode_inline(&[3, 5]), None, 2), Some(vec![3, 5]));
        assert_eq!(decode_deltas(&encode_inline(&[5, 3]), None, 2), None);
    }

    fn written(events: &[u32], is_kept: bool) -> (Place, Vec<u8>) {
        let (disk, never) = (MemoryDisk::new(), AtomicBool::new(false));
        let file = disk.create("postings").expect("it is new");
        let mut writer = PostingsWriter::new(PageWriter::new(&*file, 7, 0, &never));
        for &event in events {
            writer.push(event).expect("there is room");
            if !is_kept {
                writer.directory.clear();
            }
        }
        let again = |visit: &mut dyn FnMut(u32) -> io::Result<()>| {
            assert!(!is_kept, "it was kept");
            events.iter().try_for_each(|&event| visit(event)).map_err(failed)
        };
        let place = writer.finish_key(again).expect("there is room");
        writer.finish().expect("there is room");
        let mut bytes = vec![0; file.len().expect("it is there") as usize];
        file.read_at(&mut bytes, 0).expect("it can be read");
        (place, bytes)
    }

    #[test]
    fn a_directory_that_is_too_long_to_be_kept_is_written_as_one_that_is_not() {
        let runs = (0..1000).chain(5000..5777).chain(1_000_000..1_000_001);
        let events: Vec<u32> = runs.chain((2_000_000..2_009_000).step_by(9)).collect();
        assert!(written(&events, false) == written(&events, true));
    }

    #[test]
    fn no_more_than_so_much_of_a_directory_is_kept() {
        let (disk, never) = (MemoryDisk::new(), AtomicBool::new(false));
        let file = disk.create("postings").expect("it is new");
        let mut writer = PostingsWriter::new(PageWriter::new(&*file, 7, 0, &never));
        (0..2_000_000).for_each(|event| writer.push(event).expect("there is room"));
        assert_eq!(writer.directory.len(), DIRECTORY_BYTES_MAX);
    }
}
