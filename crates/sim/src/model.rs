//! What a store does, in a page of plain code: a list of events, and a look at all of them each
//! time.
//!
//! Written without a look at the engine, so that the two can be compared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use hitherto_store::{
    Append, Clock, Conflict, Direction, Error, EventId, EventSource, EventStore, Events,
    ExpectedVersion, Placement, Position, Query, QueryItem, Recorded, Result, Saved, StreamName,
    StreamWrite, SystemClock, Ticket, limits,
};

use crate::decision::Decision;
use crate::rules::Rules;

/// A store in memory, small enough to be believed.
#[derive(Clone)]
pub struct Model(Arc<Mutex<State>>);

struct State {
    clock: Arc<dyn Clock>,
    events: Vec<Recorded>,
    rules: Rules,
    waiting: Vec<Waker>,
}

impl Default for Model {
    fn default() -> Self {
        Self::new(SystemClock)
    }
}

impl Model {
    /// A model without events, which takes the time from this clock.
    pub fn new(clock: impl Clock) -> Self {
        let clock = Arc::new(clock);
        Self(Arc::new(Mutex::new(State {
            clock,
            events: Vec::new(),
            rules: Rules::default(),
            waiting: Vec::new(),
        })))
    }

    /// A model that goes on from here by itself; clones are the same model.
    #[must_use]
    pub fn copy(&self) -> Self {
        let state = self.state();
        Self(Arc::new(Mutex::new(State {
            clock: Arc::clone(&state.clock),
            events: state.events.clone(),
            rules: state.rules.clone(),
            waiting: Vec::new(),
        })))
    }

    /// Takes in a decision that a store took, or another fact of its own, as the event that it
    /// appended for it.
    pub fn decide(&self, decision: Option<&Decision>, fact: Recorded) {
        let State { events, rules, .. } = &mut *self.state();
        rules.take(decision, &fact, events);
        events.push(fact);
    }

    /// Whether a store must refuse a decision.
    pub fn refuses(&self, decision: &Decision) -> bool {
        let state = self.state();
        state.rules.refuses(decision, &state.events, state.clock.now())
    }

    /// The events that are not removed.
    pub fn kept(&self) -> Vec<Recorded> {
        let state = self.state();
        state.events.iter().filter(|event| !state.hides(event)).cloned().collect()
    }

    /// The events that are removed.
    pub(crate) fn removed(&self) -> Vec<Recorded> {
        let state = self.state();
        state.events.iter().filter(|event| state.hides(event)).cloned().collect()
    }

    /// The events behind a position, each with whether it is removed by now.
    pub(crate) fn behind(&self, position: Position) -> Vec<(Recorded, bool)> {
        let state = self.state();
        let events = state.events.iter().skip(position.0 as usize);
        events.map(|event| (event.clone(), state.hides(event))).collect()
    }

    /// The position of the last event.
    pub(crate) fn head(&self) -> Position {
        Position(self.state().events.len() as u64)
    }

