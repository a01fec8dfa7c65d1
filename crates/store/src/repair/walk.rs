//! The walk over a damaged log: keeps every whole commit, and notes where there is none.
//!
//! What a place cost is only known when the next whole thing behind it says its position; until
//! then the place is pending.

use std::sync::Arc;

use crate::disk::DiskFile;
use crate::error::Result;
use crate::event::Position;
use crate::index::sealed::SealedIndex;
use crate::load::disk_error;
use crate::log::{
    CleanEnd, Expected, FRAME_HEADER_BYTES, FileHeader, Found, Frame, FrameHeader, FrameKind,
    LossBefore, Scan,
};
use crate::planted::{PlantedBug, is_planted};
use crate::roll;
use crate::verify::{AcceptedLoss, Damage};

use super::Salvage;
use super::source::{LogContent, OldLog, Source};
use super::target::{Target, start_of_log};
use super::versions::Versions;

/// Where a salvage stands in a log.
pub(super) struct Walk<'store> {
    source: &'store Source,
    target: Target,
    salvage: Salvage,
    versions: Versions,
    /// Damaged places whose cost is not known yet.
    pending: Vec<Damage>,
    /// The first position that is neither saved nor known to be lost.
    next: Position,
    /// The number of the file that was walked over last.
    number: u64,
    /// Where its frames end; the chain value is unknown if what stands there is.
    end: Expected,
    last_frame: Option<FrameKind>,
}

fn unreadable() -> impl FnOnce(std::io::Error) -> crate::Error {
    disk_error("a log file could not be read")
}

impl<'store> Walk<'store> {
    pub(super) fn new(source: &'store Source, target: Target) -> Self {
        Self {
            source,
            target,
            salvage: Salvage {
                mended: source.format.clone().into_iter().collect(),
                ..Salvage::default()
            },
            versions: Versions::default(),
            pending: Vec::new(),
            next: Position(1),
            number: 0,
            end: start_of_log(),
            last_frame: None,
        }
    }

    /// Saves what is whole, file by file.
    pub(super) fn over_all_files(&mut self) -> Result<()> {
        let source = self.source;
        for (index, log) in source.logs.iter().enumerate() {
            self.note_missing(log.number);
            self.number = log.number;
            let next = source.logs.get(index + 1);
            match &log.content {
                LogContent::Readable(file, header) => {
                    self.over_file(log, file, *header, next)?;
                }
                LogContent::Unreadable(why) => {
                    self.damage(&log.name, 0, why);
                    self.end.chain = None;
                }
            }
            self.target.end_file()?;
        }
        Ok(())
    }

    /// Notes what is missing at the end, makes the new store one, and says what was lost.
    pub(super) fn finish(mut self) -> Result<Salvage> {
        self.note_lost_end();
        if !self.pending.is_empty() {
            self.settle_lost_end()?;
        }
        self.salvage.head = Position(self.next.0 - 1);
        self.salvage.lost_versions = self.versions.lost_in(&self.salvage.losses);
        self.target.finish(self.next)?;
        Ok(self.salvage)
    }

    fn damage(&mut self, file: &str, offset: u64, what: &str) {
        let (file, what) = (file.to_owned(), what.to_owned());
        self.pending.push(Damage { file, offset, positions: None, what });
    }

    /// What was pending cost the positions before this one.
    fn settle(&mut self, position: Position, file: &str) {
        let is_lost = position > self.next;
        if is_lost && self.pending.is_empty() {
            self.damage(file, 0, "events before this place are missing");
        }
        let positions = is_lost.then(|| (self.next, Position(position.0 - 1)));
        let settled = self.pending.drain(..).map(|damage| Damage { positions, ..damage });
        let list = if is_lost { &mut self.salvage.losses } else { &mut self.salvage.mended };
        list.extend(settled);
        self.next = self.next.max(position);
    }

    fn note_missing(&mut self, number: u64) {
        for missing in self.number + 1..number {
            self.damage(&FileHeader::file_name(missing), 0, "this log file is missing");
            self.end.chain = None;
        }
    }

