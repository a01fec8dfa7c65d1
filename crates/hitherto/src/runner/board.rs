//! The board: what the threads of one follower tell each other, and whoever waits for them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use hitherto_store::{Clock, Position, SystemClock, Timestamp};

use super::handler::{Ended, Tally};
use super::status::{State, Status};
use crate::{Error, Result};

/// Over how long rates are measured, and how often a sample is taken.
const RATE_WINDOW: Duration = Duration::from_secs(5);
const RATE_SAMPLE: Duration = Duration::from_millis(200);

pub(crate) struct Board {
    name: String,
    version: u32,
    facts: Mutex<Facts>,
    /// Signalled when somebody wants it to stop.
    stop: Condvar,
}

#[expect(clippy::struct_excessive_bools, reason = "they are facts, and independent")]
pub(crate) struct Facts {
    pub(crate) ended: Option<Ended>,
    pub(crate) stopping: bool,
    pub(crate) partitions: Vec<PartitionFacts>,
    pub(crate) head: Position,
    pub(crate) is_beside: bool,
    /// Whether what is built beside has had its chance to take over.
    pub(crate) is_settled: bool,
    /// How often somebody has asked to look for orders.
    pub(crate) looks_wanted: u64,
    reader_trouble: bool,
    last_error: Option<String>,
    /// When the follower was known to have seen everything.
    seen_all_at: Timestamp,
    samples: VecDeque<(Instant, u64, Position)>,
    waiting: Vec<Waker>,
    /// Wakes the reading thread.
    reader: Option<Waker>,
}

#[derive(Default, Clone)]
pub(crate) struct PartitionFacts {
    pub(crate) done: Position,
    pub(crate) tally: Tally,
    pub(crate) parked: u64,
    /// When the event was recorded that it is working on.
    pub(crate) working_on: Option<Timestamp>,
    pub(crate) is_in_trouble: bool,
    pub(crate) looked: u64,
}

impl Board {
    pub(crate) fn new(name: &str, version: u32, is_beside: bool) -> Self {
        let facts = Facts {
            ended: None,
            stopping: false,
            partitions: Vec::new(),
            head: Position::START,
            is_beside,
            is_settled: !is_beside,
            looks_wanted: 0,
            reader_trouble: false,
            last_error: None,
            seen_all_at: SystemClock.now(),
            samples: VecDeque::new(),
            waiting: Vec::new(),
            reader: None,
        };
        Self { name: name.to_owned(), version, facts: Mutex::new(facts), stop: Condvar::new() }
    }

    pub(crate) fn is_same_follower(&self, other: &Self) -> bool {
        (&self.name, self.version) == (&other.name, other.version)
    }

    pub(crate) fn name_and_version(&self) -> (&str, u32) {
        (&self.name, self.version)
    }

