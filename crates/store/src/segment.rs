//! A range of events with its index: the growing one that the writer extends, or one that is
//! sealed and read from disk.
//!
//! Events are named by their number in the segment, counted from 0.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::cache::{CacheKey, Cached, ReadCache};
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::event::{EventId, Position};
use crate::index::sealed::{SealedIndex, SealedPostings};
use crate::index::{GrowingIndex, IdRange, KeyClass, PostingsCursor, Stand};
use crate::log::{Expected, FileHeader, Frame, FrameKind, LogFile, ReadBuffer, StreamFinder};
use crate::options::Options;
use crate::planted::{PlantedBug, is_planted};
use crate::query::Direction;
use crate::record::Recorded;

/// Events one after another, and what they are found by.
#[derive(Clone)]
pub(crate) enum Segment {
    Growing(Arc<Growing>),
    Sealed(Arc<Sealed>),
}

/// The events of one log file, or of a part of it, with their index in memory.
pub(crate) struct Growing {
    pub(crate) first_position: Position,
    /// Where they begin in the file.
    pub(crate) start: u64,
    pub(crate) header: FileHeader,
    pub(crate) log: Arc<LogFile>,
    pub(crate) index: GrowingIndex,
    /// Set when nothing is added any more.
    pub(crate) finished: OnceLock<Finished>,
}

/// Where the log goes on behind a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finished {
    pub(crate) end: Expected,
    /// What the last frame before the end is.
    pub(crate) last_frame: Option<FrameKind>,
    /// Whether all events are there, so that it can be sealed.
    pub(crate) is_whole: bool,
}

/// The events of some log files, with their index on disk.
pub(crate) struct Sealed {
    pub(crate) index: SealedIndex,
    /// In the order of the index's table.
    pub(crate) logs: Vec<Arc<LogFile>>,
    /// Why its index, which is damaged, cannot be built anew.
    given_up: OnceLock<Error>,
}

impl Sealed {
    pub(crate) fn new(index: SealedIndex, logs: Vec<Arc<LogFile>>) -> Self {
        Self { index, logs, given_up: OnceLock::new() }
    }

    /// Leaves the index as it is, for as long as the store is open.
    pub(crate) fn give_up(&self, because: Error) {
        let _ = self.given_up.set(because); // or somebody has a moment ago
    }

    pub(crate) fn is_given_up(&self) -> Option<&Error> {
        self.given_up.get()
    }
}

impl Growing {
    /// A segment without events, for what a log file has from a place on.
    pub(crate) fn new(
        header: FileHeader,
        log: Arc<LogFile>,
        start: &Expected,
        (options, seed): (&Options, u64),
    ) -> Self {
        // What the header says about its size is not believed beyond what is there.
        let length = log.file().and_then(|file| file.len()).unwrap_or(0);
        let bytes = header.allocated.min(length).saturating_sub(start.offset);
        let index = GrowingIndex::new(bytes.min(options.indexed_log_bytes()), seed);
        Self::with(header, log, (start.position, start.offset), index)
    }

    /// The same, with an index that is empty.
    pub(crate) fn with(
        header: FileHeader,
        log: Arc<LogFile>,
        (first_position, start): (Position, u64),
        index: GrowingIndex,
    ) -> Self {
        Self { first_position, start, header, log, index, finished: OnceLock::new() }
    }

    /// Whether a frame that stands there belongs into another segment. Whoever reads the log draws
    /// the line where the writer did, so that they can share index files.
    pub(crate) fn ends_before(&self, frame: &Frame, end: &Expected, options: &Options) -> bool {
        frame.header.event_count > 0 && self.is_full(end, options)
    }

    /// Whether events that come behind this batch belong into another segment.
    pub(crate) fn is_full(&self, end: &Expected, options: &Options) -> bool {
        let log_bytes = end.offset.saturating_sub(self.start);
        let is_much = log_bytes >= options.indexed_log_bytes()
            || self.index.used_bytes() as u64 > options.growing_index_bytes();
        is_much && end.frames_left == 0 && self.index.count() > 0
    }
}

impl Segment {
    pub(crate) fn first_position(&self) -> Position {
        match self {
            Self::Growing(growing) => growing.first_position,
            Self::Sealed(sealed) => sealed.index.header.first_position,
        }
    }

    /// The position of its last event, if no more are added: the one before its first if it has
    /// none.
    pub(crate) fn last_position(&self) -> Option<Position> {
        match self {
            Self::Growing(growing) => {
                growing.finished.get()?;
                let next = growing.first_position.0 + u64::from(growing.index.count());
                Some(Position(next - 1))
            }
            Self::Sealed(sealed) => Some(sealed.index.header.end_position()),
        }
    }

