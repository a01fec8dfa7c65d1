//! Reading what nobody reads: every log file is looked at now and then, slowly, so that damage is
//! known while there is a copy of what it took.
//!
//! Nothing is changed. What is found is noted, and told by [`EmbeddedStore::stat`]; a file that is
//! found whole later, because it was put right, is not told of any more.
//!
//! [`EmbeddedStore::stat`]: crate::EmbeddedStore::stat

mod state;

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::error::Error;
use crate::event::Timestamp;
use crate::log::LogFile;
use crate::pace::{Pace, Paced};
use crate::shared::Shared;
use crate::sync::Mutex;
use crate::verify::{Damage, check_gathered, scan_file};

pub(crate) use state::{FILE as SCRUB_FILE, State};

/// What is known of a store from reading it in the background.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScrubStat {
    /// When all of it was read last, if it was.
    pub ended: Option<Timestamp>,
    /// When the round began that is under way, if one is.
    pub begun: Option<Timestamp>,
    /// How many bytes of log files that round has read.
    pub bytes: u64,
    /// What is damaged, as far as each file was read last. [`verify`](crate::verify()) says more.
    pub damages: Vec<Damage>,
}

/// Reads a store's log in the background.
pub(crate) struct Scrubber {
    shared: Arc<Shared>,
    pace: Pace,
    /// What is known: the note is for the next opening, and may be impossible on a full disk.
    state: Mutex<State>,
}

impl Scrubber {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let pace = Pace::new(Some(shared.options.scrub_bytes_per_second));
        let state = State::read(&*shared.disk, shared.identity.store_id).unwrap_or_default();
        Self { shared, pace, state: Mutex::new(state) }
    }

    /// Whether anything is to be read at all.
    pub(crate) fn is_wanted(&self) -> bool {
        let options = &self.shared.options;
        !options.scrub_every.is_zero() && options.scrub_bytes_per_second > 0
    }

    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Reads everything when it is time to, until the store is closed: the work of a background
    /// thread.
    pub(crate) fn work_in_background(&self) {
        while self.pace.wait(self.until_due()) {
            if self.until_due().is_zero() && !self.go_on() {
                return;
            }
        }
    }

    /// How long nothing has to be read yet. A store that was never read is as good as read when it
    /// was created; a time that is yet to come is not believed.
    fn until_due(&self) -> Duration {
        let state = self.state();
        let last = state.ended.unwrap_or(self.shared.identity.created_at);
        let now = self.shared.clock.now();
        if state.begun.is_some() || last > now {
            return Duration::ZERO;
        }
        self.shared.options.scrub_every.saturating_sub(last.until(now))
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the round that is under way, or a new one; false if the store was closed before.
    fn go_on(&self) -> bool {
        let mut state = self.state();
        if state.begun.is_none() {
            let begun = Some(self.shared.clock.now());
            state = State { begun, next: 0, bytes: 0, ..state };
        }
        while let Some(log) = self.file_from(state.next) {
            let Some(found) = self.look_at(&log) else { return false };
            state.found(&log.name, found);
            state.next = log.number + 1;
            state.bytes += log.end.load(Ordering::Acquire);
            self.note(&state);
        }
        state.ended = Some(self.shared.clock.now());
        state.begun = None;
        self.note(&state);
        true
    }

    /// The next log file. One that is in an archive is not fetched only to be looked at.
    fn file_from(&self, number: u64) -> Option<Arc<LogFile>> {
        let is_away = |log: &LogFile| log.form().is_ok_and(|form| form.archive.is_some());
        let logs = self.shared.logs().into_iter();
        logs.filter(|log| log.number >= number).find(|log| !is_away(log))
    }

    /// What is damaged in a file; none if the store was closed meanwhile. Begins again after a
    /// pause.
    fn look_at(&self, log: &LogFile) -> Option<Vec<Damage>> {
        loop {
            let changes = self.pace.changes();
            let file = log.open_anew().map_err(|error| log.unreadable(0, error));
            let looked = file.and_then(|file| {
                let paced = Paced { file: &*file, pace: &self.pace };
                let mut damages = scan_file(log, &paced)?;
                damages.extend(check_gathered(log, &mut |bytes| self.pace.rest(bytes))?);
                Ok(damages)
            });
            if !self.pace.was_interrupted() && self.pace.changes() == changes {
                return Some(looked.unwrap_or_else(|error| vec![unreadable(log, &error)]));
            }
            self.pace.wait_until_resumed().ok()?;
        }
    }

    /// Without the note in the file, what was read is read again after the next opening.
    fn note(&self, state: &State) {
        state.clone_into(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = state.write(&*self.shared.disk, self.shared.identity.store_id);
    }
}

fn unreadable(log: &LogFile, error: &Error) -> Damage {
    let (file, what) = (log.name.clone(), error.to_string());
    Damage { file, offset: 0, positions: None, what }
}

/// What was noted about a store.
pub(crate) fn stat(shared: &Shared) -> Option<ScrubStat> {
    let state = State::read(&*shared.disk, shared.identity.store_id)?;
    let State { ended, begun, bytes, damages, .. } = state;
    Some(ScrubStat { ended, begun, bytes, damages })
}
