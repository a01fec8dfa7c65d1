//! A partition's thread: hands batches to the handler, retries, and parks what keeps failing.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hitherto_store::{Clock, Position, SystemClock};

use super::board::SharedBoard;
use super::handler::{Ended, Failure, Handler, Parked, Progress, Tally, Work};
use super::inbox::{Arrival, Delivery, Inbox};
use super::reader::Reader;
use super::settings::{OnFailure, Settings};
use super::spans;
use crate::projection::KeyOf;
use crate::{Error, Store, StoredEvent};

/// How often it looks for orders that somebody else has left, and how long it waits for events
/// before it keeps how far it has come without any.
const IDLE: Duration = Duration::from_secs(1);
/// So many positions without an event of its own are kept at once.
const POSITIONS_UNKEPT_MAX: u64 = 10_000;

pub(super) struct Partition {
    pub(super) index: u32,
    pub(super) handler: Box<dyn Handler>,
    pub(super) store: Store,
    pub(super) settings: Settings,
    pub(super) board: SharedBoard,
    key: KeyOf,
    inbox: Inbox,
    /// Everything up to here is kept as handled or parked.
    pub(super) kept: Position,
    /// There is nothing up to here that is not.
    done: Position,
    tally: Tally,
    /// The positions that are parked, by their keys.
    pub(super) parked: HashMap<String, BTreeSet<Position>>,
    /// When it has looked for orders last; never yet, when it has just started.
    looked_at: Option<Instant>,
}

/// Why a commit did not happen, and will not by waiting.
pub(super) enum Refused {
    Event { index: Option<usize>, kept: usize, error: Error },
    Ended(Ended),
}

impl Partition {
    pub(super) fn new(
        reader: &Reader,
        index: u32,
        handler: Box<dyn Handler>,
        inbox: Inbox,
    ) -> Self {
        Self {
            index,
            handler,
            store: reader.store.clone(),
            settings: reader.settings.clone(),
            board: Arc::clone(&reader.board),
            key: Arc::clone(&reader.definition.key),
            inbox,
            kept: Position::START,
            done: Position::START,
            tally: Tally::default(),
            parked: HashMap::new(),
            looked_at: None,
        }
    }

    /// Runs until there is nothing more to do, or it cannot go on.
    pub(super) fn run(mut self) {
        if let Err(ended) = self.run_to_the_end() {
            self.board.end(ended);
        }
    }

    fn run_to_the_end(&mut self) -> Result<(), Ended> {
        self.resume()?;
        loop {
            let arrival = self.inbox.next(IDLE);
            if self.board.is_stopping() {
                return self.keep_position();
            }
            let look = match arrival {
                Arrival::Delivery(delivery) => self.take(delivery)?,
                Arrival::Nothing => self.keep_position().map(|()| 0)?,
                Arrival::TheEnd => return self.keep_position(),
            };
            self.look_for_orders(look)?;
        }
    }

    /// Handles a delivery. Returns the look that was asked for with it.
    fn take(&mut self, delivery: Delivery) -> Result<u64, Ended> {
        let Delivery { mut events, up_to, look } = delivery;
        // After a commit whose outcome was unknown it may have been kept after all.
        events.retain(|event| event.position() > self.kept);
        if let Some(first) = events.first() {
            let recorded_at = first.recorded_at();
            self.board.update(self.index, |facts| facts.working_on = Some(recorded_at));
            self.handle(&events, up_to)?;
        }
        self.done = self.done.max(up_to);
        if self.done.0 - self.kept.0 >= POSITIONS_UNKEPT_MAX {
            self.keep_position()?;
        }
        self.tell(None);
        Ok(look)
    }

    /// Handles or parks these events, in order.
    fn handle(&mut self, mut events: &[StoredEvent], up_to: Position) -> Result<(), Ended> {
        let mut take = events.len();
        let mut suspect: Option<(Position, Error)> = None;
        while !events.is_empty() {
            if let Some((_, error)) = suspect.take_if(|(at, _)| *at == events[0].position()) {
                self.retry_or_park(&events[0], error)?;
                (events, take) = (&events[1..], events.len() - 1);
                continue;
            }
            let part = &events[..take];
            let last = if take == events.len() { up_to } else { part[take - 1].position() };
            match self.commit_part(part, last) {
                Ok(()) => (events, take) = (&events[take..], events.len() - take),
                Err(PartRefused::Ended(ended)) => return Err(ended),
                Err(PartRefused::At { index, error }) => {
                    suspect = Some((part[index].position(), error));
                    events = &events[self.kept_of(events)..];
                    let before = part[index].position();
                    take = events.iter().take_while(|event| event.position() < before).count();
                    take = if take == 0 { events.len() } else { take };
                }
                Err(PartRefused::Somewhere(error)) if take == 1 => {
                    suspect = Some((part[0].position(), error));
                }
                Err(PartRefused::Somewhere(_)) => take /= 2,
            }
        }
        Ok(())
    }

