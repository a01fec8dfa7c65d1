//! The first pages of an index file: what it covers, where its sections stand, where the log goes
//! on behind it.

use crate::event::{EventId, Position, Timestamp};
use crate::log::{Expected, FrameKind};
use crate::page::CONTENT_BYTES;

const MAGIC: &[u8; 8] = b"hithidx1";
/// Bytes of one log file in the table behind the header.
pub(super) const FILE_ENTRY_BYTES: usize = 24;
/// Where the state of the digest of history stands in the header.
const HISTORY_OFFSET: usize = 1024;

/// What an index file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedHeader {
    pub(crate) store_id: EventId,
    /// Binds the pages to this file.
    pub(crate) nonce: u64,
    pub(crate) first_position: Position,
    pub(crate) events: u32,
    /// How many log files the events stand in.
    pub(crate) files: u32,
    /// Streams whose first event is among these.
    pub(crate) new_streams: u64,
    /// All entries of all postings: to see that none is missing.
    pub(crate) postings: u64,
    /// The lowest and the highest first eight bytes of an event's id.
    pub(crate) lowest_id: u64,
    pub(crate) highest_id: u64,
    pub(crate) sections: Sections,
    /// Where the log goes on behind the last event.
    pub(crate) end: Expected,
    /// What the last frame is, if a scan from the end on finds none.
    pub(crate) last_frame: Option<FrameKind>,
    /// The state of the digest of history behind the last event.
    pub(crate) history: Vec<u8>,
}

/// Where the sections of an index file stand, in pages. The table of log files begins at page 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sections {
    /// Where in its log file each event stands.
    pub(crate) places: u32,
    pub(crate) ids: u32,
    /// Pages that a hash of an id is spread over; some more follow for what does not fit.
    pub(crate) id_homes: u32,
    /// What tells of keys that they are not here.
    pub(crate) filter: u32,
    /// How many blocks the filter has; 0 in files of the time before there were filters.
    pub(crate) filter_blocks: u32,
    pub(crate) keys: u32,
    /// Pages that a hash of a key is spread over; some more follow for what does not fit.
    pub(crate) key_homes: u32,
    pub(crate) postings: u32,
    pub(crate) end: u32,
}

/// A log file that events of an index stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileEntry {
    pub(crate) number: u64,
    /// The first of the index's events that stands in it.
    pub(crate) first_event: u32,
    /// How often something had been removed from it when the index was made.
    pub(crate) edition: u32,
    /// Where the last of them ends.
    pub(crate) end: u64,
}

impl Sections {
    /// The page behind the table of ids.
    pub(super) fn ids_end(&self) -> u32 {
        if self.filter_blocks > 0 { self.filter } else { self.keys }
    }
}

impl SealedHeader {
    /// The position behind the last event.
    pub(crate) fn next_position(&self) -> Position {
        Position(self.first_position.0 + u64::from(self.events))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CONTENT_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(self.store_id.as_bytes());
        let sections = &self.sections;
        for number in [self.nonce, self.first_position.0, self.new_streams, self.postings] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.lowest_id, self.highest_id, self.end.offset, self.end.batch] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.end.chain.unwrap_or(0).to_le_bytes());
        bytes.extend_from_slice(&self.end.time.as_nanos().to_le_bytes());
        let last_frame = self.last_frame.map_or(0, FrameKind::magic);
        let pages = [sections.places, sections.ids, sections.id_homes, sections.keys];
        let more = [sections.key_homes, sections.postings, sections.end];
        let filter = [sections.filter, sections.filter_blocks];
        let counts = [self.events, self.files, last_frame, self.end.frames_left];
        for number in counts.into_iter().chain(pages).chain(more).chain(filter) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.resize(HISTORY_OFFSET, 0);
        bytes.extend_from_slice(&(self.history.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.history);
        bytes
    }

    pub(super) fn decode(content: &[u8]) -> Option<Self> {
        let mut fields = Fields(content.strip_prefix(MAGIC)?);
        let store_id = EventId::from_bytes(fields.take(16)?.try_into().ok()?);
        let (nonce, first_position) = (fields.u64()?, Position(fields.u64()?));
        let (new_streams, postings) = (fields.u64()?, fields.u64()?);
        let (lowest_id, highest_id) = (fields.u64()?, fields.u64()?);
        let (offset, batch, chain) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let time = Timestamp::from_nanos(fields.u64()?.cast_signed());
        let (events, files) = (fields.u32()?, fields.u32()?);
        let (last_frame, frames_left) = (FrameKind::from_magic(fields.u32()?), fields.u32()?);
        let sections = Sections {
            places: fields.u32()?,
            ids: fields.u32()?,
            id_homes: fields.u32()?,
            keys: fields.u32()?,
            key_homes: fields.u32()?,
            postings: fields.u32()?,
            end: fields.u32()?,
            filter: fields.u32()?,
            filter_blocks: fields.u32()?,
        };
        let mut history = Fields(content.get(HISTORY_OFFSET..)?);
        let length = history.u32()? as usize;
        let history = history.take(length)?.to_vec();
        let position = Position(first_position.0.checked_add(u64::from(events))?);
        let end = Expected { offset, chain: Some(chain), batch, frames_left, position, time };
        Some(Self {
            store_id,
            nonce,
            first_position,
            events,
            files,
            new_streams,
            postings,
            lowest_id,
            highest_id,
            sections,
            end,
            last_frame,
            history,
        })
    }
}

impl FileEntry {
    pub(super) fn encode(&self) -> [u8; FILE_ENTRY_BYTES] {
        let mut bytes = [0; FILE_ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.first_event.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.edition.to_le_bytes());
        bytes[16..].copy_from_slice(&self.end.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let (number, first_event) = (fields.u64()?, fields.u32()?);
        Some(Self { number, first_event, edition: fields.u32()?, end: fields.u64()? })
    }
}

/// Takes numbers from the front of bytes.
pub(super) struct Fields<'bytes>(pub(super) &'bytes [u8]);

impl<'bytes> Fields<'bytes> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'bytes [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// A number that small values need few bytes for (LEB128).
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

/// Appends a number that small values need few bytes for (LEB128).
/// Bytes that a number takes.
pub(super) fn varint_len(value: u64) -> usize {
    (value | 1).ilog2() as usize / 7 + 1
}

pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
