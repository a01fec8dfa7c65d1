//! What is done for a store beside the work of its callers: sealing what is finished, merging index
//! files, so that there are few of them however many events there are, and compressing old log
//! files.
//!
//! Nothing here is needed for an event to be durable or found. What fails is tried again later.
//!
//! Each has a thread of its own. The index of what is not sealed yet is in memory, so no merge
//! holds up sealing, and whoever appends faster than it seals waits for it. Large log files take
//! seconds to compress, in which many index files would pile up, and large merges take as long.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crate::digest;
use crate::error::Result;
use crate::event::Position;
use crate::load::disk_error;
use crate::log::LogFile;
use crate::merging::worth_merging;
use crate::open::remove_unused_indexes;
use crate::segment::{Finished, Growing, Sealed, Segment};
use crate::shared::Shared;
use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard};

/// With fewer events than this that have no index file, a clean close writes none: they are read
/// again at the next open in a few milliseconds. Stores of small files write one earlier.
const CLOSE_EVENTS: u64 = 2048;
const CLOSE_EVENTS_MIN: u64 = 8;

/// Does upkeep in the background, or in the caller's thread if there is no background.
pub(crate) struct Upkeep {
    shared: Arc<Shared>,
    in_background: bool,
    state: Mutex<State>,
    changed: Condvar,
    is_closing: AtomicBool,
    sealing: Mutex<()>,
}

#[derive(Default)]
struct State {
    wanted: Wanted,
    is_sealing: bool,
}

/// What nobody has begun to look after yet.
#[derive(Default)]
struct Wanted {
    sealing: bool,
    merging: bool,
    compressing: bool,
}

impl Upkeep {
    pub(crate) fn new(shared: Arc<Shared>, in_background: bool) -> Self {
        Self {
            shared,
            in_background,
            state: Mutex::default(),
            changed: Condvar::new(),
            is_closing: AtomicBool::new(false),
            sealing: Mutex::default(),
        }
    }

    /// Asks for what there is to do.
    pub(crate) fn wish(&self) {
        if !self.in_background {
            // What fails, for want of room perhaps, is tried again with the next file.
            let _ = self.seal_now();
            self.repeat(Self::merge_once);
            return self.repeat(Self::compress_once);
        }
        self.lock().wanted.sealing = true;
        self.changed.notify_all();
    }

    /// Waits while more is to be sealed than memory is meant for, unless nobody tries to.
    pub(crate) fn wait_for_sealing(&self) {
        let mut state = self.lock();
        while (state.is_sealing || state.wanted.sealing)
            && !self.is_closing()
            && self.is_much_waiting()
        {
            state = self.wait(state);
        }
    }

