//! Reads everything, believes nothing, reports.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::clock::SystemClock;
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};
use crate::event::{Position, Timestamp};
use crate::index::KeyClass;
use crate::load::log_number;
use crate::log::{
    Expected, FileHeader, Found, HEADER_BYTES, LogFile, LossBefore, ReadBuffer, Scan,
};
use crate::open;
use crate::options::Options;
use crate::query::{Direction, Query};
use crate::reader::{Reader, segment_of};
use crate::record::Recorded;
use crate::retention::{Fact, View};
use crate::segment::Segment;
use crate::shared::Shared;

/// Stored bytes that are not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The name of the damaged file.
    pub file: String,
    /// Where in it the damage begins, in bytes.
    pub offset: u64,
    /// The first and the last event that cannot be read because of it, if any.
    pub positions: Option<(Position, Position)>,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {}: {}", self.file, self.offset, self.what)?;
        match self.positions {
            Some((first, last)) if first == last => write!(f, ", event {first} cannot be read"),
            Some((first, Position(u64::MAX))) => {
                write!(f, ", event {first} and all after it cannot be read")
            }
            Some((first, last)) => write!(f, ", events {first} to {last} cannot be read"),
            None => Ok(()),
        }
    }
}

/// What [`verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Events that were read and found whole.
    pub events: u64,
    /// Events that were removed by retention, and of which only that is left: their place, and
    /// their part of the digest of history.
    pub removed: u64,
    /// Streams that they belong to.
    pub streams: u64,
    /// Log files.
    pub files: u64,
    /// Bytes of frames in them.
    pub bytes: u64,
    /// What is wrong. Empty if the store is well.
    pub damages: Vec<Damage>,
    /// What was lost before the store was repaired, and given up: nothing is wrong there any more.
    pub accepted_losses: Vec<AcceptedLoss>,
}

/// Events that a [`repair`](crate::repair()) could not save. Readers step over where they stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceptedLoss {
    /// The first and the last position that no event has, if any is known.
    pub positions: Option<(Position, Position)>,
    /// Whether the end of a log was lost, so that there may have been more: positions from there on
    /// were given anew.
    pub is_open_ended: bool,
}

impl AcceptedLoss {
    /// What the header of a log file says about what was before it.
    pub(crate) fn of(header: &FileHeader) -> Option<Self> {
        let LossBefore { positions, is_open_ended } = header.loss_before;
        let last = Position(header.first_position.0.saturating_sub(1));
        let positions = (positions > 0).then(|| (header.end_of_previous(), last));
        header.loss_before.is_any().then_some(Self { positions, is_open_ended })
    }
}

impl fmt::Display for AcceptedLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.positions {
            Some((first, last)) if first == last => write!(f, "event {first} was lost")?,
            Some((first, last)) => write!(f, "events {first} to {last} were lost")?,
            None => write!(f, "the end of the log was lost")?,
        }
        if self.is_open_ended && self.positions.is_some() {
            write!(f, ", and perhaps more behind them")?;
        }
        write!(f, " before a repair")
    }
}

/// Reads every event of the store at a path and checks all that can be checked: every checksum,
/// that each frame follows the one before it, that positions and versions have no gaps, that times
/// never go back, and that the index finds every event where it stands. Changes nothing, and works
/// beside a writer.
///
/// ```
/// let path = std::env::temp_dir().join(format!("verify-{}", std::process::id()));
/// drop(hitherto_store::EmbeddedStore::open(&path)?);
/// assert!(hitherto_store::verify(&path)?.damages.is_empty());
/// # std::fs::remove_dir_all(&path).ok();
/// # Ok::<(), hitherto_store::Error>(())
/// ```
///
/// # Errors
/// `NotFound` if there is no store, `Unavailable` if it cannot be read at all. Damage is no error
/// but in the report.
pub fn verify(path: impl AsRef<Path>) -> Result<Report> {
    verify_disk(Arc::new(open::existing_directory(path.as_ref())?))
}