    /// How many of these events are kept already.
    fn kept_of(&self, events: &[StoredEvent]) -> usize {
        events.iter().take_while(|event| event.position() <= self.kept).count()
    }

    /// Commits events that are not behind a parked one, and parks those that are.
    fn commit_part(&mut self, events: &[StoredEvent], up_to: Position) -> Result<(), PartRefused> {
        let mut to_handle = Vec::with_capacity(events.len());
        let mut behind = Vec::new();
        for event in events {
            match self.blocked_by(event) {
                None => to_handle.push(event.clone()),
                Some((key, first)) => {
                    let why = format!("waits behind event {first} of the same key");
                    behind.push(parked(event, key, why, 0));
                }
            }
        }
        let work = Work { events: &to_handle, park: &behind, up_to, ..Work::default() };
        match self.commit(work) {
            Ok(()) => {
                self.remember(behind);
                Ok(())
            }
            Err(Refused::Ended(ended)) => Err(PartRefused::Ended(ended)),
            Err(Refused::Event { index, kept, error }) => {
                if kept > 0 {
                    let last = to_handle[kept - 1].position();
                    (self.kept, self.tally.handled) = (last, self.tally.handled + kept as u64);
                    self.done = self.done.max(last);
                    behind.retain(|parked| parked.position < last);
                    self.remember(behind);
                }
                let place = |index: usize| {
                    let position = to_handle.get(index)?.position();
                    events.iter().position(|event| event.position() == position)
                };
                Err(match index.and_then(place) {
                    Some(index) => PartRefused::At { index, error },
                    None => PartRefused::Somewhere(error),
                })
            }
        }
    }

    /// The key of an event, and the first that is parked with it, if one is.
    fn blocked_by(&self, event: &StoredEvent) -> Option<(String, Position)> {
        if self.parked.is_empty() {
            return None;
        }
        let key = (self.key)(event);
        let first = self.parked.get(key.as_ref())?.first()?;
        Some((key.into_owned(), *first))
    }

    fn remember(&mut self, behind: Vec<Parked>) {
        for parked in behind {
            self.parked.entry(parked.key).or_default().insert(parked.position);
        }
    }

    /// Tries an event that has failed once again, and then does what the settings say.
    fn retry_or_park(&mut self, event: &StoredEvent, mut error: Error) -> Result<(), Ended> {
        let up_to = event.position();
        let mut attempts = 1;
        while attempts < self.settings.retry.attempts {
            self.tell(Some(format!("event {up_to}: {error}")));
            if !self.board.pause(self.settings.retry.pause(attempts)) {
                return Err(Ended::Stopped);
            }
            let events = std::slice::from_ref(event);
            match self.commit(Work { events, up_to, ..Work::default() }) {
                Ok(()) => {
                    self.tell(None);
                    return Ok(());
                }
                Err(Refused::Ended(ended)) => return Err(ended),
                Err(Refused::Event { error: again, .. }) => error = again,
            }
            attempts += 1;
        }
        self.tell(Some(format!("event {up_to}: {error}")));
        if self.settings.on_failure == OnFailure::Stop {
            let stream = event.stream().unwrap_or("no stream");
            let kind = event.kind();
            return Err(Ended::Failed(format!("event {up_to} ({kind}, {stream}): {error}")));
        }
        let key = (self.key)(event).into_owned();
        self.park(parked(event, key, error.to_string(), attempts), up_to)
    }

    /// Parks an event, or writes down anew why it is parked.
    pub(super) fn park(&mut self, parked: Parked, up_to: Position) -> Result<(), Ended> {
        let park = std::slice::from_ref(&parked);
        match self.commit(Work { park, up_to, ..Work::default() }) {
            Ok(()) => {
                self.remember(vec![parked]);
                self.tell(None);
                Ok(())
            }
            Err(refused) => Err(refused.into_end()),
        }
    }

    /// Keeps how far it has come, if that is further than the last commit has said.
    fn keep_position(&mut self) -> Result<(), Ended> {
        if self.done > self.kept {
            let work = Work { up_to: self.done, ..Work::default() };
            self.commit(work).map_err(Refused::into_end)?;
        }
        Ok(())
    }

    fn look_for_orders(&mut self, wanted: u64) -> Result<(), Ended> {
        let is_due = wanted > 0 || self.looked_at.is_none_or(|at| at.elapsed() >= IDLE);
        if is_due && !self.parked.is_empty() {
            self.looked_at = Some(Instant::now());
            self.carry_out_orders()?;
        }
        if wanted > 0 {
            self.board.update(self.index, |facts| facts.looked = facts.looked.max(wanted));
        }
        Ok(())
    }

