//! The only writer: judge, number, write, sync, publish - one batch at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::append::{Append, Saved};
use crate::conditions::{Judge, Unwritten, Verdict};
use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::event::{Position, StreamName, Timestamp};
use crate::followers::BatchTerms;
use crate::index::IndexEntry;
use crate::log::{CleanEnd, Expected, FRAME_HEADER_BYTES, FrameHeader, FrameKind};
use crate::planted::{PlantedBug, is_planted, unless};
use crate::record::{self, Placement};
use crate::resolved::Resolved;
use crate::retention::{self, Fact, Moment};
use crate::roll::Spares;
use crate::segment::{Finished, Growing};
use crate::shared::Shared;
use crate::ticket::Completion;
use crate::upkeep::Upkeep;

/// Bytes after which a batch is written even if more appends wait.
const BATCH_BYTES_MAX: usize = 8 << 20;
/// Appends after which a batch is written even if more wait.
const BATCH_APPENDS_MAX: usize = 4096;
/// Who has written this part of a file will need the next one.
const WRITTEN_PART: u64 = 32;

/// An append and who waits for its answer.
pub(crate) struct Request {
    pub(crate) append: Append,
    /// What was looked up before it was queued.
    pub(crate) resolved: Result<Resolved>,
    pub(crate) completion: Completion,
}

/// What only the thread that writes may touch: whoever holds it is the writer.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) spares: Arc<Spares>,
    /// Where sealing, merging and compressing is done.
    pub(crate) upkeep: Arc<Upkeep>,
    /// The events of the file that is written to, and the file.
    pub(crate) segment: Arc<Growing>,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Where the next frame goes, and what it must follow.
    pub(crate) end: Expected,
    /// Whether the last batch is proven durable by something written after it.
    pub(crate) is_marked: bool,
    /// Whether the next append must begin a new file, because bytes of a crash may stand behind the
    /// end of this one.
    pub(crate) needs_new_file: bool,
    /// Whether the file `closed` says where the log ends, so that it must go before that changes.
    pub(crate) is_closed_on_disk: bool,
    /// Bytes that were written since the store was opened.
    written_bytes: u64,
    batch: Batch,
    /// Why nothing can be written any more, if so.
    stopped: Option<Error>,
}

/// Frames that will be written at once, and the answers that wait for it.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    /// Where each frame starts in `bytes`, and its header as far as it is known.
    frames: Vec<(usize, FrameHeader)>,
    answers: Vec<(Completion, Result<Saved>)>,
    /// What the batch's events can be found by, as far as somebody waits for it.
    terms: Vec<u64>,
    has_unnoted_terms: bool,
    /// Facts of retention, which are in force as soon as they are durable.
    facts: Vec<(Fact, Moment)>,
}

impl Batch {
    /// Takes the frames out. What a large append took is given back: the next is small, mostly.
    fn empty(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(BATCH_BYTES_MAX);
        self.frames.clear();
    }

    fn terms(&mut self) -> BatchTerms {
        let terms = std::mem::take(&mut self.terms);
        let is_noted = !std::mem::take(&mut self.has_unnoted_terms);
        if is_noted { BatchTerms::Noted(terms) } else { BatchTerms::NotNoted }
    }
}

impl Writer {
    pub(crate) fn new(
        (shared, spares, upkeep): (Arc<Shared>, Arc<Spares>, Arc<Upkeep>),
        (segment, file): (Arc<Growing>, Arc<dyn DiskFile>),
        end: Expected,
    ) -> Self {
        let batch = Batch::default();
        Self {
            shared,
            spares,
            upkeep,
            segment,
            file,
            end,
            is_marked: true,
            needs_new_file: false,
            is_closed_on_disk: false,
            written_bytes: 0,
            batch,
            stopped: None,
        }
    }

    /// Commits appends in their order, in as few batches as possible, and answers them all.
    pub(crate) fn commit(&mut self, requests: impl IntoIterator<Item = Request>) {
        for Request { append, resolved, completion } in requests {
            if let Err(error) = self.make_room(&append) {
                completion.complete(Err(error));
                continue;
            }
            let answer = resolved.and_then(|resolved| self.accept(&append, &resolved));
            self.batch.answers.push((completion, answer));
            let is_full = !self.batch.facts.is_empty() // the next append is judged by them
                || self.batch.bytes.len() >= BATCH_BYTES_MAX
                || self.batch.answers.len() >= BATCH_APPENDS_MAX
                || self.is_segment_full();
            if is_full {
                self.flush();
            }
        }
        self.flush();
    }

