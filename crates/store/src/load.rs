//! Reads at open what the log has beyond its index files: indexes it, and tells a torn tail from
//! damage.
//!
//! Only one batch is ever in flight, and a batch is written only after the one before was synced.
//! So where no valid frame stands, a valid frame of a later batch behind it proves that what should
//! stand there was synced: acknowledged data is damaged, and nothing is cut. Without such a frame
//! it is the end: a batch that nobody was told was stored. (The distinction is that of
//! "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018.)

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::cache::ReadCache;
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{EventId, Position};
use crate::log::{
    CleanEnd, Expected, FileHeader, Found, Frame, FrameKind, HEADER_BYTES, Handles, Identity,
    LogFile, Scan, compressed,
};
use crate::options::Options;
use crate::planted::{PlantedBug, is_planted};
use crate::sealed_log::Indexes;
use crate::segment::{Finished, Growing, Sealed, Segment};
use crate::sync::AtomicBool;
use crate::verify::Damage;

/// What was found on disk.
pub(crate) struct Loaded {
    pub(crate) segments: Vec<Segment>,
    /// The last segment: that of the log file that is written to.
    pub(crate) last: Arc<Growing>,
    /// Where the log ends.
    pub(crate) end: Expected,
    /// The kind of the very last frame, if the last file has one.
    pub(crate) last_frame: Option<FrameKind>,
    /// Where the last batch of the last file starts: only that may not be on disk yet.
    pub(crate) last_batch: u64,
    pub(crate) damages: Vec<Damage>,
    /// Whether the file `closed` says that it ends there.
    pub(crate) is_closed: bool,
    /// Whether the last log file can be told to be what it is. If not, the log ends before it.
    pub(crate) has_last_file: bool,
}

/// Where a log is loaded from.
pub(crate) struct Source<'store> {
    pub(crate) disk: &'store Arc<dyn Disk>,
    /// Where index files that are missing are written.
    pub(crate) index_disk: &'store Arc<dyn Disk>,
    pub(crate) handles: &'store Arc<Handles>,
    pub(crate) identity: &'store Identity,
    pub(crate) cache: &'store Arc<ReadCache>,
    pub(crate) options: &'store Options,
    /// Index files that are damaged and cannot be built anew: the log is read as if there were
    /// none.
    pub(crate) given_up: BTreeSet<String>,
}

/// An error of the disk, with what was being done.
pub(crate) fn disk_error(what: &str) -> impl FnOnce(std::io::Error) -> Error {
    move |error| match error.kind() {
        std::io::ErrorKind::InvalidData => Error::corrupt(what.to_owned()).because(error),
        // No disk says so: it is what whoever leaves off says.
        std::io::ErrorKind::Interrupted => Error::left_at_close(),
        _ => Error::unavailable(what.to_owned()).because(error),
    }
}

/// How often reading starts again because a writer went on to a new file meanwhile.
const ATTEMPTS: usize = 5;
/// Segments without an index file that are kept in memory. More of them, as in a store whose index
/// files were removed, are sealed as they are read.
const UNSEALED_MAX: usize = 4;

/// Reads a store's log, oldest events first. Another process may be writing at the same time.
pub(crate) fn load(source: &Source<'_>) -> Result<Loaded> {
    let mut loaded = load_once(source)?;
    for _ in 1..ATTEMPTS {
        if !has_rolled_meanwhile(source, &loaded) {
            break;
        }
        loaded = load_once(source)?;
    }
    Ok(loaded)
}

fn has_rolled_meanwhile(source: &Source<'_>, loaded: &Loaded) -> bool {
    let last = loaded.last.header.number;
    loaded.last_frame == Some(FrameKind::Roll) && source.handles.open(last + 1).is_ok()
}

