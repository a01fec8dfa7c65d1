//! One stored event as bytes and back: the record of `docs/file-format.md`, in code.
//!
//! The same bytes are the event on disk, in memory and on its way to a reader, so that the checksum
//! made where the event entered is the one that is checked where it is read.

use std::fmt;

use bytes::Bytes;

use crate::digest;
use crate::error::{Error, Result};
use crate::event::{
    ContentType, EventId, NewEvent, Position, StreamName, Timestamp, split_stream_name,
};
use crate::planted::checksum_fits;

/// Bytes before the variable part of a record.
pub(crate) const HEADER_BYTES: usize = 56;
const ALIGNMENT: usize = 8;
const HAS_CORRELATION: u8 = 1;
const HAS_CAUSATION: u8 = 2;
/// Behind the record, up to the next one, is room for its stub.
const HAS_ROOM: u8 = 4;
/// What happened was removed: this is what is left of it.
const IS_REMOVED: u8 = 8;
const CONTENT_TYPE_SHIFT: u8 = 4;
/// Bytes of the leaf that the digest of history has for an event.
const LEAF_BYTES: usize = 32;

/// An event as it was stored: what happened, where it stands, and when it was recorded.
///
/// A handle on shared bytes: cloning it copies nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Recorded {
    position: Position,
    bytes: Bytes,
}

/// What the store adds to an event when it accepts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The position among all events.
    pub position: Position,
    /// The version in its stream, counted from 1; 0 without a stream.
    pub version: u64,
    /// When it was accepted.
    pub recorded_at: Timestamp,
}

/// Bytes that an event takes on disk, with the padding to the next record.
pub(crate) fn padded_len(stream: Option<&StreamName>, event: &NewEvent) -> usize {
    let stub = stub_len(stream.map_or(0, |name| name.as_str().len()));
    record_len(stream, event).max(stub).next_multiple_of(ALIGNMENT)
}

/// Bytes of what is left of an event that was removed, at least.
fn stub_len(stream_len: usize) -> usize {
    HEADER_BYTES + stream_len + LEAF_BYTES
}

fn record_len(stream: Option<&StreamName>, event: &NewEvent) -> usize {
    HEADER_BYTES
        + stream.map_or(0, |name| name.as_str().len())
        + event.kind.len()
        + tags_len(event)
        + 16 * (usize::from(event.correlation.is_some()) + usize::from(event.causation.is_some()))
        + event.metadata.len()
        + event.payload.len()
}

fn tags_len(event: &NewEvent) -> usize {
    event.tags.iter().map(|tag| 1 + tag.as_str().len()).sum()
}

/// Appends the record of an event, padded with zeros to a multiple of 8 bytes, and so that its stub
/// would fit into its place.
pub(crate) fn encode(
    placement: Placement,
    stream: Option<&StreamName>,
    event: &NewEvent,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    encode_header(placement, stream, event, out);
    out.extend_from_slice(stream.map_or(b"", |name| name.as_str().as_bytes()));
    out.extend_from_slice(event.kind.as_bytes());
    for tag in &event.tags {
        out.push(tag.as_str().len() as u8);
        out.extend_from_slice(tag.as_str().as_bytes());
    }
    for id in [event.correlation, event.causation].into_iter().flatten() {
        out.extend_from_slice(id.as_bytes());
    }
    out.extend_from_slice(&event.metadata);
    out.extend_from_slice(&event.payload);
    let checksum = checksum(placement.position, &out[start + 8..]);
    out[start + 4..start + 8].copy_from_slice(&checksum.to_le_bytes());
    out.resize(start + padded_len(stream, event), 0);
}