    /// Sees to it that the append's frame fits into the file, if need be into the next one.
    fn make_room(&mut self, append: &Append) -> Result<()> {
        self.refuse_if_stopped()?;
        self.begin_writing()?;
        let frame_bytes = (FRAME_HEADER_BYTES + append.stored_bytes()) as u64;
        let is_room = self.fits(self.batch.bytes.len() as u64 + frame_bytes);
        let is_room = is_room && !self.needs_new_file;
        if is_room && !self.is_segment_full() {
            return Ok(());
        }
        self.flush();
        self.refuse_if_stopped()?;
        if is_room {
            self.begin_segment();
            return Ok(());
        }
        self.roll(frame_bytes)
    }

    /// Takes back that the log ends where it was closed.
    fn begin_writing(&mut self) -> Result<()> {
        if self.is_closed_on_disk {
            CleanEnd::remove(&*self.shared.disk).map_err(|error| {
                Error::unavailable(
                    "the file `closed` could not be removed, so nothing was written: see that the \
                     store's directory can be written",
                )
                .because(error)
            })?;
            self.is_closed_on_disk = false;
        }
        Ok(())
    }

    /// Whether so many bytes fit, with a mark behind them.
    pub(crate) fn fits(&self, bytes: u64) -> bool {
        self.end.offset + bytes + FRAME_HEADER_BYTES as u64 <= self.segment.header.allocated
    }

    pub(crate) fn refuse_if_stopped(&self) -> Result<()> {
        self.stopped.as_ref().map_or(Ok(()), |error| Err(error.duplicate()))
    }

    fn accept(&mut self, append: &Append, resolved: &Resolved) -> Result<Saved> {
        let judge = Judge {
            shared: &self.shared,
            last: self.last_position(),
            unwritten: Unwritten {
                file_number: self.segment.header.number,
                start: self.end.offset,
                bytes: &self.batch.bytes,
            },
        };
        match self.shared.with_sound_indexes(|| judge.judge(append, resolved))? {
            Verdict::Repeated(saved) => Ok(saved),
            Verdict::Accepted(versions) => Ok(self.encode(append, versions)),
        }
    }

    /// The last position that was given away.
    pub(crate) fn last_position(&self) -> Position {
        Position(self.end.position.0 - 1)
    }

    /// Puts an accepted append into the batch and into the index. Readers do not look there yet.
    fn encode(&mut self, append: &Append, mut versions: Vec<u64>) -> Saved {
        let now = self.shared.clock.now();
        let recorded_at =
            if is_planted(PlantedBug::BelieveTheClock) { now } else { now.max(self.end.time) };
        let start = self.batch.bytes.len();
        let first_position = self.end.position;
        self.batch.bytes.resize(start + FRAME_HEADER_BYTES, 0);
        for (write, version) in append.writes.iter().zip(&mut versions) {
            for event in &write.events {
                *version += u64::from(write.stream.is_some());
                let position = self.end.position;
                let placement = Placement { position, version: *version, recorded_at };
                self.encode_event(placement, write.stream.as_ref(), event);
                self.end.position = position.next();
            }
        }
        self.end.time = recorded_at;
        self.note_facts(append, first_position, recorded_at);
        self.push_frame(FrameKind::Commit, start, first_position);
        let version = versions.last().copied().unwrap_or(0);
        let position = self.last_position();
        Saved { first_position, position, version, versions, repeated: false }
    }

    fn note_facts(&mut self, append: &Append, first: Position, time: Timestamp) {
        let [write] = &append.writes[..] else { return };
        for (number, fact) in retention::facts_of(write.stream.as_ref(), &write.events) {
            let position = Position(first.0 + number as u64);
            self.batch.facts.push((fact, Moment { position, time }));
        }
    }