fn load_once(source: &Source<'_>) -> Result<Loaded> {
    let mut names =
        source.disk.list().map_err(disk_error("the store's directory could not be listed"))?;
    names.retain(|name| !source.given_up.contains(name));
    let segments = source.indexes(source.disk).open_all(&names)?;
    let mut loader = Loader::new(source, &names, segments)?;
    loader.check_sealed(&names)?;
    for index in 0..loader.found.len() {
        loader.load_file(source, index)?;
    }
    Ok(loader.finish(source))
}

impl<'store> Source<'store> {
    fn indexes(&self, disk: &'store Arc<dyn Disk>) -> Indexes<'store> {
        let Self { handles, identity, cache, options, .. } = self;
        Indexes { disk, handles, identity, cache, options }
    }

    fn segment(&self, header: FileHeader, log: Arc<LogFile>, start: &Expected) -> Arc<Growing> {
        let of = (self.options, self.identity.hash_seed);
        Arc::new(Growing::new(header, log, start, of))
    }
}

/// A log file's name and, if its header is whole, the file.
struct FoundFile {
    name: String,
    opened: Option<OpenedFile>,
    length: u64,
}

#[derive(Clone)]
struct OpenedFile {
    header: FileHeader,
    file: Arc<dyn DiskFile>,
}

impl FoundFile {
    fn header(&self) -> Option<FileHeader> {
        self.opened.as_ref().map(|opened| opened.header)
    }

    /// A file is written with zeros to its whole length before it becomes a log file, and is cut by
    /// nobody before there is a next one.
    fn is_cut(&self) -> bool {
        self.header().is_some_and(|header| self.length < header.allocated)
    }
}

struct Loader {
    segments: Vec<Segment>,
    /// Log files that have events without an index file, or will get some.
    found: Vec<FoundFile>,
    /// The segment of the file that was read last.
    last: Option<Arc<Growing>>,
    end: Option<Expected>,
    last_frame: Option<FrameKind>,
    /// The number of the last batch that was seen, and where it starts in its file.
    last_batch: (u64, u64),
    damages: Vec<Damage>,
    /// Where the log ended when it was closed in order, if it was.
    clean_end: Option<CleanEnd>,
}

impl Loader {
    fn new(source: &Source<'_>, names: &[String], segments: Vec<Segment>) -> Result<Self> {
        let numbers = log_numbers(names);
        let first = last_sealed(&segments).map_or(0, |(sealed, log)| {
            // Of a file that is full everything is sealed.
            let is_full = sealed.index.header.last_frame == Some(FrameKind::Roll);
            let next = numbers.range(log.number + 1..).next();
            next.copied().filter(|_| is_full).unwrap_or(log.number)
        });
        let found = numbers.range(first..).map(|&number| open_file(source, number));
        let found = found.collect::<Result<Vec<_>>>()?;
        let (last_batch, damages) = ((0, 0), Vec::new());
        Ok(Self {
            segments,
            found,
            last: None,
            end: None,
            last_frame: None,
            last_batch,
            damages,
            clean_end: CleanEnd::read(&**source.disk),
        })
    }

    /// What the index files promise must be there: every log file, and the very last event.
    fn check_sealed(&mut self, names: &[String]) -> Result<()> {
        let numbers = log_numbers(names);
        for segment in self.segments.clone() {
            let Segment::Sealed(sealed) = segment else { continue };
            for (file, log) in sealed.logs.iter().enumerate() {
                if !numbers.contains(&log.number) {
                    let positions = sealed.positions_in(file);
                    self.report(&log.name, 0, Some(positions), "this log file is missing");
                }
            }
        }
        if self.damages.is_empty() { self.check_last_sealed() } else { Ok(()) }
    }

