//! The reading thread: follows the query, and hands each event to the partition of its key.

use std::ops::ControlFlow;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hitherto_store::{ErrorKind, Events, Position};

use super::board::SharedBoard;
use super::handler::{Ended, Failure, Target, partition_of};
use super::inbox::{Delivery, Inbox};
use super::partition::Partition;
use super::settings::{Begin, Settings};
use super::waiting::Waiting;
use crate::projection::Definition;
use crate::{Error, Store, StoredEvent};

/// How long it waits before it looks whether something else has happened in the store.
const IDLE: Duration = Duration::from_secs(1);

/// What the threads of a follower share with whoever holds it.
pub(super) type SharedTarget = Arc<Mutex<Box<dyn Target>>>;

pub(super) fn lock(target: &SharedTarget) -> MutexGuard<'_, Box<dyn Target>> {
    target.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) struct Reader {
    pub(super) store: Store,
    pub(super) definition: Definition,
    pub(super) target: SharedTarget,
    pub(super) settings: Settings,
    pub(super) board: SharedBoard,
}

/// A part of a run with a number of partitions that does not change.
struct Stretch<'a> {
    reader: &'a Reader,
    waiting: Waiting,
    /// Where each partition was when it began: what is before that is not handed over again.
    begun: Vec<Position>,
    inboxes: Vec<SyncSender<Delivery>>,
    threads: Vec<JoinHandle<()>>,
    /// Everything up to here was handed over.
    handed: Position,
    /// How far each partition knows of it.
    told: Vec<Position>,
    /// What has to be handled before it has caught up, and how much that was when it was set.
    goal: Position,
    leg: u64,
    looked_where_it_stands: Instant,
    looks_handed: u64,
}

/// Events that were there, spread over the partitions.
struct Gathered {
    events: Vec<Vec<StoredEvent>>,
    /// The position of the last one.
    last: Position,
    /// Pending if there are no more now, ready with `true` if there never will be.
    end: Poll<bool>,
}

impl Gathered {
    /// Everything up to here is among these events and those before them.
    fn up_to(&self, head: Position, bound: Option<Position>) -> Position {
        match self.end {
            Poll::Ready(false) => self.last,
            Poll::Ready(true) => bound.unwrap_or(self.last),
            Poll::Pending => self.last.max(head),
        }
    }
}

/// Whether to go on.
type Flow = ControlFlow<()>;

impl Reader {
    /// Runs until it is stopped or cannot go on. The board says why.
    pub(super) fn run(&self) {
        if let Err(ended) = self.run_stretches() {
            self.board.end(ended);
        }
    }

    fn run_stretches(&self) -> Result<(), Ended> {
        let wanted = self.settings.partitions.max(1);
        let mut positions = self.positions()?;
        if positions.is_empty() {
            let begin = match self.settings.begin {
                Begin::AtTheFirst => Position::START,
                Begin::FromNowOn => self.head()?,
            };
            positions = self.spread(wanted, begin)?;
        } else if positions.len() != wanted as usize {
            let level = self.level(positions)?;
            positions = self.spread(wanted, level)?;
        }
        self.stretch(positions, None)
    }

    /// Runs the partitions as they were until all stand at one position: from there on, another
    /// number of them misses nothing and repeats nothing.
    fn level(&self, positions: Vec<Position>) -> Result<Position, Ended> {
        let level = positions.iter().copied().max().unwrap_or_default();
        if positions.iter().any(|&position| position != level) {
            self.stretch(positions, Some(level))?;
            if self.board.is_stopping() {
                return Err(Ended::Stopped);
            }
        }
        Ok(level)
    }

    fn stretch(&self, begun: Vec<Position>, up_to: Option<Position>) -> Result<(), Ended> {
        self.board.set_partitions(begun.len());
        let mut stretch = Stretch::begin(self, begun)?;
        self.board.set_reader(stretch.waiting.waker());
        let ended = stretch.run(up_to);
        drop(stretch.inboxes);
        for thread in stretch.threads {
            if thread.join().is_err() {
                self.board.end(Ended::Failed("a partition's thread has panicked".to_owned()));
            }
        }
        ended
    }

    fn positions(&self) -> Result<Vec<Position>, Ended> {
        self.patiently(|| lock(&self.target).positions())
    }