    /// The log files that its events stand in.
    pub(crate) fn logs(&self) -> &[Arc<LogFile>] {
        match self {
            Self::Growing(growing) => std::slice::from_ref(&growing.log),
            Self::Sealed(sealed) => &sealed.logs,
        }
    }

    pub(crate) fn is_growing(&self) -> bool {
        matches!(self, Self::Growing(_))
    }

    pub(crate) fn sealed(self) -> Option<Arc<Sealed>> {
        match self {
            Self::Sealed(sealed) => Some(sealed),
            Self::Growing(_) => None,
        }
    }

    /// How many events it has.
    pub(crate) fn count(&self) -> u32 {
        match self {
            Self::Growing(growing) => growing.index.count(),
            Self::Sealed(sealed) => sealed.index.count(),
        }
    }

    /// The position of the event with this number.
    pub(crate) fn position(&self, event: u32) -> Position {
        let position = self.first_position().0 + u64::from(event);
        let is_cut = is_planted(PlantedBug::CountWith32Bits);
        Position(if is_cut { position & u64::from(u32::MAX) } else { position })
    }

    /// The number of the event at this position, or of the nearest that can be.
    pub(crate) fn event_at(&self, position: u64) -> u32 {
        let number = position.saturating_sub(self.first_position().0);
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    /// How many of its events stand at `last` or before.
    pub(crate) fn count_up_to(&self, last: Position) -> u32 {
        self.event_at(last.0.saturating_add(1)).min(self.count())
    }

    /// The walk of a key's postings.
    pub(crate) fn postings(
        &self,
        class: KeyClass,
        name: &str,
        direction: Direction,
    ) -> Result<Cursor> {
        let cursor = match self {
            Self::Growing(growing) => {
                growing.index.postings(class, name, direction).map(Cursor::Growing)
            }
            Self::Sealed(sealed) => {
                let key = sealed.index.key(class, name)?;
                key.map(|key| Cursor::Sealed(key.postings, direction))
            }
        };
        Ok(cursor.unwrap_or(Cursor::Nothing))
    }

    pub(crate) fn seek_growing(&self, cursor: &mut PostingsCursor, target: u32) -> Option<u32> {
        match self {
            Self::Growing(growing) => growing.index.seek(cursor, target),
            Self::Sealed(_) => None,
        }
    }

    pub(crate) fn seek_sealed(
        &self,
        postings: &mut SealedPostings,
        target: u32,
        direction: Direction,
    ) -> Result<Option<u32>> {
        match self {
            Self::Growing(_) => Ok(None),
            Self::Sealed(sealed) => postings.seek(&sealed.index, target, direction),
        }
    }

    /// The version of a stream after the last of its events numbered below `end`, if it has one
    /// here.
    pub(crate) fn stream_version(&self, stream: &str, end: u32) -> Result<Option<u64>> {
        let sealed = match self {
            Self::Growing(growing) => return Ok(growing.index.stream_version(stream, end)),
            Self::Sealed(sealed) => &sealed.index,
        };
        let Some(mut key) = sealed.key(KeyClass::Stream, stream)? else { return Ok(None) };
        let count = if end >= sealed.count() {
            key.postings.count()
        } else {
            key.postings.count_below(sealed, end)?
        };
        Ok((count > 0).then(|| key.version_before + u64::from(count)))
    }

    /// The event that brought a stream to a version, if it stands in this segment.
    pub(crate) fn event_of_version(&self, stream: &str, version: u64) -> Result<Option<u32>> {
        let sealed = match self {
            Self::Growing(growing) => return Ok(growing.index.event_of_version(stream, version)),
            Self::Sealed(sealed) => &sealed.index,
        };
        let Some(mut key) = sealed.key(KeyClass::Stream, stream)? else { return Ok(None) };
        let ordinal = version.checked_sub(key.version_before + 1);
        let Some(ordinal) = ordinal.and_then(|ordinal| u32::try_from(ordinal).ok()) else {
            return Ok(None);
        };
        key.postings.nth(sealed, ordinal)
    }

    /// How many streams have their first event here, among those up to `head`.
    pub(crate) fn new_streams(&self, head: Position) -> u64 {
        match self {
            Self::Growing(growing) => growing.index.new_streams(self.count_up_to(head)),
            Self::Sealed(sealed) => sealed.index.header.new_streams,
        }
    }

    /// Visits the streams that have events numbered below `end`: name, version, last event.
    pub(crate) fn for_each_stream(
        &self,
        end: u32,
        visit: &mut dyn FnMut(&str, u64, u32),
    ) -> Result<()> {
        match self {
            Self::Growing(growing) => {
                let streams = growing.index.streams(end);
                streams.for_each(|(name, version, last)| visit(&name, version, last));
            }
            Self::Sealed(sealed) => {
                for stream in sealed.index.streams() {
                    let (name, version, last) = stream?;
                    visit(&name, version, last);
                }
            }
        }
        Ok(())
    }

    /// The positions up to `head` that stand in each log file: its number, the first, the last.
    pub(crate) fn positions_by_log(&self, head: Position) -> Vec<(u64, Position, Position)> {
        match self {
            Self::Growing(growing) => {
                let last = growing.first_position.0 + u64::from(self.count_up_to(head)) - 1;
                vec![(growing.log.number, growing.first_position, Position(last))]
            }
            Self::Sealed(sealed) => {
                let files = 0..sealed.logs.len();
                let entry = |file| {
                    let (first, last) = sealed.positions_in(file);
                    (sealed.logs[file].number, first, last)
                };
                files.map(entry).collect()
            }
        }
    }

    /// Whether one of these ids can be here: mostly not, of ids that grow with time.
    pub(crate) fn may_have(&self, ids: IdRange) -> bool {
        let here = match self {
            Self::Growing(growing) => growing.index.id_range(),
            Self::Sealed(sealed) => sealed.index.id_range(),
        };
        here.overlaps(ids)
    }

    /// The events that may have this id.
    pub(crate) fn candidates(&self, id: EventId) -> Result<Vec<u32>> {
        match self {
            Self::Growing(growing) => Ok(growing.index.candidates(id).collect()),
            Self::Sealed(sealed) => sealed.index.candidates(id),
        }
    }

    /// Reads one event, with what stands around it if `buffer` finds that it pays.
    pub(crate) fn read(&self, event: u32, buffer: &mut ReadBuffer) -> Result<Recorded> {
        self.read_found((event, None), buffer)
    }

    /// Reads one event of which is known where it stands, or not.
    fn read_found(
        &self,
        (event, stand): (u32, Option<Stand>),
        buffer: &mut ReadBuffer,
    ) -> Result<Recorded> {
        let position = self.position(event);
        let (log, offset, span) = match (self, stand) {
            (Self::Growing(growing), _) => growing.place(event)?,
            (Self::Sealed(sealed), Some(Stand { offset, span })) => {
                (&*sealed.logs[sealed.index.file_of(event)], offset, span)
            }
            (Self::Sealed(sealed), None) => {
                let (file, offset, behind) = sealed.index.place_near(event, &mut buffer.places)?;
                (&*sealed.logs[file], offset, behind.saturating_sub(offset))
            }
        };
        let bytes = buffer.record_at(log, offset, span)?;
        Recorded::decode(position, bytes).map_err(|error| log.damaged(offset, &error.to_string()))
    }

    /// An event that its log file has beside others of its stream, if it does.
    fn read_gathered(&self, event: u32, finder: &mut StreamFinder) -> Option<Recorded> {
        let Self::Sealed(sealed) = self else { return None };
        sealed.logs[sealed.index.file_of(event)].find_gathered(self.position(event), finder)
    }

    /// Whether an event that a walk has found may have others of the walk beside it in its file.
    pub(crate) fn has_company(&self, event: u32, cursor: &Cursor) -> bool {
        match (self, cursor) {
            (Self::Sealed(sealed), Cursor::Sealed(postings, _)) => {
                postings.has_company(event, &sealed.events_in(sealed.index.file_of(event)))
            }
            _ => false,
        }
    }

    /// Reads what stands from the first to the last of some events into a buffer, if that is one
    /// file.
    pub(crate) fn read_at_once(&self, events: Range<u32>, buffer: &mut ReadBuffer) -> Result<()> {
        let Some(last) = events.end.checked_sub(1) else { return Ok(()) };
        let (log, start, _) = self.place(events.start)?;
        let (last_log, last, span) = self.place(last)?;
        let bytes = last.saturating_add(span).saturating_sub(start);
        if log.number == last_log.number { buffer.fill(log, start, bytes) } else { Ok(()) }
    }

    fn place(&self, event: u32) -> Result<(&LogFile, u64, u64)> {
        match self {
            Self::Growing(growing) => growing.place(event),
            Self::Sealed(sealed) => sealed.place(event),
        }
    }

    /// Where an event stands, by its place.
    pub(crate) fn stand(&self, event: u32) -> Option<Stand> {
        let (_, offset, span) = self.place(event).ok()?;
        Stand::new(offset, offset.saturating_add(span))
    }

    /// Where an event stands: the name of its log file, and its offset there.
    pub(crate) fn locate(&self, event: u32) -> Option<(String, u64)> {
        let (log, offset, _) = self.place(event).ok()?;
        Some((log.name.clone(), offset))
    }

    /// Reads one event that was found through the index, or finds it among those read lately, or
    /// beside others of its stream.
    pub(crate) fn read_cached(
        &self,
        (event, stand): (u32, Option<Stand>),
        (buffer, finder): (&mut ReadBuffer, Option<&mut StreamFinder>),
        cache: &ReadCache,
    ) -> Result<Recorded> {
        let position = self.position(event);
        let is_asked_again = cache.is_asked_again(position);
        let key = CacheKey::Event(position.0);
        if is_asked_again && let Some(Cached::Event(event)) = cache.find(key) {
            return Ok(event);
        }
        if let Some(recorded) = finder.and_then(|finder| self.read_gathered(event, finder)) {
            if is_asked_again {
                // It would keep what stands beside it in memory.
                cache.keep(key, Cached::Event(recorded.copied()));
            }
            return Ok(recorded);
        }
        let recorded = self.read_found((event, stand), buffer)?;
        if !is_asked_again {
            return Ok(recorded);
        }
        // An event that is a small part of what was read would keep all of that in memory.
        if buffer.len() <= 2 * recorded.stored_bytes() {
            cache.keep(key, Cached::Event(recorded.clone()));
        }
        Ok(recorded)
    }
}

impl Growing {
    fn place(&self, event: u32) -> Result<(&LogFile, u64, u64)> {
        let Some(offset) = self.index.offset(event) else {
            let position = self.first_position.0 + u64::from(event);
            return Err(self.log.damaged(0, &format!("event {position} is damaged")));
        };
        let behind = self.index.offset_behind(event).unwrap_or(u64::MAX);
        Ok((&self.log, offset, behind.saturating_sub(offset)))
    }
}

impl Sealed {
    /// Whether its first event is the next one behind the last of another's.
    pub(crate) fn follows(&self, before: &Sealed) -> bool {
        before.index.header.next_position() == self.index.header.first_position
    }