    /// One commit of the handler. What is not the events' fault is tried for ever.
    pub(super) fn commit(&mut self, mut work: Work<'_>) -> Result<(), Refused> {
        let mut failed = 0;
        loop {
            work.tally = self.tally;
            work.tally.handled += work.events.len() as u64;
            let handler = &mut self.handler;
            let span = spans::of_commit(&self.board, self.index, &work);
            let commit = || span.in_scope(|| handler.commit(&work));
            let committed = catch_unwind(AssertUnwindSafe(commit));
            match committed.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))) {
                Ok(()) => {
                    (self.kept, self.tally) = (work.up_to, work.tally);
                    self.done = self.done.max(self.kept);
                    return Ok(());
                }
                Err(Failure::Ended(ended)) => return Err(Refused::Ended(ended)),
                Err(Failure::Event { index, kept, error }) => {
                    self.tally.errors += 1;
                    return Err(Refused::Event { index, kept, error });
                }
                Err(Failure::Unavailable(error)) => {
                    failed += 1;
                    self.tally.errors += 1;
                    self.tell(Some(error.to_string()));
                    if !self.board.pause(self.settings.retry.pause(failed)) {
                        return Err(Refused::Ended(Ended::Stopped));
                    }
                    let errors = self.tally.errors;
                    let progress = self.resume().map_err(Refused::Ended)?;
                    self.tally.errors = self.tally.errors.max(errors);
                    if has_happened(&work, &progress) {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Learns what the last commit has kept.
    fn resume(&mut self) -> Result<Progress, Ended> {
        let mut failed = 0;
        loop {
            match self.handler.resume() {
                Ok(progress) => {
                    (self.kept, self.tally) = (progress.position, progress.tally);
                    self.done = self.done.max(self.kept);
                    self.parked.clear();
                    self.remember(progress.parked.clone());
                    self.tell(None);
                    return Ok(progress);
                }
                Err(Failure::Ended(ended)) => return Err(ended),
                Err(Failure::Event { error, .. }) => return Err(Ended::Failed(error.to_string())),
                Err(Failure::Unavailable(error)) => {
                    failed += 1;
                    self.tell(Some(error.to_string()));
                    if !self.board.pause(self.settings.retry.pause(failed)) {
                        return Err(Ended::Stopped);
                    }
                }
            }
        }
    }

    /// Puts on the board how it stands, and what is wrong.
    pub(super) fn tell(&mut self, trouble: Option<String>) {
        let (done, tally) = (self.done, self.tally);
        let parked = self.parked.values().map(|positions| positions.len() as u64).sum();
        let is_in_trouble = trouble.is_some();
        if let Some(text) = trouble {
            let (name, version) = self.board.name_and_version();
            tracing::warn!(
                follower = name,
                version,
                partition = self.index,
                error = text,
                "failed"
            );
            self.board.note_error(text);
        }
        self.board.update(self.index, |facts| {
            (facts.done, facts.tally, facts.parked) = (done, tally, parked);
            facts.is_in_trouble = is_in_trouble;
            if !is_in_trouble {
                facts.working_on = None;
            }
        });
    }
}

/// Why a part of a batch was refused, and at which of its events.
enum PartRefused {
    At { index: usize, error: Error },
    Somewhere(Error),
    Ended(Ended),
}

impl Refused {
    pub(super) fn into_end(self) -> Ended {
        match self {
            Self::Ended(ended) => ended,
            Self::Event { error, .. } => Ended::Failed(error.to_string()),
        }
    }
}

/// Whether a commit whose outcome was unknown has happened.
fn has_happened(work: &Work<'_>, progress: &Progress) -> bool {
    let is_parked = |position: Position| progress.parked.iter().any(|p| p.position == position);
    let as_wanted = |wanted: &Parked| {
        let same = |p: &&Parked| (p.position, p.attempts) == (wanted.position, wanted.attempts);
        progress.parked.iter().any(|parked| same(&parked))
    };
    progress.position >= work.up_to
        && !work.release.iter().any(|&position| is_parked(position))
        && work.park.iter().all(as_wanted)
}

pub(super) fn parked(event: &StoredEvent, key: String, error: String, attempts: u32) -> Parked {
    Parked {
        position: event.position(),
        event: event.id(),
        kind: event.kind().to_owned(),
        key,
        error,
        attempts,
        since: SystemClock.now(),
        order: None,
    }
}

/// A panic counts as an event's failure: which one, is found out.
fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let text = panic_text(panic);
    Failure::of_some_event(Error::invalid(format!("the handler panicked: {text}")))
}

/// What was said in a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "without a message".to_owned())
}
