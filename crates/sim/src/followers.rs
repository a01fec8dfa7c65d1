//! Followers that live as long as a run: each is given every event that it wants once, in order,
//! as soon as that is acknowledged, over all crashes.
//!
//! A follower that the process took with it goes on where it was, as a subscriber does that noted
//! its position.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use hitherto_store::{EmbeddedStore, Error, EventStore, Events, Position, Query, Recorded};

use crate::bank::Bank;
use crate::model::{Model, matches};
use crate::random::Random;

/// The followers of a run.
pub(crate) struct Followers {
    all: Vec<Follower>,
    random: Random,
    given: u64,
}

/// Why a look ended.
pub(crate) enum Stopped {
    /// The store could not be read, which may be the disk's fault.
    ByError(Error),
    /// A promise was broken.
    Broken(String),
}

impl From<String> for Stopped {
    fn from(what: String) -> Self {
        Self::Broken(what)
    }
}

impl Followers {
    /// Those of this seed: they draw numbers of their own, so that what else happens in a run does
    /// not depend on them.
    pub(crate) fn new(seed: u64) -> Self {
        let seed = seed ^ 0x666f_6c6c_6f77;
        let mut bank = Bank::new(seed);
        let queries = [Query::all(), Query::all(), bank.question(), bank.question()];
        let followers = queries.into_iter().enumerate();
        let followers = followers.map(|(number, query)| Follower::new(query, number == 1));
        Self { all: followers.collect(), random: Random::new(seed), given: 0 }
    }

    /// How many events they were given.
    pub(crate) fn given(&self) -> u64 {
        self.given
    }

    /// What they were given before the crash is there still, when the model holds what the store
    /// holds.
    pub(crate) fn settle(&mut self, model: &Model) -> Result<(), String> {
        self.all.iter_mut().try_for_each(|follower| follower.settle(model))
    }

    /// Takes what there is. All that the model holds was acknowledged, and is given by now.
    pub(crate) fn look(&mut self, store: &EmbeddedStore, model: &Model) -> Result<(), Stopped> {
        for follower in &mut self.all {
            let is_patient = follower.is_slow && !self.random.once_in(20);
            let most = if is_patient { self.random.below(6) } else { u64::MAX };
            if most == 0 {
                continue; // it sleeps on
            }
            follower.begin(store);
            self.given += follower.look(model, most)?;
        }
        Ok(())
    }

    /// Whether one was given an event that the model does not know of.
    pub(crate) fn are_ahead(&self) -> bool {
        self.all.iter().any(|follower| !follower.early.is_empty())
    }

    /// The process is gone, and they with it.
    pub(crate) fn stop(&mut self) {
        self.all.iter_mut().for_each(|follower| follower.events = None);
    }
}

struct Follower {
    query: Query,
    /// Whether it leaves events for later, so that it is behind.
    is_slow: bool,
    /// The last event that it was given.
    reached: Position,
    events: Option<Events>,
    wakes: Arc<Wakes>,
    is_asleep: bool,
    /// What it may leave out: it was removed when it looked.
    removed: HashSet<Position>,
    /// What it was given of an append whose outcome nobody knows yet: it must stay.
    early: Vec<Recorded>,
}

impl Follower {
    fn new(query: Query, is_slow: bool) -> Self {
        Self {
            query,
            is_slow,
            reached: Position::START,
            events: None,
            wakes: Arc::default(),
            is_asleep: false,
            removed: HashSet::new(),
            early: Vec::new(),
        }
    }

    /// Goes on where it was, if it does not follow now.
    fn begin(&mut self, store: &EmbeddedStore) {
        if self.events.is_none() {
            self.events = Some(store.follow(self.query.clone().after(self.reached)));
            self.is_asleep = false;
        }
    }

    /// What was given once is there after a crash.
    fn settle(&mut self, model: &Model) -> Result<(), String> {
        let all = model.events();
        for event in self.early.drain(..) {
            if all.get(event.position().0 as usize - 1) != Some(&event) {
                return Err(format!("a follower was given an event that is gone: {event:?}"));
            }
        }
        Ok(())
    }

    /// How many events it was given.
    fn look(&mut self, model: &Model, most: u64) -> Result<u64, Stopped> {
        let mut wanted = model.behind(self.reached);
        let gone = wanted.iter().filter(|(_, is_removed)| *is_removed);
        self.removed.extend(gone.map(|(event, _)| event.position()));
        wanted.retain(|(event, _)| matches(&self.query, event));
        self.see_that_it_was_woken(&wanted)?;
        let mut wanted = wanted.into_iter();
        for given in 0..most {
            let Some(event) = self.next()? else {
                self.see_that_nothing_is_left(wanted)?;
                return Ok(given);
            };
            self.take(event, &mut wanted, model.head())?;
        }
        Ok(most)
    }

    fn see_that_it_was_woken(&mut self, wanted: &[(Recorded, bool)]) -> Result<(), String> {
        let comes = wanted.iter().find(|(_, is_removed)| !is_removed);
        let is_woken = self.wakes.0.swap(false, Ordering::Relaxed);
        match comes {
            Some((event, _)) if self.is_asleep && !is_woken => {
                Err(format!("a follower was not woken for {event:?}"))
            }
            _ => Ok(()),
        }
    }

    /// The next event, if it is there.
    fn next(&mut self) -> Result<Option<Recorded>, Stopped> {
        let waker = Waker::from(Arc::clone(&self.wakes));
        let Some(events) = &mut self.events else { return Ok(None) };
        let next = events.poll_next(&mut Context::from_waker(&waker));
        self.is_asleep = next.is_pending();
        match next {
            Poll::Pending => Ok(None),
            Poll::Ready(Some(Ok(event))) => Ok(Some(event)),
            Poll::Ready(Some(Err(error))) => Err(Stopped::ByError(error)),
            Poll::Ready(None) => Err(Stopped::Broken("a follower came to an end".to_owned())),
        }
    }

    fn take(
        &mut self,
        event: Recorded,
        wanted: &mut impl Iterator<Item = (Recorded, bool)>,
        head: Position,
    ) -> Result<(), String> {
        let position = event.position();
        if position <= self.reached {
            return Err(format!("a follower at {} was given {event:?}", self.reached));
        }
        self.reached = position;
        if position > head {
            self.early.push(event);
            return Ok(());
        }
        match wanted
            .find(|(wanted, _)| !self.removed.remove(&wanted.position()) || wanted == &event)
        {
            // Who is behind may have it from a time when it was not removed.
            Some((wanted, is_removed)) if wanted == event && (self.is_slow || !is_removed) => {
                Ok(())
            }
            other => Err(format!("a follower was given {event:?} and not {other:?}")),
        }
    }

    fn see_that_nothing_is_left(
        &self,
        mut wanted: impl Iterator<Item = (Recorded, bool)>,
    ) -> Result<(), String> {
        let left = wanted.find(|(event, _)| !self.removed.contains(&event.position()));
        match left {
            Some((event, _)) => Err(format!("a follower was not given {event:?}")),
            None => Ok(()),
        }
    }
}

/// Whether somebody was woken.
#[derive(Default)]
struct Wakes(AtomicBool);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
