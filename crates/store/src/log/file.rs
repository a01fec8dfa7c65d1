//! One log file as writer and readers share it, and reading from it.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};

use super::compressed::{self, Compressing, Edition, StreamFinder};
use super::handles::{Form, Handles, Opened, Slot};
use super::header::{FileHeader, HEADER_BYTES};
use super::holes::is_damage;
use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::event::Position;
use crate::index::sealed::PlacesPage;
use crate::record::{self, Recorded};
use crate::roll;
use crate::sync::{AtomicBool, AtomicU64};

/// Bytes that are read at once where events stand far apart.
const READ_BYTES_MIN: usize = 2 << 10;
/// Bytes that are read at once where events are read one after another.
const READ_BYTES_MAX: usize = 256 << 10;

/// A log file: opened when it is first read.
pub(crate) struct LogFile {
    pub(crate) number: u64,
    pub(crate) name: String,
    /// Where its durable frames end.
    pub(crate) end: AtomicU64,
    /// Set when it was seen to be compressed: that it stays, here or in an archive.
    is_known_compressed: AtomicBool,
    /// Set when something was found damaged of what the compressed file has twice.
    gathered_is_damaged: AtomicBool,
    handles: Arc<Handles>,
    slot: Arc<Slot>,
}

impl LogFile {
    /// The file with this number, whose frames end there.
    pub(crate) fn new(number: u64, end: u64, handles: Arc<Handles>) -> Self {
        let (name, end) = (FileHeader::file_name(number), AtomicU64::new(end));
        let (is_known_compressed, gathered_is_damaged) =
            (AtomicBool::new(false), AtomicBool::new(false));
        let slot = Arc::default();
        Self { number, name, end, is_known_compressed, gathered_is_damaged, handles, slot }
    }

    /// A file that is open already, and stays it.
    pub(crate) fn opened(number: u64, file: Arc<dyn DiskFile>, handles: Arc<Handles>) -> Self {
        let log = Self::new(number, HEADER_BYTES, handles);
        log.slot.keep(Arc::new(Opened::raw(file)));
        log
    }

