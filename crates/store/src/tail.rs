//! The end of a log that another process writes: what came since is taken in before each read.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::Result;
use crate::event::Position;
use crate::followers::BatchTerms;
use crate::load::{disk_error, index_frame};
use crate::log::{Expected, FileHeader, Found, FrameKind, HEADER_BYTES, LogFile, Scan};
use crate::shared::Shared;

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
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        let before = end.position;
        loop {
            let files = self.shared.files.load();
            let file = files.last().expect("a loaded log has a file");
            read_on(file, &mut end)?;
            match self.next_file(file)? {
                Some(next) if next.header.previous_end <= end.offset => {
                    *end = Expected::at_start_of(&next.header);
                    self.shared.add_file(&next);
                }
                _ => break,
            }
        }
        if end.position > before {
            let files = self.shared.files.load();
            let file = files.last().expect("a loaded log has a file");
            file.file.sync().map_err(disk_error("the end of the log could not be synced"))?;
            self.shared.publish(Position(end.position.0 - 1), &BatchTerms::NotNoted);
        }
        Ok(())
    }

    /// The file after this one, if it was begun.
    fn next_file(&self, file: &LogFile) -> Result<Option<Arc<LogFile>>> {
        let name = FileHeader::file_name(file.header.number + 1);
        let opened = match self.shared.disk.open(&name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(disk_error("a log file could not be opened"))?,
        };
        let mut bytes = vec![0; HEADER_BYTES as usize];
        let filled = opened.read_at(&mut bytes, 0);
        let filled = filled.map_err(disk_error("a log file could not be read"))?;
        let header = FileHeader::decode(&bytes[..filled]);
        let seed = self.shared.identity.hash_seed;
        Ok(header.map(|header| Arc::new(LogFile::new(header, opened, seed))))
    }

    /// Looks for more until the store is closed: the work of a background thread.
    pub(crate) fn look_in_background(&self) {
        while !self.shared.is_closed() {
            // What cannot be read now shows as an error to whoever reads.
            let _ = self.refresh();
            std::thread::park_timeout(LOOK_INTERVAL);
        }
    }
}

/// Indexes the whole frames behind a place. A frame that is being written is not whole, and comes
/// later.
fn read_on(file: &LogFile, end: &mut Expected) -> Result<()> {
    let unreadable = || disk_error("a log file could not be read");
    let length = file.file.len().map_err(unreadable())?;
    let mut scan = Scan::new(&*file.file, &file.header, *end, length);
    while let Found::Frame(frame) = scan.next_frame().map_err(unreadable())? {
        if frame.header.kind == FrameKind::Roll {
            break;
        }
        index_frame(file, &frame)?;
        // Kept at once: what is indexed must not be indexed again after a read that fails.
        *end = scan.expected;
        file.end.store(end.offset, Ordering::Release);
    }
    Ok(())
}