fn encode_header(
    placement: Placement,
    stream: Option<&StreamName>,
    event: &NewEvent,
    out: &mut Vec<u8>,
) {
    let correlation = if event.correlation.is_some() { HAS_CORRELATION } else { 0 };
    let causation = if event.causation.is_some() { HAS_CAUSATION } else { 0 };
    let stream_len = stream.map_or(0, |name| name.as_str().len());
    let is_short = record_len(stream, event).next_multiple_of(ALIGNMENT) < stub_len(stream_len);
    let room = if is_short { HAS_ROOM } else { 0 };
    let flags = correlation | causation | room | (event.content_type.code() << CONTENT_TYPE_SHIFT);
    out.extend_from_slice(&(record_len(stream, event) as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]); // the checksum, when everything else is there
    out.extend_from_slice(&placement.version.to_le_bytes());
    out.extend_from_slice(&placement.recorded_at.as_nanos().to_le_bytes());
    out.extend_from_slice(event.id.as_bytes());
    out.extend_from_slice(&(event.payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&(event.metadata.len() as u32).to_le_bytes());
    out.extend_from_slice(&(stream_len as u16).to_le_bytes());
    out.extend_from_slice(&(tags_len(event) as u16).to_le_bytes());
    out.extend_from_slice(&event.schema_version.to_le_bytes());
    out.push(event.kind.len() as u8);
    out.push(flags);
}

/// Covers the position too, so that a whole record at a wrong place is not taken for the right one.
fn checksum(position: Position, rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&position.0.to_le_bytes()), rest)
}

/// The length of the record that starts here, without padding, if it can be one at all.
pub(crate) fn peek_len(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    (length >= HEADER_BYTES).then_some(length)
}

/// Bytes from the start of the record that starts here to the start of the next.
pub(crate) fn peek_room(bytes: &[u8]) -> Option<usize> {
    let length = peek_len(bytes)?;
    let header = bytes.get(..HEADER_BYTES)?;
    Some(room(length, header))
}

fn room(length: usize, header: &[u8]) -> usize {
    let stream_len = usize::from(u16::from_le_bytes([header[48], header[49]]));
    let stub = if header[55] & HAS_ROOM == 0 { 0 } else { stub_len(stream_len) };
    length.max(stub).next_multiple_of(ALIGNMENT)
}

impl Recorded {
    /// An event as a store keeps it: for stores that do not keep these bytes themselves.
    ///
    /// The event must be within `limits`; stores check that at the door.
    pub fn new(placement: Placement, stream: Option<&StreamName>, event: &NewEvent) -> Self {
        let mut bytes = Vec::with_capacity(padded_len(stream, event));
        encode(placement, stream, event, &mut bytes);
        bytes.truncate(record_len(stream, event));
        Self { position: placement.position, bytes: bytes.into() }
    }

    /// Takes the record at the start of `bytes` for the event at `position`, if it really is.
    pub(crate) fn decode(position: Position, mut bytes: Bytes) -> Result<Self> {
        let damaged = |what: &str| Error::corrupt(format!("event {position}: {what}"));
        let length = peek_len(&bytes).ok_or_else(|| damaged("its length cannot be"))?;
        if length > bytes.len() {
            return Err(damaged("it is longer than the bytes that are there"));
        }
        let stored = u32::from_le_bytes(bytes[4..8].try_into().expect("four bytes"));
        if !checksum_fits(stored, checksum(position, &bytes[8..length])) {
            return Err(damaged("its checksum does not fit"));
        }
        bytes.truncate(length);
        let recorded = Self { position, bytes };
        recorded.check_layout().map_err(damaged)?;
        Ok(recorded)
    }