/// As [`verify`], on any disk.
pub fn verify_disk(disk: Arc<dyn Disk>) -> Result<Report> {
    let format = check_format(&*disk)?;
    let opened = open::open_read_only(disk, Arc::new(SystemClock), Options::default());
    let (shared, _) = match opened {
        Err(error) if error.kind() == crate::ErrorKind::Corrupt => {
            return Ok(Report { damages: vec![whole_store(&error)], ..Report::default() });
        }
        other => other?,
    };
    let mut check = Check::new(&shared);
    check.report.damages.extend(format);
    check.note_accepted_losses(&shared);
    check.scan_sealed_logs(&shared);
    check.check_indexes(&shared);
    check.read_everything(&shared);
    Ok(check.report)
}

fn whole_store(error: &Error) -> Damage {
    Damage { file: "format".to_owned(), offset: 0, positions: None, what: error.to_string() }
}

/// One of the two copies may be damaged without anybody noticing.
pub(crate) fn check_format(disk: &dyn Disk) -> Result<Option<Damage>> {
    let Ok(file) = disk.open(crate::log::FORMAT_FILE) else { return Ok(None) };
    let mut bytes = vec![0; 1024];
    let filled = file.read_at(&mut bytes, 0).map_err(crate::load::disk_error("`format`"))?;
    let copies_are_equal = filled == bytes.len() && bytes[..512] == bytes[512..];
    Ok((!copies_are_equal).then(|| Damage {
        file: crate::log::FORMAT_FILE.to_owned(),
        offset: 0,
        positions: None,
        what: "its two copies differ".to_owned(),
    }))
}

struct Check {
    report: Report,
    time: Timestamp,
    /// What is removed by now; `None` if nothing is.
    view: Option<View>,
}

impl Check {
    fn new(shared: &Shared) -> Self {
        let report = Report {
            files: shared.logs().len() as u64,
            bytes: shared.log_bytes(),
            damages: shared.damages.clone(),
            ..Report::default()
        };
        let view = View::new(shared, shared.durable());
        Self { report, time: Timestamp::from_nanos(i64::MIN), view }
    }

    /// Scans the frames that opening the store did not have to look at.
    fn scan_sealed_logs(&mut self, shared: &Shared) {
        let mut scanned = 0;
        for segment in shared.segments.load().iter() {
            let Segment::Sealed(sealed) = segment else { continue };
            for (file, log) in sealed.logs.iter().enumerate() {
                let is_lost = self.report.damages.iter().any(|damage| damage.file == log.name);
                if log.number > scanned && !is_lost {
                    scanned = log.number;
                    match scan_log(log) {
                        Ok(mut found) => self.report.damages.append(&mut found),
                        Err(error) => {
                            let positions = Some(sealed.positions_in(file));
                            self.damage(&log.name, 0, positions, error.to_string());
                        }
                    }
                }
            }
        }
    }

    /// What each index file says must add up.
    fn check_indexes(&mut self, shared: &Shared) {
        for segment in shared.segments.load().iter() {
            let Segment::Sealed(sealed) = segment else { continue };
            if let Err(error) = sealed.index.check() {
                self.damage(&sealed.index.name, 0, None, error.to_string());
            }
        }
    }

    /// A header that is damaged is reported elsewhere.
    fn note_accepted_losses(&mut self, shared: &Shared) {
        let names = shared.disk.list().unwrap_or_default();
        let numbers: BTreeSet<u64> = names.iter().filter_map(|name| log_number(name)).collect();
        for number in numbers {
            let mut bytes = vec![0; HEADER_BYTES as usize];
            let file = shared.handles.open(number);
            let filled = file.and_then(|file| file.read_at(&mut bytes, 0)).unwrap_or(0);
            let header = FileHeader::decode(&bytes[..filled]);
            self.report.accepted_losses.extend(header.as_ref().and_then(AcceptedLoss::of));
        }
    }

    /// Reads between the damages that are known already, and the losses that were accepted.
    fn read_everything(&mut self, shared: &Arc<Shared>) {
        let damaged = shared.damages.iter().filter_map(|damage| damage.positions);
        let lost = self.report.accepted_losses.iter().filter_map(|loss| loss.positions);
        let mut ranges: Vec<_> = damaged.chain(lost).collect();
        ranges.sort();
        let mut after = Position::START;
        for (first, last) in ranges {
            self.read_range(shared, after, Position(first.0.saturating_sub(1)));
            after = after.max(last);
        }
        self.read_range(shared, after, shared.durable());
    }