    fn over_file(
        &mut self,
        log: &OldLog,
        file: &Arc<dyn DiskFile>,
        header: Option<FileHeader>,
        next: Option<&OldLog>,
    ) -> Result<()> {
        let is_last = next.is_none();
        let following = next.filter(|next| next.number == log.number + 1);
        let following = following.and_then(OldLog::header);
        let limit = following.map_or(log.length, |header| header.previous_end);
        if header.is_none() {
            self.damage(&log.name, 0, "its header is damaged");
        }
        let header = header.map_or_else(|| self.derive_header(log, &**file), |it| Ok(Some(it)))?;
        let Some(header) = header else {
            self.end.chain = None;
            return Ok(());
        };
        self.begin(&header, &log.name)?;
        let scan = Scan::new(&**file, &header, Expected::at_start_of(&header), limit);
        let mut file = FileWalk { log, scan, following, is_last };
        self.over_frames(&mut file)?;
        self.note_cut(log, &header, is_last);
        Ok(())
    }

    /// Takes in what a header says about what was before it.
    fn begin(&mut self, header: &FileHeader, name: &str) -> Result<()> {
        self.settle(header.end_of_previous(), name);
        if let Some(loss) = AcceptedLoss::of(header) {
            self.salvage.earlier_losses.push(loss);
            self.next = self.next.max(header.first_position);
        }
        if header.loss_before.is_open_ended {
            self.target.note_open_end()?;
        }
        self.end = Expected::at_start_of(header);
        self.last_frame = None;
        Ok(())
    }

    /// The header that a file must have had, if it is known where the file before it ends: its
    /// nonce follows from that. Proven by the first frame that it fits.
    fn derive_header(&self, log: &OldLog, file: &dyn DiskFile) -> Result<Option<FileHeader>> {
        let Some(chain) = self.end.chain else { return Ok(None) };
        let store_id = self.source.store_id;
        let header = FileHeader {
            store_id,
            number: log.number,
            nonce: roll::nonce(store_id, log.number, chain),
            first_position: self.end.position,
            first_batch: self.end.batch + 1,
            previous_end: self.end.offset,
            previous_chain: chain,
            previous_time: self.end.time,
            allocated: log.length,
            loss_before: LossBefore::default(),
        };
        let mut scan = Scan::new(file, &header, Expected::at_start_of(&header), log.length);
        let fits = matches!(scan.next_frame().map_err(unreadable())?, Found::Frame(_))
            || scan.find_later_frame(0).map_err(unreadable())?.is_some();
        Ok(fits.then_some(header))
    }

    fn over_frames(&mut self, file: &mut FileWalk<'_>) -> Result<()> {
        loop {
            match file.scan.next_frame().map_err(unreadable())? {
                Found::End => return Ok(()),
                Found::Frame(frame) => {
                    self.keep(&frame, &file.log.name)?;
                    if frame.header.kind != FrameKind::Roll {
                        self.end = file.scan.expected;
                    }
                }
                Found::Nothing(why) => {
                    let here = file.scan.expected;
                    if is_planted(PlantedBug::SalvageHalfCommits)
                        && let Some(half) = file.scan.half_frame().map_err(unreadable())?
                    {
                        self.keep(&half, &file.log.name)?;
                    }
                    let Some((offset, header)) = self.resumption(file)? else {
                        // Without a file that says more, it is the end.
                        if file.following.is_some() {
                            self.damage(&file.log.name, here.offset, why);
                            self.end.chain = None;
                        }
                        return Ok(());
                    };
                    self.damage(&file.log.name, here.offset, why);
                    file.scan.resume_at(offset, &header);
                }
            }
        }
    }

    /// Where the frames go on behind a place without one; `None` if they do not.
    fn resumption(&self, file: &mut FileWalk<'_>) -> Result<Option<(u64, FrameHeader)>> {
        let here = file.scan.expected;
        if file.is_last {
            // A torn batch is no damage, unless something shows that it was synced once.
            let proof = file.scan.find_proof_of_more().map_err(unreadable())?;
            if self.is_clean_end(&here) || proof.is_none() {
                return Ok(None);
            }
        }
        file.scan.find_later_frame(0).map_err(unreadable())
    }

    fn is_clean_end(&self, end: &Expected) -> bool {
        let here = CleanEnd::of(self.source.store_id, self.number, end);
        here.is_some() && here == self.source.clean_end
    }