    fn spread(&self, partitions: u32, position: Position) -> Result<Vec<Position>, Ended> {
        self.patiently(|| lock(&self.target).spread(partitions, position))?;
        Ok(vec![position; partitions as usize])
    }

    fn head(&self) -> Result<Position, Ended> {
        self.patiently(|| crate::wait(self.store.head()).map_err(of_store))
    }

    /// Tries for ever what is only not possible now.
    fn patiently<T>(&self, mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T, Ended> {
        let mut failed = 0;
        loop {
            match attempt() {
                Ok(value) => {
                    self.board.set_reader_trouble(false);
                    return Ok(value);
                }
                Err(Failure::Ended(ended)) => return Err(ended),
                Err(Failure::Event { error, .. }) => return Err(Ended::Failed(error.to_string())),
                Err(Failure::Unavailable(error)) => {
                    failed += 1;
                    self.board.note_error(error.to_string());
                    self.board.set_reader_trouble(true);
                    if !self.board.pause(self.settings.retry.pause(failed)) {
                        return Err(Ended::Stopped);
                    }
                }
            }
        }
    }
}

impl<'a> Stretch<'a> {
    fn begin(reader: &'a Reader, begun: Vec<Position>) -> Result<Self, Ended> {
        let partitions = begun.len() as u32;
        let handed = begun.iter().copied().min().unwrap_or_default();
        let mut stretch = Self {
            reader,
            waiting: Waiting::new(),
            told: begun.clone(),
            begun,
            inboxes: Vec::new(),
            threads: Vec::new(),
            handed,
            goal: Position::START,
            leg: 0,
            looked_where_it_stands: Instant::now(),
            looks_handed: 0,
        };
        for index in 0..partitions {
            let handler = reader.patiently(|| lock(&reader.target).handler(index, partitions))?;
            let (sender, inbox) = Inbox::new(reader.settings.batch);
            let partition = Partition::new(reader, index, handler, inbox);
            let name = format!("{}-{index}", reader.definition.name);
            let thread = std::thread::Builder::new().name(name).spawn(|| partition.run());
            stretch.threads.push(thread.map_err(|error| {
                Ended::Failed(format!("a thread for a partition could not be started: {error}"))
            })?);
            stretch.inboxes.push(sender);
        }
        Ok(stretch)
    }

    fn run(&mut self, up_to: Option<Position>) -> Result<(), Ended> {
        let head = self.reader.head()?;
        self.reader.board.set_head(head, false);
        (self.goal, self.leg) = (head, head.0.saturating_sub(self.handed.0));
        let mut failed = 0;
        loop {
            let Err(error) = self.follow(up_to, &mut failed) else { return Ok(()) };
            if !matches!(error.kind(), ErrorKind::Unavailable) {
                return Err(Ended::Failed(format!("the store: {error}")));
            }
            failed += 1;
            self.reader.board.note_error(format!("the store: {error}"));
            self.reader.board.set_reader_trouble(true);
            if !self.reader.board.pause(self.reader.settings.retry.pause(failed)) {
                return Ok(());
            }
        }
    }

    /// Hands over events until it is stopped, or the store fails.
    fn follow(&mut self, up_to: Option<Position>, failed: &mut u32) -> Result<(), Error> {
        let mut query = self.reader.definition.query.clone().after(self.handed);
        query.bounds.up_to = up_to;
        let mut events = self.reader.store.follow(query);
        let mut seen_all = true;
        loop {
            // Asked first: what the walk has not found when it waits is not there up to here.
            let head = crate::wait(self.reader.store.head())?;
            *failed = 0;
            self.reader.board.set_reader_trouble(false);
            self.look_where_it_stands(!seen_all);
            let gathered = self.gather(&mut events)?;
            seen_all = gathered.end.is_pending();
            self.reader.board.set_head(head, seen_all);
            let handed = gathered.up_to(head, up_to).max(self.handed);
            let is_over = matches!(gathered.end, Poll::Ready(true));
            if self.hand_over(gathered.events, handed, !seen_all).is_break() || is_over {
                return Ok(());
            }
            if self.has_caught_up(head) {
                self.take_over();
            }
            if seen_all && self.idle().is_break() {
                return Ok(());
            }
        }
    }