    fn read_range(&mut self, shared: &Arc<Shared>, mut after: Position, up_to: Position) {
        while after < up_to {
            let query = Query::all().after(after).up_to(up_to);
            let mut reader = Reader::within(Arc::clone(shared), query, shared.durable());
            loop {
                match reader.step() {
                    Ok(Some(event)) => {
                        after = after.next();
                        self.check_event(shared, &event, after);
                    }
                    Ok(None) => return,
                    Err(error) => {
                        after = after.next();
                        self.event_damage(shared, after, error.to_string());
                        break;
                    }
                }
            }
        }
    }

    fn check_event(&mut self, shared: &Shared, event: &Recorded, position: Position) {
        if let Some(scavenge) = event.removed_by() {
            self.report.removed += 1;
            if let Err(what) = self.check_removal(shared, event, scavenge) {
                self.event_damage(shared, position, what);
            }
        } else {
            self.report.events += 1;
        }
        if event.position() != position {
            let what = format!("event {} stands in its place", event.position());
            self.event_damage(shared, position, what);
        }
        if event.recorded_at() < self.time {
            let what = "its time is before that of the event before it".to_owned();
            self.event_damage(shared, position, what);
        }
        self.time = event.recorded_at();
        if let Err(what) = check_found(shared, event, &self.report.accepted_losses) {
            self.event_damage(shared, position, what);
        }
        self.report.streams += u64::from(event.version() == 1);
    }

    /// Whether what was removed had to be: a fact in the log must say so.
    fn check_removal(
        &mut self,
        shared: &Shared,
        event: &Recorded,
        scavenge: Position,
    ) -> Result<(), String> {
        let unordered = || format!("it was removed, and no fact of the log at {scavenge} says so");
        let view = self.view.as_mut().ok_or_else(unordered)?;
        let hides = view.hides(shared, event).map_err(|error| error.to_string())?;
        if hides && is_scavenge(shared, scavenge) { Ok(()) } else { Err(unordered()) }
    }

    /// Damage of one event, with the place where it stands.
    fn event_damage(&mut self, shared: &Shared, position: Position, what: String) {
        let segments = shared.segments.load();
        let place = segment_of(&segments, position.0)
            .and_then(|segment| segment.locate(segment.event_at(position.0)));
        let (file, offset) = place.unwrap_or(("log".to_owned(), 0));
        self.damage(&file, offset, Some((position, position)), what);
    }

    fn damage(
        &mut self,
        file: &str,
        offset: u64,
        positions: Option<(Position, Position)>,
        what: String,
    ) {
        self.report.damages.push(Damage { file: file.to_owned(), offset, positions, what });
    }
}

fn scan_log(log: &LogFile) -> Result<Vec<Damage>> {
    let file = log.file().map_err(crate::load::disk_error("it could not be read"))?;
    let mut damages = scan_file(log, &*file)?;
    damages.extend(check_gathered(log, &mut |_| Ok(()))?);
    Ok(damages)
}

/// Damage of what a compressed file has twice, read anew. Says before each part how many bytes that
/// has.
pub(crate) fn check_gathered(
    log: &LogFile,
    before: &mut dyn FnMut(u64) -> std::io::Result<()>,
) -> Result<Option<Damage>> {
    let Some(error) = log.check_gathered(before)? else { return Ok(None) };
    let what = format!(
        "its second copy of scattered streams is not whole ({error}); no event is concerned, and a \
         store that is open for writing makes the copy anew when it has noticed"
    );
    Ok(Some(Damage { file: log.name.clone(), offset: 0, positions: None, what }))
}