    fn check_layout(&self) -> Result<(), &'static str> {
        let adds_up = if self.is_removed() {
            let has_content = self.bytes[50..55].iter().any(|&byte| byte != 0);
            self.flags() == IS_REMOVED && !has_content && self.bytes.len() >= self.stub_len()
        } else {
            self.payload_start() + self.payload_len() == self.bytes.len()
        };
        if !adds_up {
            return Err("its parts do not add up to its length");
        }
        if ContentType::from_code(self.flags() >> CONTENT_TYPE_SHIFT).is_none() {
            return Err("its content type is of a newer version of hitherto");
        }
        let names = std::str::from_utf8(&self.bytes[HEADER_BYTES..self.tags_start()]);
        let names_are_text = names.is_ok_and(|names| names.is_char_boundary(self.stream_len()));
        if !names_are_text || !self.tags_are_text() {
            return Err("its names are not UTF-8");
        }
        Ok(())
    }

    fn tags_are_text(&self) -> bool {
        let mut rest = &self.bytes[self.tags_start()..self.ids_start()];
        while let Some((&length, after)) = rest.split_first() {
            match after.split_at_checked(usize::from(length)) {
                Some((tag, after)) if std::str::from_utf8(tag).is_ok() => rest = after,
                _ => return false,
            }
        }
        true
    }

    /// Where it stands among all events.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Its version in its stream, counted from 1; 0 if it belongs to none.
    pub fn version(&self) -> u64 {
        u64::from_le_bytes(self.array(8))
    }

    /// When the store accepted it. Never earlier than the event before.
    pub fn recorded_at(&self) -> Timestamp {
        Timestamp::from_nanos(i64::from_le_bytes(self.array(16)))
    }

    /// Its own id.
    pub fn id(&self) -> EventId {
        EventId::from_bytes(self.array(24))
    }

    /// The full name of its stream, if it belongs to one.
    pub fn stream(&self) -> Option<&str> {
        let name = &self.bytes[HEADER_BYTES..HEADER_BYTES + self.stream_len()];
        (!name.is_empty()).then(|| text(name))
    }

    /// The category of its stream, if it belongs to one.
    pub fn category(&self) -> Option<&str> {
        self.stream().map(|name| split_stream_name(name).0)
    }

    /// The id in the name of its stream (`ACC-001` of `account-ACC-001`); empty if it belongs to
    /// none.
    pub fn stream_id(&self) -> &str {
        self.stream().map_or("", |name| split_stream_name(name).1)
    }

    /// What happened.
    pub fn kind(&self) -> &str {
        let start = HEADER_BYTES + self.stream_len();
        text(&self.bytes[start..start + usize::from(self.bytes[54])])
    }

    /// The version of the payload's shape.
    pub fn schema_version(&self) -> u16 {
        u16::from_le_bytes(self.array(52))
    }

    /// What it can be found by.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        let mut rest = &self.bytes[self.tags_start()..self.ids_start()];
        std::iter::from_fn(move || {
            let (&length, after) = rest.split_first()?;
            let (tag, after) = after.split_at(usize::from(length));
            rest = after;
            Some(text(tag))
        })
    }

    /// How the payload is written.
    pub fn content_type(&self) -> ContentType {
        ContentType::from_code(self.flags() >> CONTENT_TYPE_SHIFT).expect("checked when decoded")
    }

    /// What exactly happened.
    pub fn payload(&self) -> &[u8] {
        let start = self.payload_start();
        &self.bytes[start..start + self.payload_len()]
    }

    /// What is known about the circumstances.
    pub fn metadata(&self) -> &[u8] {
        let end = self.payload_start();
        &self.bytes[end - self.metadata_len()..end]
    }

    /// What all events of one story have in common.
    pub fn correlation(&self) -> Option<EventId> {
        (self.flags() & HAS_CORRELATION != 0)
            .then(|| EventId::from_bytes(self.array(self.ids_start())))
    }

    /// The event that made this one happen.
    pub fn causation(&self) -> Option<EventId> {
        let start = self.ids_start() + 16 * usize::from(self.flags() & HAS_CORRELATION != 0);
        (self.flags() & HAS_CAUSATION != 0).then(|| EventId::from_bytes(self.array(start)))
    }

    /// The event as it could be appended again, elsewhere: all but its place and time.
    pub fn to_new_event(&self) -> NewEvent {
        NewEvent {
            id: self.id(),
            kind: self.kind().to_owned().into(),
            schema_version: self.schema_version(),
            tags: self.tags().map(Into::into).collect(),
            content_type: self.content_type(),
            payload: self.bytes.slice(self.payload_start()..),
            metadata: Bytes::copy_from_slice(self.metadata()),
            correlation: self.correlation(),
            causation: self.causation(),
        }
    }

    /// Whether this is that event in that stream: everything but place and time is compared.
    ///
    /// What was removed can still be told to be the same, by its leaf in the digest of history.
    pub fn is_same_event(&self, stream: Option<&StreamName>, event: &NewEvent) -> bool {
        if self.is_removed() {
            let recorded_at = self.recorded_at();
            let placement =
                Placement { position: self.position, version: self.version(), recorded_at };
            return self.id() == event.id
                && digest::leaf(&Self::new(placement, stream, event)) == digest::leaf(self);
        }
        self.id() == event.id
            && self.stream() == stream.map(StreamName::as_str)
            && self.kind() == event.kind
            && self.schema_version() == event.schema_version
            && self.tags().eq(event.tags.iter().map(crate::event::Tag::as_str))
            && self.content_type() == event.content_type
            && self.payload() == &event.payload[..]
            && self.metadata() == &event.metadata[..]
            && self.correlation() == event.correlation
            && self.causation() == event.causation
    }

    /// The record as it is stored.
    pub(crate) fn as_stored(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether this is only what is left of an event that was removed.
    pub(crate) fn is_removed(&self) -> bool {
        self.flags() & IS_REMOVED != 0
    }

    /// The scavenge that removed it, by its position.
    pub(crate) fn removed_by(&self) -> Option<Position> {
        self.is_removed().then(|| Position(u64::from_le_bytes(self.array(40))))
    }

    /// The leaf that the digest of history had for it, if it was removed.
    pub(crate) fn removed_leaf(&self) -> Option<[u8; LEAF_BYTES]> {
        self.is_removed().then(|| self.array(self.tags_start()))
    }

    /// Bytes from its start to the start of the next record.
    pub(crate) fn room(&self) -> usize {
        room(self.bytes.len(), &self.bytes)
    }

    /// Whether it can be removed: it was not yet, and its stub fits into its place.
    pub(crate) fn fits_stub(&self) -> bool {
        !self.is_removed() && self.stub_len() <= self.room()
    }

    /// What is left of it when it is removed: where it stood, when, its id, and its leaf. Takes no
    /// more room than the event; `None` if it was stored without the room for that.
    pub(crate) fn to_stub(&self, removed_by: Position) -> Option<Self> {
        if !self.fits_stub() {
            return None;
        }
        let length = self.bytes.len().max(self.stub_len());
        let mut bytes = vec![0; length];
        bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
        bytes[8..40].copy_from_slice(&self.bytes[8..40]);
        bytes[40..48].copy_from_slice(&removed_by.0.to_le_bytes());
        bytes[48..50].copy_from_slice(&self.bytes[48..50]);
        bytes[55] = IS_REMOVED;
        let name_end = HEADER_BYTES + self.stream_len();
        bytes[HEADER_BYTES..name_end].copy_from_slice(&self.bytes[HEADER_BYTES..name_end]);
        bytes[name_end..name_end + LEAF_BYTES].copy_from_slice(&digest::leaf(self));
        let checksum = checksum(self.position, &bytes[8..]);
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
        Some(Self { position: self.position, bytes: bytes.into() })
    }

    /// The same, without what else was read with it.
    pub(crate) fn copied(&self) -> Self {
        Self { position: self.position, bytes: Bytes::copy_from_slice(&self.bytes) }
    }

    /// Bytes of the record.
    pub(crate) fn stored_bytes(&self) -> usize {
        self.bytes.len()
    }

    fn stream_len(&self) -> usize {
        usize::from(u16::from_le_bytes(self.array(48)))
    }

    fn tags_start(&self) -> usize {
        HEADER_BYTES + self.stream_len() + usize::from(self.bytes[54])
    }

    fn ids_start(&self) -> usize {
        self.tags_start() + usize::from(u16::from_le_bytes(self.array(50)))
    }

    fn payload_start(&self) -> usize {
        let ids = (self.flags() & (HAS_CORRELATION | HAS_CAUSATION)).count_ones() as usize;
        self.ids_start() + 16 * ids + self.metadata_len()
    }

    fn stub_len(&self) -> usize {
        stub_len(self.stream_len())
    }

    fn payload_len(&self) -> usize {
        if self.is_removed() { 0 } else { u32::from_le_bytes(self.array(40)) as usize }
    }

    fn metadata_len(&self) -> usize {
        if self.is_removed() { 0 } else { u32::from_le_bytes(self.array(44)) as usize }
    }

    fn flags(&self) -> u8 {
        self.bytes[55]
    }

    fn array<const N: usize>(&self, start: usize) -> [u8; N] {
        self.bytes[start..start + N].try_into().expect("the slice has this length")
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("checked when decoded")
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded")
            .field("position", &self.position.0)
            .field("stream", &self.stream())
            .field("version", &self.version())
            .field("kind", &self.kind())
            .field("id", &self.id())
            .field("payload", &String::from_utf8_lossy(self.payload()))
            .finish_non_exhaustive()
    }
}
