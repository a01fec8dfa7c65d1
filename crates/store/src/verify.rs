//! Reads everything, believes nothing, reports.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::clock::SystemClock;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::event::{Position, Timestamp};
use crate::open;
use crate::options::Options;
use crate::query::Query;
use crate::reader::Reader;
use crate::record::Recorded;
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
    /// Streams that they belong to.
    pub streams: u64,
    /// Log files.
    pub files: u64,
    /// Bytes of frames in them.
    pub bytes: u64,
    /// What is wrong. Empty if the store is well.
    pub damages: Vec<Damage>,
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
    check.read_everything(&shared);
    Ok(check.report)
}

fn whole_store(error: &Error) -> Damage {
    Damage { file: "format".to_owned(), offset: 0, positions: None, what: error.to_string() }
}

/// One of the two copies may be damaged without anybody noticing.
fn check_format(disk: &dyn Disk) -> Result<Option<Damage>> {
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
    versions: HashMap<String, u64>,
    time: Timestamp,
}

impl Check {
    fn new(shared: &Shared) -> Self {
        let files = shared.files.load();
        let bytes = files.iter().map(|file| file.end.load(std::sync::atomic::Ordering::Acquire));
        let report = Report {
            files: files.len() as u64,
            bytes: bytes.sum(),
            damages: shared.damages.clone(),
            ..Report::default()
        };
        Self { report, versions: HashMap::new(), time: Timestamp::from_nanos(i64::MIN) }
    }

    /// Reads between the damages that are known already.
    fn read_everything(&mut self, shared: &Arc<Shared>) {
        let mut ranges: Vec<_> =
            shared.damages.iter().filter_map(|damage| damage.positions).collect();
        ranges.sort();
        let mut after = Position::START;
        for (first, last) in ranges {
            self.read_range(shared, after, Position(first.0.saturating_sub(1)));
            after = after.max(last);
            self.versions.clear(); // which streams the lost events belonged to is not known
        }
        self.read_range(shared, after, shared.durable());
    }

    fn read_range(&mut self, shared: &Arc<Shared>, after: Position, up_to: Position) {
        let query = Query::all().after(after).up_to(up_to);
        let mut reader = Reader::within(Arc::clone(shared), query, shared.durable());
        let mut position = after;
        loop {
            match reader.step() {
                Ok(Some(event)) => {
                    position = position.next();
                    self.check_event(shared, &event, position);
                }
                Ok(None) => return,
                Err(error) => return self.damage(position.next(), error.to_string()),
            }
        }
    }

    fn check_event(&mut self, shared: &Shared, event: &Recorded, position: Position) {
        self.report.events += 1;
        if event.position() != position {
            self.damage(position, format!("event {} stands in its place", event.position()));
        }
        if event.recorded_at() < self.time {
            self.damage(position, "its time is before that of the event before it".to_owned());
        }
        self.time = event.recorded_at();
        if let Some(stream) = event.stream() {
            self.check_version(shared, event, stream);
        }
    }

    fn check_version(&mut self, shared: &Shared, event: &Recorded, stream: &str) {
        let known = self.versions.get_mut(stream);
        let before = if let Some(version) = known {
            std::mem::replace(version, event.version())
        } else {
            self.report.streams += 1;
            self.versions.insert(stream.to_owned(), event.version());
            if shared.damages.is_empty() { 0 } else { event.version().saturating_sub(1) }
        };
        if event.version() != before + 1 {
            let what = format!("stream {stream} goes from version {before} to {}", event.version());
            self.damage(event.position(), what);
        }
        if shared.stream_version(stream, event.position()) != event.version() {
            self.damage(event.position(), format!("the index has another version of {stream}"));
        }
    }

    fn damage(&mut self, position: Position, what: String) {
        let positions = Some((position, position));
        self.report.damages.push(Damage { file: "log".to_owned(), offset: 0, positions, what });
    }
}