/// What is damaged in a log file, up to where it is known to end, read through `file`.
pub(crate) fn scan_file(log: &LogFile, file: &dyn DiskFile) -> Result<Vec<Damage>> {
    let unreadable = || crate::load::disk_error("it could not be read");
    let mut damages = Vec::new();
    let mut damage = |offset: u64, what: &str| {
        let (file, what) = (log.name.clone(), what.to_owned());
        damages.push(Damage { file, offset, positions: None, what });
    };
    let mut bytes = vec![0; HEADER_BYTES as usize];
    let filled = file.read_at(&mut bytes, 0).map_err(unreadable())?;
    let Some(header) = FileHeader::decode(&bytes[..filled]) else {
        damage(0, "its header is damaged");
        return Ok(damages);
    };
    let end = log.end.load(Ordering::Acquire);
    let mut scan = Scan::new(file, &header, Expected::at_start_of(&header), end);
    loop {
        match scan.next_frame().map_err(unreadable())? {
            Found::Frame(_) => {}
            Found::End => return Ok(damages),
            Found::Nothing(why) => {
                damage(scan.expected.offset, why);
                let later = scan.find_later_frame(0).map_err(unreadable())?;
                let Some((offset, header)) = later else { return Ok(damages) };
                scan.resume_at(offset, &header);
            }
        }
    }
}

/// Whether a scavenge was begun at a position.
fn is_scavenge(shared: &Shared, position: Position) -> bool {
    let segments = shared.segments.load();
    let segment = segment_of(&segments, position.0).filter(|_| position <= shared.durable());
    let event = segment.map(|segment| {
        let buffer = (&mut ReadBuffer::default(), None);
        segment.read_cached((segment.event_at(position.0), None), buffer, &shared.cache)
    });
    matches!(event, Some(Ok(event)) if Fact::of(&event) == Some(Fact::ScavengeBegun))
}

/// Whether the index finds an event by everything that it can be found by.
fn check_found(shared: &Shared, event: &Recorded, losses: &[AcceptedLoss]) -> Result<(), String> {
    let segments = shared.segments.load();
    let position = event.position();
    let Some(segment) = segment_of(&segments, position.0) else {
        return Err("no index has it".to_owned());
    };
    let number = segment.event_at(position.0);
    let stream = event.stream().map(|stream| (KeyClass::Stream, stream));
    let category = event.category().map(|category| (KeyClass::Category, category));
    let tags = event.tags().map(|tag| (KeyClass::Tag, tag));
    // Nobody knows the kind of an event that was removed.
    let kind = Some((KeyClass::Kind, event.kind())).filter(|(_, kind)| !kind.is_empty());
    let keys = stream.into_iter().chain(category).chain(kind);
    for (class, name) in keys.chain(tags) {
        let mut cursor =
            segment.postings(class, name, Direction::Forward).map_err(|error| error.to_string())?;
        if cursor.seek(segment, number).map_err(|error| error.to_string())? != Some(number) {
            return Err(format!("the index does not find it by {name}"));
        }
        if let Some(stand) = cursor.stand_of(number)
            && segment.stand(number) != Some(stand)
        {
            return Err(format!("the index has it elsewhere by {name}"));
        }
    }
    let ids = segment.candidates(event.id()).map_err(|error| error.to_string())?;
    if !ids.contains(&number) {
        return Err("the index does not find it by its id".to_owned());
    }
    stream.map_or(Ok(()), |(_, stream)| check_version(shared, event, stream, losses))
}

/// Whether its version follows the one before in its stream.
fn check_version(
    shared: &Shared,
    event: &Recorded,
    stream: &str,
    losses: &[AcceptedLoss],
) -> Result<(), String> {
    let version_at = |position: u64| {
        shared.stream_version(stream, Position(position)).map_err(|error| error.to_string())
    };
    // What a lost event did to its stream is not known, and an index that is made without it counts
    // on as if it had never been.
    if !shared.damages.is_empty() {
        return Ok(());
    }
    let (here, before) = (version_at(event.position().0)?, version_at(event.position().0 - 1)?);
    if here != event.version() {
        return Err(format!("the index has version {here} of {stream} there"));
    }
    if before + 1 == here {
        return Ok(());
    }
    let ends = losses.iter().filter_map(|loss| loss.positions).map(|(_, last)| last.0);
    for end in ends.filter(|&end| end < event.position().0) {
        if before < here && version_at(end)? == before {
            return Ok(()); // what is missing was lost there
        }
    }
    Err(format!("stream {stream} goes from version {before} to {here}"))
}