    /// The open file.
    pub(crate) fn file(&self) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(opened) = &*self.slot.opened() {
            return Ok(Arc::clone(&opened.file));
        }
        self.handles.open_into(&self.slot, self.number).map(|opened| Arc::clone(&opened.file))
    }

    /// An event of one stream, if the file is compressed and has it beside others of the stream.
    /// What is wrong there is kept in mind: nothing is looked for there any more.
    pub(crate) fn find_gathered(
        &self,
        position: Position,
        finder: &mut StreamFinder,
    ) -> Option<Recorded> {
        if self.gathered_is_damaged() {
            return None;
        }
        let found = if let Some(opened) = &*self.slot.opened() {
            finder.find(opened.compressed.as_ref()?, position)
        } else {
            let opened = self.handles.open_into(&self.slot, self.number).ok()?;
            finder.find(opened.compressed.as_ref()?, position)
        };
        found.unwrap_or_else(|error| {
            self.gathered_is_damaged.fetch_or(is_damage(&error), Ordering::Relaxed);
            None
        })
    }

    /// Whether what it has gathered was found damaged.
    pub(crate) fn gathered_is_damaged(&self) -> bool {
        self.gathered_is_damaged.load(Ordering::Relaxed)
    }

    /// Writes it anew because what it has gathered is damaged. It is tried once each time that it
    /// is found to be.
    pub(crate) fn mend_gathered(&self, compressing: Compressing<'_>) -> Result<()> {
        self.gathered_is_damaged.store(false, Ordering::Relaxed);
        // One that is open may be of an earlier edition.
        let file = self.open_anew().map_err(|error| self.unreadable(0, error))?;
        self.replace(compressing, self.edition()?, &*file)
    }

    /// Reads all that it has gathered, and says before each part how many bytes are read for it;
    /// what is wrong with it, if something is.
    pub(crate) fn check_gathered(
        &self,
        before: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> Result<Option<io::Error>> {
        let opened = self.handles.open_form(self.number);
        let opened = opened.map_err(|error| self.unreadable(0, error))?;
        let Some(log) = opened.compressed else { return Ok(None) };
        match log.check_gathered(before) {
            Err(error) if is_damage(&error) => {
                self.gathered_is_damaged.store(true, Ordering::Relaxed);
                Ok(Some(error))
            }
            other => other.map(|()| None).map_err(|error| self.unreadable(0, error)),
        }
    }

    /// The file as it is on the disk now, with nothing that an open one has in memory.
    pub(crate) fn open_anew(&self) -> io::Result<Arc<dyn DiskFile>> {
        self.handles.open(self.number)
    }

    /// Has it opened anew by whoever reads next: in another form.
    pub(crate) fn forget_handle(&self) {
        self.slot.forget();
    }

    /// In which form it is there.
    pub(crate) fn form(&self) -> Result<Form> {
        let form = self.handles.form(self.number).map_err(|error| self.unreadable(0, error))?;
        self.is_known_compressed.fetch_or(form.is_compressed, Ordering::Relaxed);
        Ok(form)
    }

    /// Whether it was seen to be compressed; without a look at the disk.
    pub(crate) fn is_known_compressed(&self) -> bool {
        self.is_known_compressed.load(Ordering::Relaxed)
    }

    /// Which edition of it there is: with or without something removed.
    pub(crate) fn edition(&self) -> Result<Edition> {
        self.handles.edition(self.number).map_err(|error| self.unreadable(0, error))
    }

    /// Puts the compressed form in its place, when that was proven equal.
    pub(crate) fn compress(&self, compressing: Compressing<'_>) -> Result<()> {
        let raw = self.file().map_err(|error| self.unreadable(0, error))?;
        self.replace(compressing, Edition::default(), &*raw)
    }

    /// Puts a compressed file of these bytes in its place.
    pub(crate) fn replace(
        &self,
        compressing: Compressing<'_>,
        edition: Edition,
        bytes: &dyn DiskFile,
    ) -> Result<()> {
        let compressed = compressed::write_edition(compressing, (self.number, edition), bytes)
            .and_then(|()| roll::remove_if_there(compressing.disk, &self.name));
        // Whoever reads next opens what is there now.
        self.forget_handle();
        compressed.map_err(|error| self.unreadable(0, error))
    }

    /// An error for bytes that could not be read.
    pub(crate) fn unreadable(&self, offset: u64, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::NotFound {
            return Error::corrupt(format!(
                "{} is missing, and the events in it with it: restore it from a backup",
                self.name
            ));
        }
        match error.kind() {
            io::ErrorKind::InvalidData => self.damaged(offset, &error.to_string()),
            io::ErrorKind::Interrupted => Error::left_at_close(),
            _ => Error::unavailable(format!("{} could not be read at offset {offset}", self.name))
                .because(error),
        }
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        match &*self.slot.opened() {
            Some(opened) => opened.file.read_at(bytes, offset),
            None => self.file()?.read_at(bytes, offset),
        }
    }
}

/// Bytes that a reader has read ahead. Events share them, so nothing is copied for an event.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    file_number: u64,
    start: u64,
    bytes: Bytes,
    read_bytes: usize,
    /// The page of an index that told the last place: the next one stands in it, mostly.
    pub(crate) places: PlacesPage,
    /// What was read before, as often as it may be held, to be used again when nobody holds it.
    used: VecDeque<Bytes>,
    used_max: usize,
}

impl ReadBuffer {
    /// A buffer whose reader holds the events of so many reads.
    pub(crate) fn reusing(used_max: usize) -> Self {
        Self { used_max, ..Self::default() }
    }

