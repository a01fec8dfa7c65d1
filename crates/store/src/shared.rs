//! What the writer and all readers of one open store share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::clock::Clock;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::event::{EventId, Position};
use crate::followers::{BatchTerms, Followers};
use crate::log::{Identity, LogFile, ReadBuffer};
use crate::options::Options;
use crate::record::Recorded;
use crate::verify::Damage;

/// The log with its indexes, and how far it is durable. Readers take no lock that the writer takes.
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) identity: Identity,
    pub(crate) options: Options,
    /// All log files, oldest first; replaced as a whole when a file is added.
    pub(crate) files: ArcSwap<Vec<Arc<LogFile>>>,
    /// What cannot be read, by position. Only a read-only store is opened with damage.
    pub(crate) damages: Vec<Damage>,
    durable: AtomicU64,
    closed: AtomicBool,
    pub(crate) followers: Followers,
}

impl Shared {
    pub(crate) fn new(
        (disk, clock): (Arc<dyn Disk>, Arc<dyn Clock>),
        identity: Identity,
        options: Options,
        files: Vec<Arc<LogFile>>,
        damages: Vec<Damage>,
        durable: Position,
    ) -> Self {
        Self {
            disk,
            clock,
            identity,
            options,
            files: ArcSwap::from_pointee(files),
            damages,
            durable: AtomicU64::new(durable.0),
            closed: AtomicBool::new(false),
            followers: Followers::default(),
        }
    }

    /// The position of the last event that no crash can take back.
    pub(crate) fn durable(&self) -> Position {
        Position(self.durable.load(Ordering::Acquire))
    }

    /// Lets readers see everything up to a position, and wakes those who wait for what came.
    pub(crate) fn publish(&self, position: Position, terms: &BatchTerms) {
        self.durable.store(position.0, Ordering::SeqCst);
        self.followers.wake(terms);
    }

    /// Where reading ends: behind `last` if it is known that events behind it were lost, so that
    /// whoever reads that far is told.
    pub(crate) fn end_of_damage(&self, last: Position) -> Position {
        let ends = self.damages.iter().filter_map(|damage| damage.positions).map(|(_, last)| last);
        ends.fold(last, Position::max)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Ends all followers.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.followers.wake_all();
    }

    /// Adds a file behind all others.
    pub(crate) fn add_file(&self, file: &Arc<LogFile>) {
        self.files.rcu(|files| {
            let mut files = Vec::clone(files);
            files.push(Arc::clone(file));
            files
        });
    }

    /// The version of a stream after all its events up to `last`; 0 if it has none.
    pub(crate) fn stream_version(&self, stream: &str, last: Position) -> u64 {
        let files = self.files.load();
        let in_file =
            |file: &Arc<LogFile>| file.index.stream_version(stream, file.count_up_to(last));
        files.iter().rev().find_map(in_file).unwrap_or(0)
    }

    /// The event with this id among those up to `last`.
    pub(crate) fn find(&self, id: EventId, last: Position) -> Result<Option<Recorded>> {
        let mut buffer = ReadBuffer::default();
        for file in self.files.load().iter().rev() {
            let end = file.count_up_to(last);
            for event in file.index.candidates(id).filter(|&event| event < end) {
                let recorded = file.read(event, &mut buffer)?;
                if recorded.id() == id {
                    return Ok(Some(recorded));
                }
            }
        }
        match self.damages.first() {
            Some(damage) => Err(Error::corrupt(format!(
                "event id {id} is not found, but may be among what is damaged: {damage}"
            ))),
            None => Ok(None),
        }
    }
}