    fn keep(&mut self, frame: &Frame, name: &str) -> Result<()> {
        self.last_frame = Some(frame.header.kind);
        self.settle(frame.header.first_position, name);
        if frame.header.kind != FrameKind::Commit || frame.header.first_position < self.next {
            return Ok(());
        }
        for event in frame.events() {
            self.versions.note(&event?.0);
            self.salvage.events += 1;
        }
        self.target.commit(frame)?;
        self.salvage.commits += 1;
        self.next = Position(self.next.0 + u64::from(frame.header.event_count));
        Ok(())
    }

    /// A file is made at its whole length, and cut by nobody before there is a next one.
    fn note_cut(&mut self, log: &OldLog, header: &FileHeader, is_last: bool) {
        let was_ended = self.last_frame == Some(FrameKind::Roll);
        if is_last && !was_ended && log.length < header.allocated {
            let offset = self.end.offset;
            self.damage(&log.name, offset, "the file is shorter than it was made");
        }
    }

    /// Notes that the log went on behind what was found of it.
    fn note_lost_end(&mut self) {
        let name = FileHeader::file_name(self.number + 1);
        if self.last_frame == Some(FrameKind::Roll) {
            return self.damage(&name, 0, "this log file is missing");
        }
        let name = self.source.logs.last().map_or(name, |log| log.name.clone());
        let (number, offset) = (self.number, self.end.offset);
        let is_longer = |end: &CleanEnd| (end.number, end.offset) > (number, offset);
        if !self.pending.is_empty() {
            return; // it is known that something is wrong with the end
        }
        if self.source.clean_end.as_ref().is_some_and(is_longer) {
            self.damage(&name, offset, "the log was longer when the store was closed");
        } else if self.known_end() > self.next {
            self.damage(&name, offset, "an index file has more events than the log");
        }
    }

    /// The position behind the last event that an index file knows.
    fn known_end(&self) -> Position {
        let ends = self.source.indexes.iter().map(|index| index.header.next_position());
        ends.max().unwrap_or_default()
    }

    /// Where the log ended for certain: it was closed in order, and either an index file or what is
    /// left of the log itself reaches to just there.
    fn proven_end(&self) -> Option<Position> {
        let clean = self.source.clean_end?;
        let store_id = self.source.store_id;
        let ends_clean =
            |number: u64, end: &Expected| CleanEnd::of(store_id, number, end) == Some(clean);
        let last_log = |index: &SealedIndex| index.files.last().map_or(0, |file| file.number);
        let mut indexes = self.source.indexes.iter();
        let index = indexes.find(|index| ends_clean(last_log(index), &index.header.end));
        if let Some(index) = index {
            return Some(index.header.next_position());
        }
        let closed = closed_behind(&self.end)?;
        ends_clean(self.number, &closed).then_some(self.next)
    }

    /// Often nobody knows how much of the end is lost; index files may know of some of it.
    fn settle_lost_end(&mut self) -> Result<()> {
        let first = self.next;
        if let Some(end) = self.proven_end().filter(|&end| end >= first) {
            self.settle(end, "");
            return Ok(());
        }
        let lost = |damage| Damage { positions: Some((first, Position(u64::MAX))), ..damage };
        self.salvage.losses.extend(self.pending.drain(..).map(lost));
        self.next = first.max(self.known_end());
        self.target.note_open_end()
    }
}

/// Where a log ends that was closed in order behind a frame, if its chain value is known.
fn closed_behind(end: &Expected) -> Option<Expected> {
    let mut bytes = [0; FRAME_HEADER_BYTES];
    let mark = FrameHeader {
        kind: FrameKind::Close,
        body_len: 0,
        batch: end.batch + 1,
        first_position: end.position,
        event_count: 0,
        frames_left: 0,
        recorded_at: end.time,
        chain: 0,
        body_checksum: crc32c::crc32c(&[]),
    };
    let chain = Some(mark.encode(end.chain?, 0, &mut bytes));
    Some(Expected { offset: end.offset + mark.frame_len(), chain, batch: mark.batch, ..*end })
}

/// A file that is walked over.
struct FileWalk<'file> {
    log: &'file OldLog,
    scan: Scan<'file>,
    /// The header of the file after it, if that is whole: it says where this one ends.
    following: Option<FileHeader>,
    is_last: bool,
}