    /// What it is called, with its version.
    pub(crate) fn title(&self) -> String {
        format!("{} version {}", self.name, self.version)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to count anew, with so many partitions, each of which will say where it stands.
    pub(crate) fn set_partitions(&self, partitions: usize) {
        self.lock().partitions = vec![PartitionFacts::default(); partitions];
    }

    /// Changes what is known of a partition, and wakes whoever waits for it.
    pub(crate) fn update(&self, partition: u32, change: impl FnOnce(&mut PartitionFacts)) {
        let mut facts = self.lock();
        change(&mut facts.partitions[partition as usize]);
        facts.take_sample();
        let reader = if facts.is_settled { None } else { facts.reader.clone() };
        let woken = std::mem::take(&mut facts.waiting);
        drop(facts);
        woken.into_iter().chain(reader).for_each(Waker::wake);
    }

    /// Notes that something failed.
    pub(crate) fn note_error(&self, text: String) {
        self.lock().last_error = Some(text);
    }

    pub(crate) fn set_reader_trouble(&self, is_in_trouble: bool) {
        self.lock().reader_trouble = is_in_trouble;
    }

    pub(crate) fn set_reader(&self, waker: Waker) {
        self.lock().reader = Some(waker);
    }

    /// Everything up to this position has been seen, and handed over.
    pub(crate) fn set_head(&self, head: Position, seen_all: bool) {
        let mut facts = self.lock();
        facts.head = facts.head.max(head);
        if seen_all {
            facts.seen_all_at = SystemClock.now();
        }
    }

    /// What is built beside has had its chance; perhaps it is what is read now.
    pub(crate) fn set_settled(&self, is_beside: bool) {
        let mut facts = self.lock();
        (facts.is_settled, facts.is_beside) = (true, is_beside);
        let woken = std::mem::take(&mut facts.waiting);
        drop(facts);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Asks everybody to stop.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        self.stop.notify_all();
        self.wake_reader();
    }

    pub(crate) fn wake_reader(&self) {
        let reader = self.lock().reader.clone();
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Says why it is over. The first reason counts.
    pub(crate) fn end(&self, why: Ended) {
        let mut facts = self.lock();
        facts.ended.get_or_insert(why);
        facts.stopping = true;
        let woken = std::mem::take(&mut facts.waiting);
        let reader = facts.reader.clone();
        drop(facts);
        self.stop.notify_all();
        woken.into_iter().chain(reader).for_each(Waker::wake);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Waits a while. Says whether to go on.
    pub(crate) fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut facts = self.lock();
        while !facts.stopping {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return true };
            let waited = self.stop.wait_timeout(facts, left.max(Duration::from_micros(1)));
            facts = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Asks every partition to look for orders. Returns what [`Facts::looked`] has to reach.
    pub(crate) fn want_look(&self) -> u64 {
        let mut facts = self.lock();
        facts.looks_wanted += 1;
        let wanted = facts.looks_wanted;
        drop(facts);
        self.wake_reader();
        wanted
    }

    pub(crate) fn status(&self) -> Status {
        let facts = self.lock();
        let tally =
            |count: fn(&Tally) -> u64| facts.partitions.iter().map(|p| count(&p.tally)).sum();
        let (rate, positions_a_second) = facts.rates();
        let position = facts.done();
        let left = facts.head.0.saturating_sub(position.0) as f64;
        let time_left = match left {
            0.0 => Some(Duration::ZERO),
            left if positions_a_second > 0.0 => {
                Duration::try_from_secs_f64(left / positions_a_second).ok()
            }
            _ => None,
        };
        Status {
            name: self.name.clone(),
            version: self.version,
            state: facts.state(),
            position,
            head: facts.head.max(position),
            lag: facts.lag(),
            rate,
            time_left,
            handled: tally(|tally| tally.handled),
            errors: tally(|tally| tally.errors),
            last_error: facts.last_error.clone(),
            parked: facts.partitions.iter().map(|p| p.parked).sum(),
            partitions: facts.partitions.len() as u32,
        }
    }
}

impl Facts {
    /// The position of the partition that has come least far.
    pub(crate) fn done(&self) -> Position {
        self.partitions.iter().map(|partition| partition.done).min().unwrap_or_default()
    }

    /// Whether what is read is what it has built, or will not be for now.
    pub(crate) fn is_settled_or_held(&self) -> bool {
        self.is_settled || self.parked() > 0
    }

    pub(crate) fn parked(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.parked).sum()
    }

    /// How often all partitions have looked for orders.
    pub(crate) fn looked(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.looked).min().unwrap_or(0)
    }

    /// Calls the waker at the next change.
    pub(crate) fn wait(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|other| other.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }

    /// The error for whoever waits for a follower that is over.
    pub(crate) fn over(&self, title: &str) -> Result<()> {
        match &self.ended {
            None => Ok(()),
            Some(ended) => Err(Error::closed(format!(
                "{title} has ended at position {}: {ended}",
                self.done()
            ))),
        }
    }

    fn state(&self) -> State {
        if let Some(ended) = &self.ended {
            return State::Ended(ended.clone());
        }
        let is_in_trouble = self.partitions.iter().any(|partition| partition.is_in_trouble);
        let is_behind = self.done() < self.head || self.partitions.is_empty();
        match (is_in_trouble || self.reader_trouble, self.is_beside, is_behind) {
            (true, _, _) => State::Retrying,
            (_, true, true) => State::Building,
            (_, true, false) => State::Ready,
            (_, false, true) => State::CatchingUp,
            (_, false, false) => State::Live,
        }
    }

    fn lag(&self) -> Duration {
        if self.done() >= self.head {
            return Duration::ZERO;
        }
        let working_on = self.partitions.iter().filter_map(|partition| partition.working_on).min();
        working_on.unwrap_or(self.seen_all_at).until(SystemClock.now())
    }

    fn handled(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.tally.handled).sum()
    }

    fn take_sample(&mut self) {
        let now = Instant::now();
        if self.samples.back().is_some_and(|(at, ..)| now.duration_since(*at) < RATE_SAMPLE) {
            return;
        }
        let sample = (now, self.handled(), self.done());
        self.samples.push_back(sample);
        // One sample older than the window stays: what is measured begins there.
        while self.samples.get(1).is_some_and(|(at, ..)| now.duration_since(*at) > RATE_WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Events and positions a second.
    fn rates(&self) -> (f64, f64) {
        let Some((since, handled, done)) = self.samples.front() else { return (0.0, 0.0) };
        let seconds = since.elapsed().as_secs_f64().max(0.001);
        let events = self.handled().saturating_sub(*handled) as f64;
        let positions = self.done().0.saturating_sub(done.0) as f64;
        (events / seconds, positions / seconds)
    }
}

/// What every part of a follower holds.
pub(crate) type SharedBoard = Arc<Board>;
