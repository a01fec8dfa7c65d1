//! Builds index files anew that are damaged, or that have what was removed: from the log where they
//! must, from what they have where they can.

use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::index::sealed::{self, Coverage, IndexSource, PartOf};
use crate::log::{Expected, FileHeader, Found, HEADER_BYTES, Scan};
use crate::merging::worth_merging;
use crate::sealed_log::Indexes;
use crate::segment::{Finished, Growing, Sealed, Segment};
use crate::sync::AtomicBool;

/// What an index that is built anew is made of.
enum Piece {
    /// These events as it had them.
    Kept(Range<u32>),
    /// What was read from the log again.
    Made(Arc<Sealed>),
}

impl Piece {
    fn kept(events: Range<u32>) -> Option<Self> {
        (!events.is_empty()).then_some(Self::Kept(events))
    }

    fn part_of<'piece>(&'piece self, sealed: &'piece Sealed) -> PartOf<'piece> {
        match self {
            Self::Kept(events) => PartOf::new(&sealed.index, events.clone()),
            Self::Made(part) => PartOf::new(&part.index, 0..part.index.count()),
        }
    }
}

impl Indexes<'_> {
    /// Builds an index that is damaged or outdated anew, behind another one if there is one: what
    /// log files have that were rewritten from the log, the rest from the index as it is.
    pub(crate) fn rebuild(&self, sealed: &Sealed, before: Option<&Sealed>) -> Result<Segment> {
        let all: Vec<usize> = (0..sealed.logs.len()).collect();
        if sealed.index.is_damaged() {
            return self.rebuild_from(sealed, before, &all);
        }
        match self.rebuild_from(sealed, before, &sealed.outdated_files()?) {
            Err(_) if sealed.index.is_damaged() => self.rebuild_from(sealed, before, &all),
            rebuilt => rebuilt,
        }
    }

    /// Builds an index anew, and reads some of its log files for it.
    fn rebuild_from(
        &self,
        sealed: &Sealed,
        before: Option<&Sealed>,
        files: &[usize],
    ) -> Result<Segment> {
        let mut coverage =
            Coverage { header: sealed.index.header.clone(), files: sealed.index.files.clone() };
        let (mut pieces, mut end) = (Vec::new(), 0);
        for &file in files {
            let events = sealed.events_in(file);
            pieces.extend(Piece::kept(end..events.start));
            end = events.end;
            // Asked before: what is removed meanwhile makes the index outdated again.
            coverage.files[file].edition = sealed.logs[file].edition()?.number;
            let of = (file, coverage.files[file].edition);
            let parts = self.index_again(sealed, of, before.filter(|_| file == 0))?;
            pieces.extend(parts.into_iter().map(Piece::Made));
        }
        pieces.extend(Piece::kept(end..sealed.index.count()));
        match &pieces[..] {
            [Piece::Made(whole)] => Ok(Segment::Sealed(Arc::clone(whole))),
            pieces => self.join(sealed, coverage, pieces),
        }
    }

    /// Writes an index from pieces of it.
    fn join(&self, sealed: &Sealed, coverage: Coverage, pieces: &[Piece]) -> Result<Segment> {
        let parts: Vec<PartOf<'_>> = pieces.iter().map(|piece| piece.part_of(sealed)).collect();
        let sources: Vec<&dyn IndexSource> =
            parts.iter().map(|part| part as &dyn IndexSource).collect();
        let name = sealed::write(&**self.disk, coverage, &sources, &AtomicBool::new(false))?;
        for piece in pieces {
            if let Piece::Made(part) = piece {
                // What is left of them is not looked at again, and is removed at the next open.
                let _ = self.disk.remove(&part.index.name);
            }
        }
        self.reopen(&name, &sealed.logs)
    }

    /// Reads again what an index has of one log file, and seals it in parts that have room in
    /// memory.
    fn index_again(
        &self,
        sealed: &Sealed,
        (file, edition): (usize, u32),
        before: Option<&Sealed>,
    ) -> Result<Vec<Arc<Sealed>>> {
        let (mut parts, never) = (Vec::new(), AtomicBool::new(false));
        self.read_again((sealed, file), before, |growing, finished| {
            let is_last = finished.end.position == sealed.index.header.next_position();
            let history = if is_last { sealed.index.header.history.clone() } else { Vec::new() };
            let part = self.seal((growing, edition), finished, history, &never)?;
            parts.extend(part.sealed());
            self.merge_some(&mut parts, &never)
        })?;
        Ok(parts)
    }

    /// Keeps the parts of an index few while it is built anew.
    fn merge_some(&self, parts: &mut Vec<Arc<Sealed>>, stop: &AtomicBool) -> Result<()> {
        let sizes = |parts: &[Arc<Sealed>]| -> Vec<u32> {
            parts.iter().map(|part| part.index.count()).collect()
        };
        while let Some(range) = worth_merging(&sizes(parts)) {
            let merged = self.merge(&parts[range.clone()], stop)?;
            parts.splice(range, merged.sealed());
        }
        Ok(())
    }

    /// Reads what an index has of one log file, as segments that are not too large for memory.
    fn read_again(
        &self,
        (sealed, file): (&Sealed, usize),
        before: Option<&Sealed>,
        mut seal: impl FnMut(&Growing, &Finished) -> Result<()>,
    ) -> Result<()> {
        let log = Arc::clone(&sealed.logs[file]);
        let unreadable = |error| log.unreadable(0, error);
        let (first, last) = sealed.positions_in(file);
        let opened = log.file().map_err(unreadable)?;
        let mut bytes = vec![0; HEADER_BYTES as usize];
        let filled = opened.read_at(&mut bytes, 0).map_err(unreadable)?;
        let header = FileHeader::decode(&bytes[..filled])
            .ok_or_else(|| log.damaged(0, "its header is damaged"))?;
        let of = (self.options, self.identity.hash_seed);
        let new = |start: &Expected| Growing::new(header, Arc::clone(&log), start, of);
        // Of a file that has an index before this one only what comes behind that is read.
        let before = before.filter(|before| before.ends_in(log.number));
        let start = before.map_or(Expected::at_start_of(&header), |it| it.index.header.end);
        let mut scan = Scan::new(&*opened, &header, start, sealed.index.files[file].end);
        let (mut growing, mut last_frame) = (new(&start), None);
        loop {
            let before = scan.expected;
            match scan.next_frame().map_err(unreadable)? {
                Found::End => break,
                Found::Nothing(why) => return Err(log.damaged(scan.expected.offset, why)),
                Found::Frame(frame) if frame.header.first_position >= first => {
                    if growing.index.count() == 0 {
                        growing = new(&before);
                    } else if growing.ends_before(&frame, &before, self.options) {
                        seal(&growing, &Finished { end: before, last_frame, is_whole: true })?;
                        growing = new(&before);
                    }
                    last_frame = Some(frame.header.kind);
                    crate::load::index_frame(&growing, &frame)?;
                }
                Found::Frame(_) => {}
            }
        }
        if scan.expected.position != last.next() {
            return Err(log.damaged(scan.expected.offset, "events are missing at its end"));
        }
        let is_last = file + 1 == sealed.logs.len();
        let last_frame = if is_last { sealed.index.header.last_frame } else { last_frame };
        seal(&growing, &Finished { end: scan.expected, last_frame, is_whole: true })
    }
}