    /// Whether its last event stands in this log file, in which others come behind it.
    pub(crate) fn ends_in(&self, number: u64) -> bool {
        let header = &self.index.header;
        let is_full = header.last_frame == Some(FrameKind::Roll);
        !is_full && self.logs.last().is_some_and(|log| log.number == number)
    }

    /// Which of its log files were rewritten since it was made, so that it has names of what was
    /// removed.
    pub(crate) fn outdated_files(&self) -> Result<Vec<usize>> {
        let mut outdated = Vec::new();
        for (number, (file, log)) in self.index.files.iter().zip(&self.logs).enumerate() {
            // What is in an archive was not rewritten since it came there.
            let form = log.form()?;
            let edition = form.edition.map_or_else(|| log.edition(), Ok);
            if form.archive.is_none() && edition?.number != file.edition {
                outdated.push(number);
            }
        }
        Ok(outdated)
    }

    /// The first and the last position in one of its log files.
    pub(crate) fn positions_in(&self, file: usize) -> (Position, Position) {
        let first = self.index.header.first_position.0;
        let position = |event: u32| Position(first + u64::from(event));
        let events = self.events_in(file);
        (position(events.start), position(events.end.saturating_sub(1)))
    }

    /// Which of its events stand in one of its log files.
    pub(crate) fn events_in(&self, file: usize) -> Range<u32> {
        let files = &self.index.files;
        let behind = files.get(file + 1).map_or(self.index.count(), |next| next.first_event);
        files[file].first_event..behind
    }

    fn place(&self, event: u32) -> Result<(&LogFile, u64, u64)> {
        let (file, offset, behind) = self.index.place(event)?;
        Ok((&self.logs[file], offset, behind.saturating_sub(offset)))
    }
}

impl LogFile {
    /// An error for bytes that are not what was written.
    pub(crate) fn damaged(&self, offset: u64, what: &str) -> Error {
        Error::corrupt(format!(
            "{} at offset {offset}: {what}; run `hitherto verify` for the whole extent",
            self.name
        ))
    }
}