    fn encode_event(
        &mut self,
        placement: Placement,
        stream: Option<&StreamName>,
        event: &crate::event::NewEvent,
    ) {
        let offset = self.end.offset + self.batch.bytes.len() as u64;
        record::encode(placement, stream, event, &mut self.batch.bytes);
        self.batch.has_unnoted_terms |= !self.shared.followers.want_terms();
        let terms = (!self.batch.has_unnoted_terms).then_some(&mut self.batch.terms);
        let entry = IndexEntry {
            id: event.id,
            offset,
            stream: stream.map(StreamName::as_str),
            version: placement.version,
            kind: &event.kind,
            tags: event.tags.iter().map(crate::event::Tag::as_str),
        };
        self.segment.index.push(entry, terms);
    }

    /// Notes a frame whose body is complete; its header is written when the whole batch is known.
    fn push_frame(&mut self, kind: FrameKind, start: usize, first_position: Position) {
        let body = &self.batch.bytes[start + FRAME_HEADER_BYTES..];
        let header = FrameHeader {
            kind,
            body_len: body.len() as u32,
            batch: self.end.batch + 1,
            first_position,
            event_count: (self.end.position.0 - first_position.0) as u32,
            frames_left: 0,
            recorded_at: self.end.time,
            chain: 0,
            body_checksum: crc32c::crc32c(body),
        };
        self.batch.frames.push((start, header));
    }

    /// Writes and syncs what was accepted, lets readers see it, and only then answers.
    pub(crate) fn flush(&mut self) {
        if is_planted(PlantedBug::PublishBeforeSync) {
            let end = self.end.offset + self.batch.bytes.len() as u64;
            self.segment.log.end.store(end, Ordering::Release);
            self.shared.publish(self.last_position(), &BatchTerms::NotNoted);
        }
        let written = self.write_batch();
        let facts = std::mem::take(&mut self.batch.facts);
        if is_planted(PlantedBug::AnswerBeforePublish) {
            self.answer(&written);
        }
        if written.is_ok() && !self.batch.frames.is_empty() {
            self.shared.apply_facts(facts);
            self.shared.publish(self.last_position(), &self.batch.terms());
        }
        self.batch.empty();
        self.answer(&written);
    }

    fn answer(&mut self, written: &Result<()>) {
        for (completion, answer) in self.batch.answers.drain(..) {
            // A refusal too is based on what was written in this batch, perhaps.
            let answer = written.as_ref().map_or_else(|error| Err(error.duplicate()), |()| answer);
            completion.complete(answer);
        }
    }

    fn write_batch(&mut self) -> Result<()> {
        if self.batch.frames.is_empty() {
            return Ok(());
        }
        self.seal_headers();
        let offset = self.end.offset;
        let end = offset + self.batch.bytes.len() as u64;
        debug_assert!(end <= self.segment.header.allocated, "a batch never grows its file");
        let file = &self.file;
        let written = file
            .write_at(&self.batch.bytes, offset)
            .and_then(|()| unless(PlantedBug::AcknowledgeBeforeSync, || file.sync()));
        if let Err(error) = written {
            return Err(self.stop(error));
        }
        self.written_bytes += end - offset;
        self.end.offset = end;
        self.end.batch += 1;
        self.is_marked = false;
        self.segment.log.end.store(end, Ordering::Release);
        self.prepare_ahead();
        Ok(())
    }

    fn is_segment_full(&self) -> bool {
        self.segment.is_full(&self.end, &self.shared.options)
    }

    /// Has the next file prepared when an eighth of this one is used: early enough to be ready when
    /// many events come at once, and not at all for a store that stays small, or of which little is
    /// written before it is closed again.
    fn prepare_ahead(&mut self) {
        let allocated = self.segment.header.allocated;
        let is_in_use = self.end.offset > allocated / 8;
        let is_needed = self.written_bytes > allocated / WRITTEN_PART
            || self.end.offset > allocated - allocated / 8;
        if is_in_use && is_needed && self.shared.options.background && !self.spares.is_asked() {
            self.spares.want(self.next_file_bytes());
        }
    }

