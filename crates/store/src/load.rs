//! Reads a whole log at open: builds the indexes, and tells a torn tail from damage.
//!
//! Only one batch is ever in flight, and a batch is written only after the one before was synced.
//! So where no valid frame stands, a valid frame of a later batch behind it proves that what should
//! stand there was synced: acknowledged data is damaged, and nothing is cut. Without such a frame
//! it is the end: a batch that nobody was told was stored. (The distinction is that of
//! "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018.)

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::event::Position;
use crate::log::{
    Expected, FileHeader, Found, Frame, FrameKind, HEADER_BYTES, Identity, LogFile, Scan,
};
use crate::planted::{PlantedBug, is_planted};
use crate::verify::Damage;

/// What was found on disk.
pub(crate) struct Loaded {
    pub(crate) files: Vec<Arc<LogFile>>,
    /// Where the log ends.
    pub(crate) end: Expected,
    /// The kind of the very last frame, if the last file has one.
    pub(crate) last_frame: Option<FrameKind>,
    /// Where the last batch of the last file starts: only that may not be on disk yet.
    pub(crate) last_batch: u64,
    pub(crate) damages: Vec<Damage>,
}

/// An error of the disk, with what was being done.
pub(crate) fn disk_error(what: &str) -> impl FnOnce(std::io::Error) -> Error {
    move |error| Error::unavailable(what.to_owned()).because(error)
}

/// How often reading starts again because a writer went on to a new file meanwhile.
const ATTEMPTS: usize = 5;

/// Reads all log files of a store, oldest first. Another process may be writing at the same time.
pub(crate) fn load(disk: &dyn Disk, identity: &Identity) -> Result<Loaded> {
    let mut loaded = load_once(disk, identity)?;
    for _ in 1..ATTEMPTS {
        if !has_rolled_meanwhile(disk, &loaded) {
            break;
        }
        loaded = load_once(disk, identity)?;
    }
    Ok(loaded)
}

fn has_rolled_meanwhile(disk: &dyn Disk, loaded: &Loaded) -> bool {
    let last = loaded.files.last().map_or(0, |file| file.header.number);
    loaded.last_frame == Some(FrameKind::Roll)
        && disk.open(&FileHeader::file_name(last + 1)).is_ok()
}

fn load_once(disk: &dyn Disk, identity: &Identity) -> Result<Loaded> {
    let mut loader = Loader::new(disk, identity)?;
    for index in 0..loader.found.len() {
        loader.load_file(index)?;
    }
    loader.finish()
}

/// A log file's name and, if its header is whole, the file.
struct FoundFile {
    name: String,
    opened: Option<Arc<LogFile>>,
    length: u64,
}

impl FoundFile {
    /// A file is written with zeros to its whole length before it becomes a log file, and is cut by
    /// nobody before there is a next one.
    fn is_cut(&self) -> bool {
        self.opened.as_ref().is_some_and(|file| self.length < file.header.allocated)
    }
}

struct Loader {
    found: Vec<FoundFile>,
    end: Option<Expected>,
    last_frame: Option<FrameKind>,
    /// The number of the last batch that was seen, and where it starts in its file.
    last_batch: (u64, u64),
    damages: Vec<Damage>,
}

impl Loader {
    fn new(disk: &dyn Disk, identity: &Identity) -> Result<Self> {
        let names = disk.list().map_err(disk_error("the store's directory could not be listed"))?;
        let mut names: Vec<String> =
            names.into_iter().filter(|name| FileHeader::number_of(name).is_some()).collect();
        names.sort();
        let found = names.into_iter().map(|name| open_file(disk, identity, name));
        let found = found.collect::<Result<Vec<_>>>()?;
        Ok(Self { found, end: None, last_frame: None, last_batch: (0, 0), damages: Vec::new() })
    }

    fn load_file(&mut self, index: usize) -> Result<()> {
        let Some(file) = self.found[index].opened.clone() else {
            let name = self.found[index].name.clone();
            self.report(&name, 0, None, "its header is damaged");
            self.end = None;
            return Ok(());
        };
        self.check_succession(&file);
        let next = self.next_header(index);
        let is_last = index + 1 == self.found.len();
        let limit = next.map_or(self.found[index].length, |next| next.previous_end);
        let start = Expected::at_start_of(&file.header);
        let mut scan = Scan::new(&*file.file, &file.header, start, limit);
        (self.last_frame, self.last_batch) = (None, (0, 0));
        self.scan_frames(&file, &mut scan, next.as_ref(), is_last)?;
        file.end.store(scan.expected.offset, Ordering::Release);
        self.end = Some(scan.expected);
        Ok(())
    }

    /// The header of the next file, if that is whole: it says where this one ends.
    fn next_header(&self, index: usize) -> Option<FileHeader> {
        let this = self.found[index].opened.as_ref()?;
        let next = self.found.get(index + 1)?.opened.as_ref()?;
        (next.header.number == this.header.number + 1).then_some(next.header)
    }

    /// Each file must begin where the one before ends.
    fn check_succession(&mut self, file: &LogFile) {
        let header = &file.header;
        let Some(end) = self.end else {
            if header.first_position > Position(1) {
                let positions = (self.next_unloaded(), Position(header.first_position.0 - 1));
                self.report(&file.name, 0, Some(positions), "files before this one are missing");
            }
            return;
        };
        let follows = end.position == header.first_position
            && end.chain.is_none_or(|chain| chain == header.previous_chain);
        if !follows {
            let last = Position(header.first_position.0.saturating_sub(1));
            let positions = (end.position <= last).then_some((end.position, last));
            self.report(&file.name, 0, positions, "this file does not follow the file before it");
        }
    }