    fn check_last_sealed(&mut self) -> Result<()> {
        let Some((sealed, log)) = last_sealed(&self.segments) else { return Ok(()) };
        let segment = Segment::Sealed(Arc::clone(&sealed));
        let last = sealed.index.count() - 1;
        let read = segment.read(last, &mut crate::log::ReadBuffer::default());
        // A damaged index is built anew when something is looked for in it.
        let Some(error) = read.err().filter(|_| !sealed.index.is_damaged()) else { return Ok(()) };
        if error.kind() != ErrorKind::Corrupt {
            return Err(error);
        }
        let offset = segment.locate(last).map_or(0, |(_, offset)| offset);
        let position = segment.position(last);
        self.report(&log.name, offset, Some((position, position)), &error.to_string());
        Ok(())
    }

    fn load_file(&mut self, source: &Source<'_>, index: usize) -> Result<()> {
        let is_last = index + 1 == self.found.len();
        let Some(opened) = self.found[index].opened.clone() else {
            let name = self.found[index].name.clone();
            if !is_last {
                self.report(&name, 0, None, "its header is damaged");
            }
            self.end = None;
            return Ok(());
        };
        let start = self.start_of(&opened.header);
        let log = self.log_of(source, &opened);
        let mut growing = source.segment(opened.header, log, &start);
        let next = self.next_header(index);
        let limit = next.map_or(self.found[index].length, |next| next.previous_end);
        let mut scan = Scan::new(&*opened.file, &opened.header, start, limit);
        self.last_batch = (0, start.offset);
        let damages = self.damages.len();
        while self.scan_frames(source, &growing, &mut scan, (next.as_ref(), is_last))? {
            let is_whole = self.damages.len() == damages;
            let of = (opened.header, Arc::clone(&growing.log));
            self.finish_segment(source, growing, (&scan.expected, FrameKind::Commit), is_whole);
            growing = source.segment(of.0, of.1, &scan.expected);
        }
        growing.log.end.fetch_max(scan.expected.offset, Ordering::AcqRel);
        self.end = Some(scan.expected);
        self.last = Some(Arc::clone(&growing));
        if is_last {
            self.segments.push(Segment::Growing(growing));
        } else {
            // Without the header of the next file nobody says that this is the end of it.
            let is_whole = self.damages.len() == damages && next.is_some();
            self.finish_segment(source, growing, (&scan.expected, FrameKind::Roll), is_whole);
        }
        Ok(())
    }

    /// Where the events of a file begin that have no index file.
    fn start_of(&mut self, header: &FileHeader) -> Expected {
        self.last_frame = None;
        if self.end.is_none()
            && let Some((sealed, log)) = last_sealed(&self.segments)
        {
            self.end = Some(sealed.index.header.end);
            if log.number == header.number {
                self.last_frame = sealed.index.header.last_frame;
                return sealed.index.header.end;
            }
        }
        self.check_succession(header);
        Expected::at_start_of(header)
    }

    fn log_of(&self, source: &Source<'_>, opened: &OpenedFile) -> Arc<LogFile> {
        let known =
            last_sealed(&self.segments).filter(|(_, log)| log.number == opened.header.number);
        let new = || {
            let (file, handles) = (Arc::clone(&opened.file), Arc::clone(source.handles));
            Arc::new(LogFile::opened(opened.header.number, file, handles))
        };
        known.map_or_else(new, |(_, log)| log)
    }

    /// Adds a segment that gets no more events, if it has one.
    fn finish_segment(
        &mut self,
        source: &Source<'_>,
        growing: Arc<Growing>,
        (end, last_frame): (&Expected, FrameKind),
        is_whole: bool,
    ) {
        let finished = Finished { end: *end, last_frame: Some(last_frame), is_whole };
        growing.finished.set(finished).expect("it was just made");
        if growing.index.count() == 0 {
            return;
        }
        self.segments.push(Segment::Growing(growing));
        let unsealed = self.segments.iter().rev().take_while(|segment| segment.is_growing());
        let unsealed = unsealed.count();
        if unsealed > UNSEALED_MAX && self.damages.is_empty() {
            let from = self.segments.len() - unsealed;
            // Without room for an index, segments stay in memory: a full disk can be opened.
            let _ = self.seal_from(source, from);
        }
    }