    fn seal_headers(&mut self) {
        let count = self.batch.frames.len();
        let mut chain = self.end.chain.expect("the writer knows what it follows");
        for (number, (start, header)) in self.batch.frames.iter_mut().enumerate() {
            header.frames_left = (count - 1 - number) as u32;
            let bytes = &mut self.batch.bytes[*start..];
            chain = header.encode(chain, self.segment.header.nonce, bytes);
        }
        self.end.chain = Some(chain);
    }

    /// After a failed write nothing is known about the bytes on disk, and a retry could succeed
    /// falsely (the kernel forgets which pages it failed to write), so writing ends for good.
    pub(crate) fn stop(&mut self, error: std::io::Error) -> Error {
        let name = &self.segment.log.name;
        self.stopped = Some(Error::closed(format!(
            "a write to {name} failed earlier ({error}), so this store takes no more appends; reads \
             go on; open it again to write"
        )));
        Error::unavailable(format!(
            "{name} could not be written, so whether this append was stored is unknown: open the \
             store again and repeat the append with the same event ids"
        ))
        .because(error)
    }

    /// Goes on in a new file, so that nothing is written to this one any more.
    pub(crate) fn end_file(&mut self) -> Result<()> {
        self.refuse_if_stopped()?;
        self.begin_writing()?;
        self.roll(0)
    }

    /// Takes no more appends: for a store that is being closed.
    pub(crate) fn close(&mut self) -> Result<()> {
        let closed = if self.stopped.is_none() { self.mark_closed() } else { Ok(()) };
        self.stopped.get_or_insert_with(|| Error::closed("this store was closed: open it again"));
        closed
    }

    fn mark_closed(&mut self) -> Result<()> {
        // Behind what a crash tore nothing is written, and a full file has a mark already.
        let can_mark = !self.needs_new_file && self.fits(0);
        if can_mark && !self.is_closed_on_disk {
            self.mark(FrameKind::Close)?;
        }
        self.note_clean_end();
        self.finish_segment(if can_mark { FrameKind::Close } else { FrameKind::Mark });
        Ok(())
    }

    /// Notes where the log ends, if nothing was written since it was noted last: damage before
    /// there cannot look like something that a crash tore.
    fn note_clean_end(&mut self) {
        let (store_id, number) = (self.segment.header.store_id, self.segment.header.number);
        let end = CleanEnd::of(store_id, number, &self.end);
        if let Some(end) = end.filter(|_| !self.is_closed_on_disk) {
            // Without it the next open only takes longer.
            self.is_closed_on_disk = end.write(&*self.shared.disk).is_ok();
        }
    }

    /// Says that nothing is added to the segment any more, so that it can be sealed.
    pub(crate) fn finish_segment(&self, last_frame: FrameKind) {
        let last_frame = Some(last_frame);
        let finished = Finished { end: self.end, last_frame, is_whole: true };
        // Only the writer finishes the segment that it writes to, and only once.
        let _ = self.segment.finished.set(finished);
    }

    /// Writes the proof that everything before is durable, if there is none yet.
    pub(crate) fn mark_idle(&mut self) -> Result<()> {
        if self.stopped.is_some() || self.is_marked || !self.fits(FRAME_HEADER_BYTES as u64) {
            return Ok(()); // in a full file, the next file's header is the proof
        }
        self.mark(FrameKind::Mark)
    }

    /// Writes and syncs a frame without events. There is always room left for one.
    fn mark(&mut self, kind: FrameKind) -> Result<()> {
        self.batch.bytes.resize(FRAME_HEADER_BYTES, 0);
        self.push_frame(kind, 0, self.end.position);
        let written = self.write_batch();
        self.batch.empty();
        self.is_marked = written.is_ok();
        written
    }

    /// The bytes of a frame without events behind the last one.
    pub(crate) fn seal_mark(&self, kind: FrameKind) -> Vec<u8> {
        let mut bytes = vec![0; FRAME_HEADER_BYTES];
        let header = FrameHeader {
            kind,
            body_len: 0,
            batch: self.end.batch + 1,
            first_position: self.end.position,
            event_count: 0,
            frames_left: 0,
            recorded_at: self.end.time,
            chain: 0,
            body_checksum: crc32c::crc32c(&[]),
        };
        let previous = self.end.chain.expect("the writer knows what it follows");
        header.encode(previous, self.segment.header.nonce, &mut bytes);
        bytes
    }
}