    /// Somebody else may have switched to what is built beside. Asking waits for a commit of it, so
    /// under load it is asked now and then.
    fn look_where_it_stands(&mut self, is_busy: bool) {
        let is_time = !is_busy || self.looked_where_it_stands.elapsed() >= IDLE;
        if !is_time || !self.reader.board.lock().is_beside {
            return;
        }
        self.looked_where_it_stands = Instant::now();
        if !lock(&self.reader.target).is_beside() {
            self.reader.board.set_settled(false);
        }
    }

    /// Hands over what was gathered, and tells everybody how far that is.
    fn hand_over(&mut self, events: Vec<Vec<StoredEvent>>, up_to: Position, more: bool) -> Flow {
        let look = self.reader.board.lock().looks_wanted;
        for (partition, events) in events.into_iter().enumerate() {
            let is_news = up_to > self.told[partition] || look > self.looks_handed;
            if events.is_empty() && !is_news {
                continue;
            }
            // Without events it need not know at once how far the others are.
            let can_wait = events.is_empty() && more;
            self.send(partition, Delivery { events, up_to, look }, can_wait)?;
        }
        (self.handed, self.looks_handed) = (up_to, if more { self.looks_handed } else { look });
        if self.reader.board.is_stopping() { Flow::Break(()) } else { Flow::Continue(()) }
    }

    /// Sends it to a partition. One that is busy is told of what can wait another time.
    fn send(&mut self, partition: usize, delivery: Delivery, can_wait: bool) -> Flow {
        let (inbox, up_to) = (&self.inboxes[partition], delivery.up_to);
        let sent = if can_wait {
            inbox.try_send(delivery)
        } else {
            inbox.send(delivery).map_err(|error| TrySendError::Disconnected(error.0))
        };
        match sent {
            Ok(()) => self.told[partition] = up_to,
            Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => return Flow::Break(()),
        }
        Flow::Continue(())
    }

    /// Whether what is built beside is as far as it can be: up to the end of the store as it was
    /// when it began, and then up to the new end as long as there is less to do each time. Where
    /// events come faster than they are handled, what is read now is just as far behind.
    fn has_caught_up(&mut self, head: Position) -> bool {
        let is_there = {
            let facts = self.reader.board.lock();
            !facts.is_settled && facts.done() >= self.goal && facts.parked() == 0
        };
        let left = head.0.saturating_sub(self.goal.0);
        if is_there && left > self.reader.settings.batch as u64 && left < self.leg {
            (self.goal, self.leg) = (head, left);
            return false;
        }
        is_there
    }

    fn take_over(&self) {
        let board = &self.reader.board;
        match self.reader.patiently(|| lock(&self.reader.target).caught_up()) {
            Ok(()) => board.set_settled(lock(&self.reader.target).is_beside()),
            Err(ended) => board.end(ended),
        }
    }

    /// There is nothing to hand over now.
    fn idle(&self) -> Flow {
        self.waiting.wait(IDLE);
        if self.reader.board.is_stopping() { Flow::Break(()) } else { Flow::Continue(()) }
    }

    /// What is there, up to a batch.
    fn gather(&self, events: &mut Events) -> Result<Gathered, Error> {
        let mut gathered = Gathered {
            events: vec![Vec::new(); self.begun.len()],
            last: self.handed,
            end: Poll::Ready(false),
        };
        for _ in 0..self.reader.settings.batch.max(1) {
            let event = match self.waiting.poll(events) {
                Poll::Ready(Some(event)) => event?,
                Poll::Ready(None) => return Ok(Gathered { end: Poll::Ready(true), ..gathered }),
                Poll::Pending => return Ok(Gathered { end: Poll::Pending, ..gathered }),
            };
            gathered.last = event.position();
            let partition = self.partition_of(&event);
            if event.position() > self.begun[partition] {
                gathered.events[partition].push(event);
            }
        }
        Ok(gathered)
    }

    fn partition_of(&self, event: &StoredEvent) -> usize {
        match self.begun.len() {
            1 => 0,
            partitions => {
                let key = (self.reader.definition.key)(event);
                partition_of(&key, partitions as u32) as usize
            }
        }
    }
}

/// A store that cannot be asked now is asked again; anything else is the end.
fn of_store(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::Unavailable => Failure::Unavailable(error),
        _ => Failure::Ended(Ended::Failed(format!("the store: {error}"))),
    }
}