    fn seal_from(&mut self, source: &Source<'_>, from: usize) -> Result<()> {
        let indexes = source.indexes(source.index_disk);
        for segment in &mut self.segments[from..] {
            let Segment::Growing(growing) = &*segment else { continue };
            let Some(finished) = growing.finished.get().filter(|finished| finished.is_whole) else {
                break;
            };
            let made_of = (&**growing, growing.log.edition()?.number);
            let sealed = indexes.seal(made_of, finished, Vec::new(), &AtomicBool::new(false))?;
            *segment = sealed;
        }
        Ok(())
    }

    /// The header of the next file, if that is whole: it says where this one ends.
    fn next_header(&self, index: usize) -> Option<FileHeader> {
        let this = self.found[index].header()?;
        let next = self.found.get(index + 1)?.header()?;
        (next.number == this.number + 1).then_some(next)
    }

    /// Each file must begin where the one before ends.
    fn check_succession(&mut self, header: &FileHeader) {
        let name = FileHeader::file_name(header.number);
        let Some(end) = self.end else {
            let (first, end) = (self.next_unloaded(), header.end_of_previous());
            if end > first {
                let positions = (first, Position(end.0 - 1));
                self.report(&name, 0, Some(positions), "files before this one are missing");
            }
            return;
        };
        let follows = end.position == header.end_of_previous()
            && end.chain.is_none_or(|chain| chain == header.previous_chain);
        if !follows && !is_planted(PlantedBug::TakeAnyFile) {
            let last = Position(header.end_of_previous().0.saturating_sub(1));
            let positions = (end.position <= last).then_some((end.position, last));
            self.report(&name, 0, positions, "this file does not follow the file before it");
        }
    }

    /// The first position that nothing loaded has.
    fn next_unloaded(&self) -> Position {
        let lost = self.damages.iter().filter_map(|damage| damage.positions).map(|(_, last)| last);
        let ends = self.segments.iter().filter(|segment| segment.count() > 0);
        let ends = ends.map(|segment| segment.position(segment.count() - 1));
        lost.chain(ends).max().unwrap_or_default().next()
    }

