//! Removing bytes: log files are rewritten without what retention has removed, one at a time, in
//! the background, and slowly.
//!
//! A file keeps every offset: in the place of a removed event stands its stub, and zeros, which
//! compression makes nothing of. So nothing else has to change with it: no index, no header of the
//! file behind it. The new file is written, synced, read again and compared before it takes the
//! name of the compressed form in one step.

mod plan;
mod rewrite;

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crate::archive::forget_superseded;
use crate::commit_queue::CommitQueue;
use crate::error::{Error, Result};
use crate::event::{Position, Timestamp};
use crate::log::LogFile;
use crate::pace::Pace;
use crate::planted::{PlantedBug, is_planted};
use crate::retention::{Decisions, Fact, Moment, View};
use crate::shared::Shared;
use crate::sync::{AtomicBool, Mutex};
use crate::upkeep::Upkeep;
use crate::writer::Writer;

use plan::Share;

/// What a scavenge did.
///
/// ```
/// use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, Target};
///
/// let store = EmbeddedStore::in_memory();
/// store.append(Append::to("note-1").event(NewEvent::json("Noted", "{}")))?;
/// assert_eq!(store.scavenge()?.events, 0, "there is nothing to remove");
/// store.delete(Target::stream("note-1"))?;
/// assert_eq!(store.scavenge()?.events, 1);
/// # Ok::<(), hitherto_store::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scavenged {
    /// Log files that were rewritten.
    pub files: u64,
    /// Events that were removed from them.
    pub events: u64,
    /// Bytes that these files took on disk before.
    pub bytes_before: u64,
    /// Bytes that they take now.
    pub bytes_after: u64,
}

impl Scavenged {
    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.events += other.events;
        self.bytes_before += other.bytes_before;
        self.bytes_after += other.bytes_after;
    }
}

/// Removes the bytes of a store's removed events.
pub(crate) struct Scavenger {
    shared: Arc<Shared>,
    upkeep: Arc<Upkeep>,
    queue: Arc<CommitQueue>,
    decisions: Arc<Decisions>,
    pace: Pace,
    /// One at a time; and when the last one in the background was.
    last: Mutex<Option<Round>>,
    /// Whether something may be left of files as they were before they were rewritten, in indexes
    /// or in stubs: a process that ended in between leaves it so.
    has_remains: AtomicBool,
}

/// What was known when a round in the background began.
#[derive(Debug, Clone, Copy)]
struct Round {
    head: Position,
    changed: Position,
    time: Timestamp,
}

impl Scavenger {
    pub(crate) fn new(
        shared: Arc<Shared>,
        (upkeep, queue): (Arc<Upkeep>, Arc<CommitQueue>),
        decisions: Arc<Decisions>,
    ) -> Self {
        let rate = shared.options.scavenge_bytes_per_second;
        let pace = Pace::new(shared.options.background.then_some(rate));
        let has_remains = AtomicBool::new(true);
        Self { shared, upkeep, queue, decisions, pace, last: Mutex::default(), has_remains }
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Works when there may be something to do, until the store is closed: the work of a background
    /// thread.
    pub(crate) fn work_in_background(&self) {
        while self.pace.wait_for_a_wish() {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let round = self.round();
            if !last.is_some_and(|last| !self.is_due(last, round)) {
                // What fails, for want of room perhaps, is tried again when it is wished for next.
                *last = self.run(Share::Eighth).is_ok().then_some(round);
            }
        }
    }

    fn round(&self) -> Round {
        let retention = self.shared.retention.load();
        let head = self.shared.durable();
        let time = retention.now(head, self.shared.clock.now()).time;
        Round { head, changed: retention.changed, time }
    }

    /// Whether so much may have come to be removed since that looking for it pays.
    fn is_due(&self, last: Round, now: Round) -> bool {
        let age = self.shared.retention.load().shortest_age();
        now.changed > last.changed
            || now.head.0 / 9 * 8 > last.head.0
            || age.is_some_and(|age| last.time.until(now.time) > age / 8)
    }

    /// Removes the bytes of every removed event, now.
    pub(crate) fn remove_everything(&self) -> Result<Scavenged> {
        if self.pace.is_paused() {
            return Err(Error::invalid("scavenging is paused: resume it first"));
        }
        let _one_at_a_time = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.end_last_file()?;
        self.run(Share::Any)
    }

    /// The file that is written to is rewritten when another one is: if there is something in it to
    /// remove, that is now.
    fn end_last_file(&self) -> Result<()> {
        let head = self.shared.durable();
        let Some(mut view) = View::new(&self.shared, head) else { return Ok(()) };
        let Some(log) = self.shared.logs().pop() else { return Ok(()) };
        // Some of it may have an index already, since the store was closed the last time.
        let Some(positions) = positions_of(&self.shared, log.number) else { return Ok(()) };
        if self.has_share(positions, Share::Any, 0, &mut view)? {
            self.queue.with_writer(Writer::end_file)?;
        }
        Ok(())
    }

    fn run(&self, share: Share) -> Result<Scavenged> {
        let done = self.rewrite_files(share)?;
        if self.has_remains.load(Ordering::Relaxed) {
            if !is_planted(PlantedBug::LeaveIndexes) {
                self.upkeep.rebuild_outdated_indexes()?;
            }
            self.upkeep.remove_unused_indexes()?;
            forget_superseded(&self.shared)?;
            self.has_remains.store(false, Ordering::Relaxed);
        }
        Ok(done)
    }

    fn rewrite_files(&self, share: Share) -> Result<Scavenged> {
        // Files that are full may wait for that still, and would be passed over.
        self.upkeep.seal_now()?;
        let files = self.plan(share)?;
        if files.is_empty() {
            return Ok(Scavenged::default());
        }
        let position = self.decisions.turn().decide(&Fact::ScavengeBegun)?;
        let retention = self.shared.retention.load_full();
        let begun = retention.scavenged.filter(|it| it.position == position);
        let time = begun.map_or_else(|| self.round().time, |begun| begun.time);
        let mut view = View::at(retention, Moment { position, time });
        let mut done = Scavenged::default();
        for log in files {
            self.has_remains.store(true, Ordering::Relaxed);
            done.add(self.remove_from(&log, &mut view)?);
        }
        Ok(done)
    }

    /// Rewrites a file; again from its start if it was paused meanwhile.
    fn remove_from(&self, log: &LogFile, view: &mut View) -> Result<Scavenged> {
        loop {
            let changes = self.pace.changes();
            let rewritten = {
                let _one_at_a_time = self.shared.rewriting()?;
                rewrite::without_removed(&self.shared, log, view, &self.pace)
            };
            match rewritten {
                Err(_) if self.pace.was_interrupted() || self.pace.changes() > changes => {
                    self.pace.wait_until_resumed()?;
                }
                other => return other,
            }
        }
    }

    /// Ends the background thread as soon as it can be left.
    pub(crate) fn stop(&self) {
        self.pace.close();
    }
}

/// The log files that can be rewritten, with the positions in each, oldest first.
fn positions_of(shared: &Shared, number: u64) -> Option<(Position, Position)> {
    let segments = shared.segments.load();
    let parts = segments.iter().flat_map(|segment| segment.positions_by_log(shared.durable()));
    let of_file: Vec<_> =
        parts.filter(|&(log, first, last)| log == number && first <= last).collect();
    let first = of_file.iter().map(|part| part.1).min()?;
    let last = of_file.iter().map(|part| part.2).max()?;
    Some((first, last))
}

fn used_bytes(log: &LogFile) -> u64 {
    log.end.load(Ordering::Acquire)
}
