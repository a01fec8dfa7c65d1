//! One log file with its index, as writer and readers share it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::header::FileHeader;
use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::event::Position;
use crate::index::FileIndex;
use crate::record::{self, Recorded};

/// Bytes that are read at once where events stand far apart.
const READ_BYTES_MIN: usize = 2 << 10;
/// Bytes that are read at once where events are read one after another.
const READ_BYTES_MAX: usize = 256 << 10;

/// A log file: its header, its bytes, and the index over them.
pub(crate) struct LogFile {
    pub(crate) name: String,
    pub(crate) header: FileHeader,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) index: FileIndex,
    /// Where its durable frames end.
    pub(crate) end: AtomicU64,
}

impl LogFile {
    pub(crate) fn new(header: FileHeader, file: Arc<dyn DiskFile>, hash_seed: u64) -> Self {
        Self {
            name: FileHeader::file_name(header.number),
            header,
            file,
            index: FileIndex::new(header.allocated, hash_seed),
            end: AtomicU64::new(super::header::HEADER_BYTES),
        }
    }

    /// The position of the event with this number in the file.
    pub(crate) fn position(&self, event: u32) -> Position {
        Position(self.header.first_position.0 + u64::from(event))
    }

    /// The number in the file of the event at this position, or of the nearest that can be.
    pub(crate) fn event_at(&self, position: u64) -> u32 {
        let number = position.saturating_sub(self.header.first_position.0);
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    /// How many of the file's events stand at `last` or before.
    pub(crate) fn count_up_to(&self, last: Position) -> u32 {
        let counted = self.event_at(last.0.saturating_add(1));
        counted.min(self.index.count())
    }

    /// Reads one event, with what stands around it if `buffer` finds that it pays.
    pub(crate) fn read(&self, event: u32, buffer: &mut ReadBuffer) -> Result<Recorded> {
        let position = self.position(event);
        let damaged = |what: &dyn std::fmt::Display, offset: u64| {
            Error::corrupt(format!(
                "{} at offset {offset}: {what}; run `hitherto verify` for the whole extent",
                self.name
            ))
        };
        let Some(offset) = self.index.offset(event) else {
            return Err(damaged(&format!("event {position} is damaged"), self.header.previous_end));
        };
        let span = self.index.offset_behind(event).unwrap_or(u64::MAX).saturating_sub(offset);
        let bytes = buffer.record_at(self, offset, span)?;
        Recorded::decode(position, &bytes).map_err(|error| damaged(&error, offset))
    }
}

/// Bytes that a reader has read ahead. Events share them, so nothing is copied for an event.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    file_number: u64,
    start: u64,
    bytes: Bytes,
    read_bytes: usize,
}

impl ReadBuffer {
    /// All of a record, by the length that it states. The next one starts `span` bytes behind it.
    fn record_at(&mut self, file: &LogFile, offset: u64, span: u64) -> Result<Bytes> {
        let span = usize::try_from(span).unwrap_or(usize::MAX).min(READ_BYTES_MIN);
        let head = self.bytes_at(file, offset, record::HEADER_BYTES, span)?;
        let length = record::peek_len(&head).unwrap_or(0);
        if length <= head.len() {
            return Ok(head);
        }
        self.bytes_at(file, offset, length, length)
    }

    /// Bytes from an offset: at least `length` if the file has them, or whatever is buffered
    /// beyond. Where events stand far apart, `span` bytes are read and not one more.
    fn bytes_at(
        &mut self,
        file: &LogFile,
        offset: u64,
        length: usize,
        span: usize,
    ) -> Result<Bytes> {
        if let Some(bytes) = self.buffered(file, offset, length) {
            return Ok(bytes);
        }
        self.read_bytes = self.next_read(file, offset, span).max(length);
        let mut bytes = vec![0; self.read_bytes.min(durable_left(file, offset, length))];
        let filled = file.file.read_at(&mut bytes, offset).map_err(|error| {
            Error::unavailable(format!("{} could not be read at offset {offset}", file.name))
                .because(error)
        })?;
        bytes.truncate(filled);
        (self.file_number, self.start, self.bytes) = (file.header.number, offset, bytes.into());
        Ok(self.bytes.clone())
    }

    fn buffered(&self, file: &LogFile, offset: u64, length: usize) -> Option<Bytes> {
        let start = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let is_inside =
            self.file_number == file.header.number && start + length <= self.bytes.len();
        is_inside.then(|| self.bytes.slice(start..))
    }

    /// Grows while reads follow one another, and falls back where they jump.
    fn next_read(&self, file: &LogFile, offset: u64, span: usize) -> usize {
        let end = self.start + self.bytes.len() as u64;
        let is_near = self.file_number == file.header.number
            && (self.start..end + READ_BYTES_MIN as u64).contains(&offset);
        if is_near { (self.read_bytes * 4).clamp(READ_BYTES_MIN, READ_BYTES_MAX) } else { span }
    }
}

/// A buffer never reaches into what is not durable: it could be stale when that is.
fn durable_left(file: &LogFile, offset: u64, length: usize) -> usize {
    let left = file.end.load(Ordering::Acquire).saturating_sub(offset);
    usize::try_from(left).unwrap_or(usize::MAX).max(length)
}