    /// Indexes what stands in a file; true if it left off because the segment is full.
    fn scan_frames(
        &mut self,
        source: &Source<'_>,
        growing: &Growing,
        scan: &mut Scan<'_>,
        (next, is_last): (Option<&FileHeader>, bool),
    ) -> Result<bool> {
        loop {
            let before = scan.expected;
            let found = scan.next_frame().map_err(disk_error("a log file could not be read"))?;
            match found {
                // Only with a frame behind it is the last batch known to be synced, and sealed.
                Found::Frame(frame) if growing.ends_before(&frame, &before, source.options) => {
                    scan.expected = before;
                    return Ok(true);
                }
                Found::Frame(frame) => {
                    self.note(&frame);
                    index_frame(growing, &frame)?;
                }
                Found::End => return Ok(false),
                Found::Nothing(why) => {
                    if !self.step_over(growing, scan, next, is_last, why)? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    fn note(&mut self, frame: &Frame) {
        self.last_frame = Some(frame.header.kind);
        if self.last_batch.0 != frame.header.batch || self.last_batch.1 > frame.offset {
            self.last_batch = (frame.header.batch, frame.offset);
        }
    }

    /// At a place without a valid frame: whether the scan goes on behind it. Reports damage if it
    /// is one.
    fn step_over(
        &mut self,
        growing: &Growing,
        scan: &mut Scan<'_>,
        next: Option<&FileHeader>,
        is_last: bool,
        why: &str,
    ) -> Result<bool> {
        let here = scan.expected;
        if is_last
            && (is_planted(PlantedBug::TruncateAtDamage) || self.is_clean_end(growing, &here))
        {
            return Ok(false);
        }
        // What is before the last file was synced up to its end.
        let later = if is_last { scan.find_proof_of_more() } else { scan.find_later_frame(0) };
        let later = later.map_err(disk_error("a log file could not be read"))?;
        let later = later.filter(|(_, header)| header.first_position >= here.position);
        if is_last && later.is_some() && self.is_there_by_now(growing, scan)? {
            return Ok(true);
        }
        let resumes_at = later.as_ref().map(|(_, header)| header.first_position);
        let ends_at = resumes_at.or(next.map(FileHeader::end_of_previous));
        if ends_at.is_none() {
            return Ok(false);
        }
        let first_behind = ends_at.unwrap_or(here.position);
        let lost = first_behind.0.saturating_sub(here.position.0);
        let positions = (lost > 0).then(|| (here.position, Position(first_behind.0 - 1)));
        if !is_planted(PlantedBug::StepOverDamage) {
            self.report(&growing.log.name, here.offset, positions, why);
        }
        growing.index.skip(u32::try_from(lost).unwrap_or(0));
        if let Some((offset, header)) = &later {
            scan.resume_at(*offset, header);
        } else {
            scan.expected.position = first_behind;
            scan.expected.chain = None;
        }
        Ok(later.is_some())
    }

    /// Whether the log was closed in order there, so that nothing can stand behind it.
    fn is_clean_end(&self, growing: &Growing, end: &Expected) -> bool {
        let header = &growing.header;
        let clean_end = CleanEnd::of(header.store_id, header.number, end);
        clean_end.is_some() && clean_end == self.clean_end
    }

    /// Whether an index says that the log goes on behind the end of its last file.
    fn ends_behind_its_file(&self) -> bool {
        let ends = self.end.zip(self.found.last());
        ends.is_some_and(|(end, file)| end.offset > file.length)
    }

    /// Whether the log was longer when it was closed in order.
    fn ends_before_clean_end(&self) -> bool {
        let (Some(clean), Some(last)) = (self.clean_end, &self.last) else { return false };
        if is_planted(PlantedBug::TruncateAtDamage) {
            return false;
        }
        let number = last.header.number;
        let offset = self.end.map_or(0, |end| end.offset);
        clean.store_id == last.header.store_id && (clean.number, clean.offset) > (number, offset)
    }

    /// Whether the frame was only not yet written whole when it was read: a writer may be at work.
    fn is_there_by_now(&mut self, growing: &Growing, scan: &mut Scan<'_>) -> Result<bool> {
        scan.forget_window();
        let found = scan.next_frame().map_err(disk_error("a log file could not be read"))?;
        let Found::Frame(frame) = found else { return Ok(false) };
        self.note(&frame);
        index_frame(growing, &frame)?;
        Ok(true)
    }

    fn report(
        &mut self,
        file: &str,
        offset: u64,
        positions: Option<(Position, Position)>,
        what: &str,
    ) {
        let (file, what) = (file.to_owned(), what.to_owned());
        self.damages.push(Damage { file, offset, positions, what });
    }

    /// What came after the end that was found is lost, and how much that was is not known.
    fn report_lost_end(&mut self, what: &str) {
        let name = self.found.last().map_or_else(String::new, |found| found.name.clone());
        let end = self.end.map_or((0, Position(1)), |end| (end.offset, end.position));
        self.report(&name, end.0, Some((end.1, Position(u64::MAX))), what);
    }

    /// What is lost at the end, if something is known to be.
    fn check_end(&mut self) {
        if self.last_frame == Some(FrameKind::Roll) {
            self.report_lost_end("the file after this one is missing");
        } else if self.found.last().is_some_and(FoundFile::is_cut) {
            self.report_lost_end("the file is shorter than it was made, so its end is lost");
        } else if self.ends_behind_its_file() {
            self.report_lost_end("an index says that it was longer, so its end is lost");
        } else if self.ends_before_clean_end() {
            self.report_lost_end(
                "the store was closed when the log was longer, so its end is lost",
            );
        }
    }

    /// A segment without events in the place of a last file that is lost, so that all others can be
    /// read.
    fn stand_in_for_last(&mut self, source: &Source<'_>) -> (Expected, Arc<Growing>) {
        let first = self.next_unloaded();
        let sealed = last_sealed(&self.segments).map(|(_, log)| log.number);
        let number = self.found.last().and_then(|found| log_number(&found.name)).or(sealed);
        let header = FileHeader::of_lost(source.identity.store_id, number.unwrap_or(1), first);
        let what =
            if self.found.is_empty() { "no log file is there" } else { "its header is damaged" };
        let name = FileHeader::file_name(header.number);
        self.report(&name, 0, Some((first, Position(u64::MAX))), what);
        let log = Arc::new(LogFile::new(header.number, 0, Arc::clone(source.handles)));
        let start = Expected::at_start_of(&header);
        let growing = source.segment(header, log, &start);
        self.segments.push(Segment::Growing(Arc::clone(&growing)));
        (start, growing)
    }

    fn finish(mut self, source: &Source<'_>) -> Loaded {
        let found = self.end.zip(self.last.clone());
        let has_last_file = found.is_some();
        let (end, last) = if let Some(found) = found {
            self.check_end();
            found
        } else {
            self.stand_in_for_last(source)
        };
        let is_closed = self.is_clean_end(&last, &end);
        let (segments, last_frame, damages) = (self.segments, self.last_frame, self.damages);
        let last_batch = self.last_batch.1.max(HEADER_BYTES).min(end.offset);
        Loaded { segments, last, end, last_frame, last_batch, damages, is_closed, has_last_file }
    }
}

/// The last sealed segment, and the log file that it ends in.
fn last_sealed(segments: &[Segment]) -> Option<(Arc<Sealed>, Arc<LogFile>)> {
    let sealed = segments.iter().rev().find_map(|segment| match segment {
        Segment::Sealed(sealed) => Some(Arc::clone(sealed)),
        Segment::Growing(_) => None,
    })?;
    let log = Arc::clone(sealed.logs.last()?);
    Some((sealed, log))
}

/// Adds a frame's events to the segment's index.
pub(crate) fn index_frame(growing: &Growing, frame: &Frame) -> Result<()> {
    for event in frame.events() {
        let (event, offset) = event?;
        growing.index.push_recorded(&event, offset);
    }
    Ok(())
}

/// Whether a header is that of the store's file with this number.
fn is_own(header: &FileHeader, store_id: EventId, number: u64) -> bool {
    let is_own = header.store_id == store_id && header.number == number;
    is_own || is_planted(PlantedBug::TakeAnyFile)
}

/// The number of a log file, compressed or not, by its name.
pub(crate) fn log_number(name: &str) -> Option<u64> {
    FileHeader::number_of(name).or_else(|| compressed::number_of(name))
}

fn log_numbers(names: &[String]) -> BTreeSet<u64> {
    names.iter().filter_map(|name| log_number(name)).collect()
}

fn open_file(source: &Source<'_>, number: u64) -> Result<FoundFile> {
    let name = FileHeader::file_name(number);
    let unreadable = || disk_error("a log file could not be opened");
    let file = match source.handles.open(number) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            return Ok(FoundFile { name, opened: None, length: 0 });
        }
        other => other.map_err(unreadable())?,
    };
    let length = file.len().map_err(unreadable())?;
    let mut bytes = vec![0; HEADER_BYTES as usize];
    let filled = match file.read_at(&mut bytes, 0) {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => 0,
        other => other.map_err(unreadable())?,
    };
    let header = FileHeader::decode(&bytes[..filled])
        .filter(|header| is_own(header, source.identity.store_id, number));
    Ok(FoundFile { name, opened: header.map(|header| OpenedFile { header, file }), length })
}
