//! The end of a log that another process writes: what came since is taken in before each read.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::event::Position;
use crate::followers::BatchTerms;
use crate::load::{disk_error, index_frame};
use crate::log::{Expected, FileHeader, Found, FrameKind, HEADER_BYTES, LogFile, Scan};
use crate::sealed_log::Indexes;
use crate::segment::{Finished, Growing, Segment};
use crate::shared::Shared;
use crate::sync::{Mutex, park_timeout};

/// How often a follower in another process than the writer's looks for more. Nothing that the
/// system offers portably tells one process that another has written, so here, and only here, it is
/// asked.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Where a read-only store has read up to.
pub(crate) struct Tail {
    shared: Arc<Shared>,
    end: Mutex<Expected>,
}

impl Tail {
    pub(crate) fn new(shared: Arc<Shared>, end: Expected) -> Self {
        Self { shared, end: Mutex::new(end) }
    }

    /// Takes in the whole commits that were written since, and makes sure that they are durable
    /// before anybody sees them: the writer may not have synced them yet.
    pub(crate) fn refresh(&self) -> Result<()> {
        if self.shared.is_end_lost() {
            return Ok(());
        }
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let before = end.position;
        let (growing, read) = self.read_up(&mut end);
        if end.position > before {
            let synced = growing.log.file().and_then(|file| file.sync());
            synced.map_err(disk_error("the end of the log could not be synced"))?;
            let last = Position(end.position.0 - 1);
            self.shared.learn_facts(last)?;
            self.shared.publish(last, &BatchTerms::NotNoted);
        }
        read
    }

    /// Reads on through files that were begun since; the last one that was reached.
    fn read_up(&self, end: &mut Expected) -> (Arc<Growing>, Result<()>) {
        let mut growing = self.last_segment();
        loop {
            match self.read_to_next(&growing, end) {
                Ok(Some(next)) => growing = next,
                read => return (growing, read.map(drop)),
            }
        }
    }

    /// Reads a file up to where it ends by now; the next one, if that was begun.
    fn read_to_next(&self, growing: &Growing, end: &mut Expected) -> Result<Option<Arc<Growing>>> {
        // Asked for first: what it says of this file was written before.
        let next = self.next_segment(growing)?;
        if self.read_on(growing, end)? {
            let (header, log) = (growing.header, Arc::clone(&growing.log));
            let next = self.segment(header, log, end);
            return self.go_on_with(growing, next, (end, FrameKind::Commit)).map(Some);
        }
        let Some(next) = next else { return Ok(None) };
        if next.header.previous_end > end.offset {
            let what = "there is no whole frame, but the log goes on behind it";
            return Err(growing.log.damaged(end.offset, what));
        }
        let next = self.go_on_with(growing, next, (end, FrameKind::Roll))?;
        *end = Expected::at_start_of(&next.header);
        Ok(Some(next))
    }

    fn go_on_with(
        &self,
        growing: &Growing,
        next: Arc<Growing>,
        (end, last_frame): (&Expected, FrameKind),
    ) -> Result<Arc<Growing>> {
        let last_frame = Some(last_frame);
        // Nobody but this thread finishes it: the store has no writer here.
        let _ = growing.finished.set(Finished { end: *end, last_frame, is_whole: true });
        self.shared.add_segment(&Segment::Growing(Arc::clone(&next)));
        self.take_over_indexes()?;
        Ok(next)
    }

    fn segment(&self, header: FileHeader, log: Arc<LogFile>, start: &Expected) -> Arc<Growing> {
        let of = (&self.shared.options, self.shared.identity.hash_seed);
        Arc::new(Growing::new(header, log, start, of))
    }

    /// Uses the index files that the writer has made of what is in memory here, if that is more
    /// than memory is meant for.
    fn take_over_indexes(&self) -> Result<()> {
        let shared = &self.shared;
        let is_much = shared.waiting_bytes() > shared.options.growing_index_bytes();
        if !is_much || !shared.damages.is_empty() {
            return Ok(());
        }
        let names = shared.disk.list().map_err(disk_error("the store could not be listed"))?;
        let indexes = Indexes { disk: &shared.disk, ..shared.indexes() };
        shared.begin_with(indexes.open_all(&names)?);
        Ok(())
    }

    /// The last file, and where it ends.
    pub(crate) fn end(&self) -> (Arc<Growing>, Expected) {
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        (self.last_segment(), *end)
    }

    fn last_segment(&self) -> Arc<Growing> {
        match self.shared.segments.load().last() {
            Some(Segment::Growing(growing)) => Arc::clone(growing),
            _ => unreachable!("the last segment of a store that is read is never sealed"),
        }
    }

    /// The segment of the file after this one, if it was begun.
    fn next_segment(&self, growing: &Growing) -> Result<Option<Arc<Growing>>> {
        let opened = match self.shared.handles.open(growing.header.number + 1) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(disk_error("a log file could not be opened"))?,
        };
        let mut bytes = vec![0; HEADER_BYTES as usize];
        let filled = opened.read_at(&mut bytes, 0);
        let filled = filled.map_err(disk_error("a log file could not be read"))?;
        // It was there, whole, before the file got its name.
        let Some(header) = FileHeader::decode(&bytes[..filled]) else {
            let name = FileHeader::file_name(growing.header.number + 1);
            return Err(Error::corrupt(format!("the header of {name} is damaged")));
        };
        let log = LogFile::opened(header.number, opened, Arc::clone(&self.shared.handles));
        Ok(Some(self.segment(header, Arc::new(log), &Expected::at_start_of(&header))))
    }

    /// Indexes the whole frames behind a place; true if it left off because the segment is full. A
    /// frame that is being written is not whole, and comes later.
    fn read_on(&self, growing: &Growing, end: &mut Expected) -> Result<bool> {
        let unreadable = || disk_error("a log file could not be read");
        let file = growing.log.file().map_err(unreadable())?;
        let length = file.len().map_err(unreadable())?;
        let mut scan = Scan::new(&*file, &growing.header, *end, length);
        while let Found::Frame(frame) = scan.next_frame().map_err(unreadable())? {
            if frame.header.kind == FrameKind::Roll {
                break;
            }
            if growing.ends_before(&frame, end, &self.shared.options) {
                return Ok(true);
            }
            index_frame(growing, &frame)?;
            // Kept at once: what is indexed must not be indexed again after a read that fails.
            *end = scan.expected;
            growing.log.end.store(end.offset, Ordering::Release);
        }
        Ok(false)
    }

    /// Looks for more until the store is closed: the work of a background thread.
    pub(crate) fn look_in_background(&self) {
        while !self.shared.is_closed() {
            // What cannot be read now shows as an error to whoever reads.
            let _ = self.refresh();
            park_timeout(LOOK_INTERVAL);
        }
    }
}
