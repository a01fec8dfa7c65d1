//! Reactions: effects outside of any transaction, at least once, in order within a key.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hitherto_store::{ErrorKind, Position};

use super::kept::KeptByAll;
use crate::runner::{Failure, Handler, Order, Parked, Progress, Target, Work, panic_text};
use crate::{Error, Result, StoredEvent};

/// What is done because of an event, with an effect outside: a mail, a call, a command.
///
/// It is called for each event at least once, in order within a key: again if the process ends
/// between the effect and the moment when that is kept. An [`EventId`](crate::EventId) serves as
/// the key by which the other side knows a repetition.
pub trait Reaction: Send + Sync + 'static {
    /// Reacts to an event.
    ///
    /// # Errors
    /// `Unavailable` is tried for ever and holds up what follows; anything else is tried a few
    /// times, then the event is parked.
    fn react(&self, event: &StoredEvent) -> Result<()>;
}

impl<F: Fn(&StoredEvent) -> Result<()> + Send + Sync + 'static> Reaction for F {
    fn react(&self, event: &StoredEvent) -> Result<()> {
        self(event)
    }
}

/// What is had outside because of events, in order.
pub(crate) trait Effects: Send {
    /// Has the effects of all of these events, in order.
    ///
    /// # Errors
    /// Of how many events from the front it has had them, and why not of the next one.
    fn have(&mut self, events: &[StoredEvent]) -> Result<(), (usize, Error)>;
}

/// Makes what has the effects in one partition.
pub(crate) type MakeEffects = Box<dyn Fn() -> Box<dyn Effects> + Send>;

/// A [`Reaction`] to one event after another.
struct OneByOne(Arc<dyn Reaction>);

struct Reactions {
    kept: KeptByAll,
    make: MakeEffects,
}

struct ReactionHandler {
    kept: KeptByAll,
    effects: Box<dyn Effects>,
    partition: u32,
    partitions: u32,
    /// Events that were reacted to, though that could not be kept yet.
    reacted: BTreeSet<Position>,
}

pub(super) fn one_by_one(reaction: Arc<dyn Reaction>) -> MakeEffects {
    Box::new(move || Box::new(OneByOne(Arc::clone(&reaction))))
}

pub(super) fn target(kept: KeptByAll, make: MakeEffects) -> Box<dyn Target> {
    Box::new(Reactions { kept, make })
}

impl Effects for OneByOne {
    fn have(&mut self, events: &[StoredEvent]) -> Result<(), (usize, Error)> {
        for (index, event) in events.iter().enumerate() {
            // A panic is caught here, where it is known which event it was.
            let reacted = catch_unwind(AssertUnwindSafe(|| self.0.react(event)));
            let reacted = reacted.unwrap_or_else(|panic| {
                let panic = panic_text(panic.as_ref());
                Err(Error::invalid(format!("the reaction panicked: {panic}")))
            });
            reacted.map_err(|error| (index, error))?;
        }
        Ok(())
    }
}

impl Target for Reactions {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        self.kept.positions()
    }

    fn spread(&mut self, partitions: u32, position: Position) -> Result<(), Failure> {
        self.kept.spread(partitions, position)
    }

    fn handler(&mut self, partition: u32, partitions: u32) -> Result<Box<dyn Handler>, Failure> {
        let (kept, effects) = (self.kept.clone(), (self.make)());
        let reacted = BTreeSet::new();
        Ok(Box::new(ReactionHandler { kept, effects, partition, partitions, reacted }))
    }

    fn parked(&mut self) -> Result<Vec<Parked>, Failure> {
        self.kept.parked()
    }

    fn order(&mut self, position: Position, order: Order) -> Result<bool, Failure> {
        self.kept.order(position, order)
    }
}

impl Handler for ReactionHandler {
    fn resume(&mut self) -> Result<Progress, Failure> {
        self.kept.progress(self.partition, self.partitions)
    }

    fn commit(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        drop(self.kept.lock()?); // nothing is done by whom another has taken over from
        let is_done = |event: &&StoredEvent| self.reacted.contains(&event.position());
        let before = work.events.iter().take_while(is_done).count();
        if let Err((had, error)) = self.effects.have(&work.events[before..]) {
            let index = (before + had).min(work.events.len().saturating_sub(1));
            self.remember(&work.events[..index]);
            return Err(self.stumble(work, index, error));
        }
        self.remember(work.events);
        self.keep(work)?;
        self.reacted.clear();
        Ok(())
    }

    fn orders(&mut self) -> Result<Vec<Parked>, Failure> {
        self.kept.orders(self.partition, self.partitions)
    }
}

impl ReactionHandler {
    fn remember(&mut self, events: &[StoredEvent]) {
        self.reacted.extend(events.iter().map(StoredEvent::position));
    }

    fn keep(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let mut once = self.kept.lock()?;
        let before = once.kept.partitions.get(self.partition as usize).map(|(at, _)| *at);
        let up_to = work.up_to.max(before.unwrap_or_default());
        once.keep(self.partition, &Work { up_to, ..*work })
    }

    /// Keeps what was done before the event that failed, and says what that is to the runner.
    fn stumble(&mut self, work: &Work<'_>, index: usize, error: Error) -> Failure {
        let mut front = front(work, index);
        let is_unavailable = error.kind() == ErrorKind::Unavailable;
        if is_unavailable {
            // The same work comes again, and is counted then; what was done of it is remembered.
            front.tally.handled -= index as u64;
        }
        if let Err(failure) = self.keep(&front) {
            return failure;
        }
        if is_unavailable {
            return Failure::Unavailable(error);
        }
        self.reacted.clear();
        Failure::Event { index: Some(index), kept: index, error }
    }
}

/// The part of a piece of work that is done when so many of its events are.
fn front<'a>(work: &Work<'a>, events: usize) -> Work<'a> {
    let done = &work.events[..events];
    let last = done.last().map_or(Position::START, StoredEvent::position);
    let is_retry = !work.release.is_empty();
    let park = work.park.partition_point(|parked| parked.position < last);
    let mut tally = work.tally;
    tally.handled -= (work.events.len() - events) as u64;
    Work {
        events: done,
        park: if is_retry { &[] } else { &work.park[..park] },
        release: &work.release[..if is_retry { events } else { 0 }],
        up_to: if is_retry { Position::START } else { last },
        tally,
    }
}