    /// The first position that no loaded file has.
    fn next_unloaded(&self) -> Position {
        let loaded =
            self.damages.iter().filter_map(|damage| damage.positions).map(|(_, last)| last);
        let files = self.found.iter().filter_map(|found| found.opened.as_ref());
        let ends = files.filter(|file| file.index.count() > 0);
        let ends = ends.map(|file| file.position(file.index.count() - 1));
        loaded.chain(ends).max().unwrap_or_default().next()
    }

    fn scan_frames(
        &mut self,
        file: &LogFile,
        scan: &mut Scan<'_>,
        next: Option<&FileHeader>,
        is_last: bool,
    ) -> Result<()> {
        loop {
            let found = scan.next_frame().map_err(disk_error("a log file could not be read"))?;
            match found {
                Found::Frame(frame) => {
                    self.note(&frame);
                    index_frame(file, &frame)?;
                }
                Found::End => return Ok(()),
                Found::Nothing(why) => {
                    if !self.step_over(file, scan, next, is_last, why)? {
                        return Ok(());
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
        file: &LogFile,
        scan: &mut Scan<'_>,
        next: Option<&FileHeader>,
        is_last: bool,
        why: &str,
    ) -> Result<bool> {
        let here = scan.expected;
        // In the last file a frame of the batch that should stand here proves nothing: all of it
        // may be torn. In any other file everything up to its end was synced.
        let batch = if is_last { here.next_batch() + 1 } else { 0 };
        if is_last && is_planted(PlantedBug::TruncateAtDamage) {
            return Ok(false);
        }
        let later =
            scan.find_later_frame(batch).map_err(disk_error("a log file could not be read"))?;
        let later = later.filter(|(_, header)| header.first_position >= here.position);
        if is_last && later.is_some() && self.is_there_by_now(file, scan)? {
            return Ok(true);
        }
        let resumes_at = later.as_ref().map(|(_, header)| header.first_position);
        let ends_at = resumes_at.or(next.map(|next| next.first_position));
        if ends_at.is_none() && is_last {
            return Ok(false);
        }
        let first_behind = ends_at.unwrap_or(here.position);
        let lost = first_behind.0.saturating_sub(here.position.0);
        let positions = (lost > 0).then(|| (here.position, Position(first_behind.0 - 1)));
        self.report(&file.name, here.offset, positions, why);
        file.index.skip(u32::try_from(lost).unwrap_or(0));
        if let Some((offset, header)) = &later {
            scan.resume_at(*offset, header);
        } else {
            scan.expected.position = first_behind;
            scan.expected.chain = None;
        }
        Ok(later.is_some())
    }

    /// Whether the frame was only not yet written whole when it was read: a writer may be at work.
    fn is_there_by_now(&mut self, file: &LogFile, scan: &mut Scan<'_>) -> Result<bool> {
        scan.forget_window();
        let found = scan.next_frame().map_err(disk_error("a log file could not be read"))?;
        let Found::Frame(frame) = found else { return Ok(false) };
        self.note(&frame);
        index_frame(file, &frame)?;
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

    fn finish(mut self) -> Result<Loaded> {
        if self.last_frame == Some(FrameKind::Roll) {
            self.report_lost_end("the file after this one is missing");
        } else if self.found.last().is_some_and(FoundFile::is_cut) {
            self.report_lost_end("the file is shorter than it was made, so its end is lost");
        }
        let files: Vec<_> = self.found.into_iter().filter_map(|found| found.opened).collect();
        let Some(end) = self.end.filter(|_| !files.is_empty()) else {
            let what = self
                .damages
                .first()
                .map_or_else(|| "no log file is there".to_owned(), ToString::to_string);
            return Err(Error::corrupt(format!(
                "the store's log cannot be read: {what}; restore it from a backup"
            )));
        };
        let (last_frame, damages) = (self.last_frame, self.damages);
        let last_batch = self.last_batch.1.max(HEADER_BYTES).min(end.offset);
        Ok(Loaded { files, end, last_frame, last_batch, damages })
    }
}

/// Adds a frame's events to the file's index.
pub(crate) fn index_frame(file: &LogFile, frame: &Frame) -> Result<()> {
    for event in frame.events() {
        let (event, offset) = event?;
        file.index.push_recorded(&event, offset);
    }
    Ok(())
}

fn open_file(disk: &dyn Disk, identity: &Identity, name: String) -> Result<FoundFile> {
    let unreadable = || disk_error("a log file could not be opened");
    let file = disk.open(&name).map_err(unreadable())?;
    let length = file.len().map_err(unreadable())?;
    let mut bytes = vec![0; HEADER_BYTES as usize];
    let filled = file.read_at(&mut bytes, 0).map_err(unreadable())?;
    let header = FileHeader::decode(&bytes[..filled]).filter(|header| {
        header.store_id == identity.store_id && FileHeader::file_name(header.number) == name
    });
    let opened = header.map(|header| Arc::new(LogFile::new(header, file, identity.hash_seed)));
    Ok(FoundFile { name, opened, length })
}