    /// Seals when asked to, until the store is closed: the work of a background thread.
    pub(crate) fn seal_in_background(&self) {
        while let Some(mut state) = self.wait_until(|state| state.wanted.sealing) {
            (state.wanted.sealing, state.is_sealing) = (false, true);
            drop(state);
            // What fails, for want of room perhaps, is tried again with the next file.
            let _ = self.seal_now();
            let mut state = self.lock();
            state.is_sealing = false;
            (state.wanted.merging, state.wanted.compressing) = (true, true);
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Merges when there may be something to, until the store is closed: the work of a background
    /// thread.
    pub(crate) fn merge_in_background(&self) {
        while let Some(mut state) = self.wait_until(|state| state.wanted.merging) {
            state.wanted.merging = false;
            drop(state);
            self.repeat(Self::merge_once);
        }
    }

    /// Compresses when there may be something to, until the store is closed: the work of a
    /// background thread.
    pub(crate) fn compress_in_background(&self) {
        while let Some(mut state) = self.wait_until(|state| state.wanted.compressing) {
            state.wanted.compressing = false;
            drop(state);
            self.repeat(Self::compress_once);
        }
    }

    /// Ends the background threads, as soon as they can be left.
    pub(crate) fn stop(&self) {
        let state = self.lock(); // nobody goes to sleep who has not seen it
        self.is_closing.store(true, Ordering::Relaxed);
        drop(state);
        self.changed.notify_all();
    }

    /// Seals the last segment of a store that was closed in order, if it pays.
    pub(crate) fn seal_at_close(&self) {
        let unsealed = self.unsealed();
        let unsealed = unsealed.iter().map(|growing| u64::from(growing.index.count())).sum::<u64>();
        let file_pages = self.shared.options.log_file_bytes_max / 4096;
        if unsealed >= file_pages.clamp(CLOSE_EVENTS_MIN, CLOSE_EVENTS) {
            // Without its index the next open only takes longer.
            let _ = self.seal_finished(&AtomicBool::new(false));
        }
    }

    /// Does something until there is nothing more to do.
    fn repeat(&self, work_once: impl Fn(&Self) -> Result<bool>) {
        // What fails, for want of room perhaps, is tried again with the next file.
        let mut is_more = true;
        while is_more && !self.is_closing() {
            is_more = work_once(self).unwrap_or(false);
        }
    }

    /// Compresses one file, if there are too many raw ones; whether it did.
    fn compress_once(&self) -> Result<bool> {
        // While others rewrite files, the compressed ones can wait.
        match self.shared.try_rewriting() {
            Some(_rewriting) => {
                self.mend_compressed();
                self.compress_oldest(self.shared.options.raw_bytes_max, &self.is_closing)
            }
            None => Ok(false),
        }
    }

    /// Writes compressed files anew of which what they have twice was found damaged: nothing of it
    /// is needed, so what fails is left as it is.
    fn mend_compressed(&self) {
        let is_here = |log: &LogFile| log.form().is_ok_and(|form| form.archive.is_none());
        let logs = self.shared.logs().into_iter();
        for log in logs.filter(|log| log.gathered_is_damaged() && is_here(log)) {
            let _ = log.mend_gathered(self.shared.compressing(&self.is_closing));
        }
    }

    /// Compresses every log file that is full, now.
    pub(crate) fn compress_all(&self) -> Result<()> {
        let stop = &self.is_closing;
        let _one_at_a_time = self.shared.rewriting()?;
        self.seal_finished(stop)?;
        self.mend_compressed();
        while self.compress_oldest(0, stop)? {}
        // Whoever moves them away next need not look at them again.
        self.rebuild_outdated_indexes()
    }

    /// Seals every log file that is full, now.
    pub(crate) fn seal_now(&self) -> Result<()> {
        self.seal_finished(&self.is_closing)
    }

    /// Builds the indexes anew of which a log file was rewritten since: of what was removed from
    /// it, nothing is left in them then.
    pub(crate) fn rebuild_outdated_indexes(&self) -> Result<()> {
        let _one_at_a_time = self.shared.replacing_indexes();
        let segments = self.shared.segments.load_full();
        for segment in segments.iter() {
            let Segment::Sealed(sealed) = segment else { continue };
            if !sealed.outdated_files()?.is_empty() {
                let rebuilt = self.shared.rebuild(sealed)?;
                self.shared.replace_segments(&rebuilt);
            }
        }
        Ok(())
    }

    /// Removes index files that are not in use: a merge that failed in its middle leaves such, with
    /// kinds and tags of what is removed later.
    pub(crate) fn remove_unused_indexes(&self) -> Result<()> {
        let _one_at_a_time = self.shared.replacing_indexes();
        let segments = self.shared.segments.load_full();
        let sealed = segments.iter().filter(|segment| matches!(segment, Segment::Sealed(_)));
        // One that is being sealed now has later events, and is used soon.
        let Some(last) = sealed.filter_map(Segment::last_position).max() else { return Ok(()) };
        let removed = remove_unused_indexes(&*self.shared.index_disk, &segments, last);
        removed.map_err(disk_error("an index file that is not in use could not be removed"))
    }

    /// Compresses the oldest log file if the others have more than so many bytes with it; whether
    /// it did.
    fn compress_oldest(&self, raw_bytes_max: u64, stop: &AtomicBool) -> Result<bool> {
        let mut logs = self.sealed_logs();
        logs.retain(|log| !log.is_known_compressed());
        let mut raw_bytes: u64 = logs.iter().map(used_bytes).sum();
        for log in logs {
            if raw_bytes <= raw_bytes_max {
                break;
            }
            // Only the oldest are looked at on disk, however many there are.
            if !log.form()?.is_compressed {
                log.compress(self.shared.compressing(stop))?;
                return Ok(true);
            }
            raw_bytes -= used_bytes(&log);
        }
        Ok(false)
    }

    /// The log files all of whose events have an index file, oldest first.
    pub(crate) fn sealed_logs(&self) -> Vec<Arc<LogFile>> {
        let unsealed = self.unsealed();
        // The rest of a file may have nothing to be sealed: a store was closed behind its last
        // event.
        let is_nothing = |growing: &Growing| {
            growing.index.count() == 0 && growing.finished.get().is_some_and(|it| it.is_whole)
        };
        let first = unsealed.iter().find(|growing| !is_nothing(growing));
        let first = first.map_or(u64::MAX, |growing| growing.log.number);
        let mut logs = self.shared.logs();
        logs.retain(|log| log.number < first);
        logs
    }

    /// The segments in memory, oldest first.
    fn unsealed(&self) -> Vec<Arc<Growing>> {
        let segments = self.shared.segments.load();
        let growing = |segment: &Segment| match segment {
            Segment::Growing(growing) => Some(Arc::clone(growing)),
            Segment::Sealed(_) => None,
        };
        segments.iter().filter_map(growing).collect()
    }

    /// Whether some index waits to be sealed, and with the one that would join it they would take
    /// more memory than one may.
    fn is_much_waiting(&self) -> bool {
        let unsealed = self.unsealed();
        let bytes = unsealed.iter().map(|growing| growing.index.used_bytes() as u64).sum::<u64>();
        let is_waiting = unsealed.iter().any(|growing| growing.finished.get().is_some());
        is_waiting && bytes > self.shared.options.growing_index_bytes()
    }

    /// Seals in order: an index file behind a gap could not be found at the next open.
    fn seal_finished(&self, stop: &AtomicBool) -> Result<()> {
        let _one_at_a_time = self.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        for growing in self.unsealed() {
            let Some(&finished) = growing.finished.get() else { break };
            if !finished.is_whole {
                break;
            }
            if growing.index.count() > 0 {
                self.seal(growing, &finished, stop)?;
            }
        }
        Ok(())
    }

    fn seal(&self, growing: Arc<Growing>, finished: &Finished, stop: &AtomicBool) -> Result<()> {
        let last = Position(finished.end.position.0 - 1);
        let history = digest::behind(&self.shared, growing.first_position, last)?;
        let made_of = (&*growing, growing.log.edition()?.number);
        let sealed = self.shared.indexes().seal(made_of, finished, history, stop)?;
        self.shared.replace_segments(&sealed);
        self.shared.reuse(growing);
        drop(self.lock()); // who waits for it has looked already, or looks again
        self.changed.notify_all();
        Ok(())
    }

    /// Merges index files once, if that is worth it; whether it did.
    fn merge_once(&self) -> Result<bool> {
        self.shared.rebuild_damaged_indexes()?;
        let _one_at_a_time = self.shared.replacing_indexes();
        let Some(segments) = self.worth_merging() else { return Ok(false) };
        let merged = self.shared.indexes().merge(&segments, &self.is_closing)?;
        self.shared.replace_segments(&merged);
        Ok(true)
    }

    /// Sealed segments that should become one. Those before a loss that was given up are merged
    /// among themselves.
    fn worth_merging(&self) -> Option<Vec<Arc<Sealed>>> {
        let segments = self.shared.segments.load();
        let sealed: Vec<_> = segments
            .iter()
            .filter_map(|segment| match segment {
                Segment::Sealed(sealed) => Some(Arc::clone(sealed)),
                Segment::Growing(_) => None,
            })
            .collect();
        let mut runs = sealed.chunk_by(|before, sealed| sealed.follows(before));
        runs.find_map(|run| {
            let sizes: Vec<u32> = run.iter().map(|sealed| sealed.index.count()).collect();
            worth_merging(&sizes).map(|range| run[range].to_vec())
        })
    }

    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something is wanted; none if the store is closed before.
    fn wait_until(&self, is_wanted: impl Fn(&State) -> bool) -> Option<MutexGuard<'_, State>> {
        let mut state = self.lock();
        while !is_wanted(&state) && !self.is_closing() {
            state = self.wait(state);
        }
        (!self.is_closing()).then_some(state)
    }

    fn wait<'upkeep>(&self, state: MutexGuard<'upkeep, State>) -> MutexGuard<'upkeep, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

fn used_bytes(log: &Arc<LogFile>) -> u64 {
    log.end.load(Ordering::Acquire)
}