    /// All events, also those that are removed.
    pub fn events(&self) -> Vec<Recorded> {
        self.state().events.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn hides(&self, event: &Recorded) -> bool {
        self.rules.hides(event, &self.events, self.clock.now())
    }

    fn append(&mut self, append: &Append) -> Result<Saved> {
        limits::check_append(append)?;
        let known: HashMap<EventId, usize> =
            self.events.iter().enumerate().map(|(index, event)| (event.id(), index)).collect();
        if append.event_ids().any(|id| known.contains_key(&id)) {
            let first = append.event_ids().next().and_then(|id| known.get(&id).copied());
            return self.repeat(append, first.unwrap_or(usize::MAX / 2));
        }
        let versions = append.writes.iter().map(|write| self.expect(write));
        let mut versions = versions.collect::<Result<Vec<u64>>>()?;
        self.check_condition(append)?;
        let first_position = Position(self.events.len() as u64 + 1);
        let now = self.clock.now();
        let recorded_at = self.events.last().map_or(now, |last| last.recorded_at().max(now));
        for (write, version) in append.writes.iter().zip(&mut versions) {
            for event in &write.events {
                *version += u64::from(write.stream.is_some());
                let position = Position(self.events.len() as u64 + 1);
                let placement = Placement { position, version: *version, recorded_at };
                self.events.push(Recorded::new(placement, write.stream.as_ref(), event));
            }
        }
        self.waiting.drain(..).for_each(Waker::wake);
        Ok(saved(first_position, self.events.len(), versions, false))
    }

    /// Everything must stand there as it is, one after another.
    fn repeat(&self, append: &Append, first: usize) -> Result<Saved> {
        let mut next = first;
        let mut versions = Vec::new();
        for write in &append.writes {
            for event in &write.events {
                let stored = self.events.get(next);
                if !stored.is_some_and(|stored| stored.is_same_event(write.stream.as_ref(), event))
                {
                    return Err(Error::invalid("an id is used for another event"));
                }
                next += 1;
            }
            versions.push(self.version_of(write, next));
        }
        Ok(saved(Position(first as u64 + 1), next, versions, true))
    }

    fn version_of(&self, write: &StreamWrite, end: usize) -> u64 {
        let Some(stream) = &write.stream else { return 0 };
        let is_in_it = |event: &&Recorded| event.stream() == Some(stream.as_str());
        self.events[..end].iter().filter(is_in_it).count() as u64
    }

    fn expect(&self, write: &StreamWrite) -> Result<u64> {
        if write.stream.as_ref().is_some_and(|it| self.rules.is_tombstoned(it.as_str())) {
            return Err(Error::invalid("the stream is tombstoned"));
        }
        let actual = self.version_of(write, self.events.len());
        let holds = match write.expected {
            ExpectedVersion::Any => true,
            ExpectedVersion::NoStream => actual == 0,
            ExpectedVersion::StreamExists => actual != 0,
            ExpectedVersion::Exact(version) => actual == version,
        };
        if holds || write.stream.is_none() {
            return Ok(actual);
        }
        let stream = write.stream.as_ref().map(ToString::to_string).unwrap_or_default();
        Err(Error::conflict("another version", Conflict::WrongVersion { stream, actual }))
    }

    fn check_condition(&self, append: &Append) -> Result<()> {
        let Some(condition) = &append.condition else { return Ok(()) };
        let after = self.events.iter().skip(condition.after.0.try_into().unwrap_or(usize::MAX));
        let matching = |event: &&Recorded| matches(&condition.query, event) && !self.hides(event);
        match after.filter(matching).last() {
            None => Ok(()),
            Some(event) => {
                let position = event.position();
                Err(Error::conflict("the condition fails", Conflict::ConditionFailed { position }))
            }
        }
    }
}

fn saved(first_position: Position, end: usize, versions: Vec<u64>, repeated: bool) -> Saved {
    let version = versions.last().copied().unwrap_or(0);
    Saved { first_position, position: Position(end as u64), version, versions, repeated }
}

/// Whether a query asks for an event, its bounds aside.
pub(crate) fn matches(query: &Query, event: &Recorded) -> bool {
    query.items.is_empty() || query.items.iter().any(|item| matches_item(item, event))
}

fn matches_item(item: &QueryItem, event: &Recorded) -> bool {
    let name = event.stream().unwrap_or("");
    let category = name.split('-').next().unwrap_or("");
    let tags: Vec<&str> = event.tags().collect();
    (item.stream.is_none() || item.stream.as_ref().map(StreamName::as_str) == event.stream())
        && (item.category.is_none()
            || (!name.is_empty() && item.category.as_deref() == Some(category)))
        && (item.kinds.is_empty() || item.kinds.contains(&event.kind().to_owned()))
        && item.tags.iter().all(|tag| tags.contains(&tag.as_str()))
}

fn within_bounds(query: &Query, event: &Recorded) -> bool {
    let bounds = &query.bounds;
    bounds.after.is_none_or(|bound| event.position().0 > bound.0)
        && bounds.up_to.is_none_or(|bound| event.position().0 <= bound.0)
        && bounds.after_version.is_none_or(|bound| event.version() > bound)
        && bounds.up_to_version.is_none_or(|bound| event.version() <= bound)
        && bounds.since.is_none_or(|bound| event.recorded_at() >= bound)
        && bounds.until.is_none_or(|bound| event.recorded_at() <= bound)
}

impl EventStore for Model {
    fn submit(&self, append: Append) -> Ticket {
        Ticket::ready(self.state().append(&append))
    }

    fn read(&self, query: Query) -> Events {
        if let Err(error) = limits::check_query(&query) {
            return Events::failed(error);
        }
        let mut found = self.kept();
        found.retain(|event| matches(&query, event) && within_bounds(&query, event));
        if query.direction == Direction::Backward {
            found.reverse();
        }
        found.truncate(query.limit.unwrap_or(u64::MAX).try_into().unwrap_or(usize::MAX));
        Events::new(List(found.into_iter()))
    }

    fn follow(&self, query: Query) -> Events {
        if let Err(error) = limits::check_query(&query) {
            return Events::failed(error);
        }
        let left = query.limit.unwrap_or(u64::MAX);
        let is_over = query.bounds.up_to_version == Some(0);
        Events::new(Follower { model: self.clone(), query, next: 0, left, is_over })
    }

    fn find(&self, id: EventId) -> Ticket<Option<Recorded>> {
        Ticket::ready(Ok(self.kept().into_iter().find(|event| event.id() == id)))
    }

    fn head(&self) -> Ticket<Position> {
        Ticket::ready(Ok(Position(self.state().events.len() as u64)))
    }
}

struct List(std::vec::IntoIter<Recorded>);

impl EventSource for List {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Recorded>>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

struct Follower {
    model: Model,
    query: Query,
    next: usize,
    left: u64,
    is_over: bool,
}

/// Whether nothing behind this event can match: versions and times only grow.
fn ends(query: &Query, event: &Recorded) -> bool {
    let last_version = query.bounds.up_to_version;
    last_version.is_some_and(|last| matches(query, event) && event.version() >= last)
        || query.bounds.until.is_some_and(|until| event.recorded_at() > until)
}

impl EventSource for Follower {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Recorded>>> {
        let mut state = self.model.state();
        let bound = self.query.bounds.up_to.map_or(u64::MAX, |bound| bound.0);
        while self.left > 0 && (self.next as u64) < bound && !self.is_over {
            let Some(event) = state.events.get(self.next).cloned() else {
                state.waiting.push(context.waker().clone());
                return Poll::Pending;
            };
            self.next += 1;
            self.is_over = ends(&self.query, &event);
            let is_kept = !state.hides(&event);
            if is_kept && matches(&self.query, &event) && within_bounds(&self.query, &event) {
                self.left -= 1;
                return Poll::Ready(Some(Ok(event)));
            }
        }
        Poll::Ready(None)
    }
}