    /// Where the bytes that were read last start in their file.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Bytes that were read last.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// All of a record, by the length that it states. The next one starts `span` bytes behind it,
    /// or a few before that.
    pub(crate) fn record_at(&mut self, file: &LogFile, offset: u64, span: u64) -> Result<Bytes> {
        if let Some(record) = self.whole_record(file, offset) {
            return Ok(record);
        }
        let span = usize::try_from(span).unwrap_or(usize::MAX);
        self.read_ahead(file, offset, record::HEADER_BYTES, span.min(READ_BYTES_MIN))?;
        let length = record::peek_len(&self.bytes).unwrap_or(0);
        // A length that cannot be is not believed: decoding says what is wrong with it.
        if length > self.bytes.len() && length <= span.min(durable_left(file, offset, 0)) {
            self.read_ahead(file, offset, length, length)?;
        }
        Ok(self.whole_record(file, offset).unwrap_or_else(|| self.bytes.clone()))
    }

    /// Reads bytes of which all records will be asked for, or as many as are read at once.
    pub(crate) fn fill(&mut self, file: &LogFile, offset: u64, bytes: u64) -> Result<()> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(READ_BYTES_MAX);
        let bytes = bytes.min(durable_left(file, offset, 0));
        self.read_bytes = 0;
        self.read_ahead(file, offset, bytes, bytes)
    }

    /// A record of which everything was read ahead.
    fn whole_record(&self, file: &LogFile, offset: u64) -> Option<Bytes> {
        if self.file_number != file.number {
            return None;
        }
        let start = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let length = record::peek_len(self.bytes.get(start..)?)?;
        let end = start.checked_add(length).filter(|&end| end <= self.bytes.len())?;
        Some(self.bytes.slice(start..end))
    }

    /// Reads from an offset on: at least `length` bytes if the file has them. Where events stand
    /// far apart, `span` bytes are read and no more.
    fn read_ahead(
        &mut self,
        file: &LogFile,
        offset: u64,
        length: usize,
        span: usize,
    ) -> Result<()> {
        self.read_bytes = self.next_read(file, offset, span).max(length);
        let wanted = self.read_bytes.min(durable_left(file, offset, length));
        let mut bytes = self.room_for(wanted);
        let filled = match file.read_at(&mut bytes, offset) {
            // What is damaged stands perhaps behind what is asked for.
            Err(error) if is_damage(&error) && wanted > length => {
                self.read_bytes = length;
                bytes.truncate(length);
                file.read_at(&mut bytes, offset)
            }
            read => read,
        };
        bytes.truncate(filled.map_err(|error| file.unreadable(offset, error))?);
        (self.file_number, self.start, self.bytes) = (file.number, offset, bytes.freeze());
        Ok(())
    }

    /// Room for bytes: what was read before, if nobody holds an event of it any more.
    fn room_for(&mut self, wanted: usize) -> BytesMut {
        self.used.push_back(std::mem::take(&mut self.bytes));
        if self.used.len() <= self.used_max {
            return BytesMut::zeroed(wanted);
        }
        match self.used.pop_front().unwrap_or_default().try_into_mut() {
            Ok(mut room) if room.capacity() >= wanted && room.capacity() < 2 * wanted => {
                room.resize(wanted, 0);
                room
            }
            _ => BytesMut::zeroed(wanted),
        }
    }

    /// Grows while reads follow one another, and falls back where they jump.
    fn next_read(&self, file: &LogFile, offset: u64, span: usize) -> usize {
        let end = self.start + self.bytes.len() as u64;
        let is_near = self.file_number == file.number
            && (self.start..end + READ_BYTES_MIN as u64).contains(&offset);
        if is_near { (self.read_bytes * 4).clamp(READ_BYTES_MIN, READ_BYTES_MAX) } else { span }
    }
}

/// A buffer never reaches into what is not durable: it could be stale when that is.
fn durable_left(file: &LogFile, offset: u64, length: usize) -> usize {
    let left = file.end.load(Ordering::Acquire).saturating_sub(offset);
    usize::try_from(left).unwrap_or(usize::MAX).max(length)
}
