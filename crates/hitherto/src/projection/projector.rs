//! Starting projections, and the handle on one that runs.

use std::future::{IntoFuture, Ready, ready};
use std::ops::Deref;
use std::sync::Arc;

use super::place::Place;
use crate::runner::{Follower, OnFailure, Retry, Settings, follow, into_error};
use crate::{Result, Store};

/// A projection that runs: follows the store, and keeps up to date what is read in its place.
///
/// It runs on threads of its own and stops when it is dropped. What can be asked of it is what can
/// be asked of any [`Follower`].
///
/// ```
/// use hitherto::projection::{InMemory, View};
/// use hitherto::{Append, Event, NewEvent, Projector, Recorded, Store};
///
/// #[derive(Event)]
/// enum DoorEvent { Opened {}, Closed {} }
///
/// /// How many doors are open.
/// #[derive(Default)]
/// struct OpenDoors(i64);
///
/// impl View for OpenDoors {
///     const NAME: &'static str = "open-doors";
///     type Event = DoorEvent;
///
///     fn apply(&mut self, event: &Recorded<DoorEvent>) {
///         self.0 += match event.data { DoorEvent::Opened {} => 1, DoorEvent::Closed {} => -1 };
///     }
/// }
///
/// # hitherto::wait(async {
/// let store = Store::in_memory();
/// let doors = Projector::view(&store, OpenDoors::default()).await?;
///
/// let saved = store.append(Append::to("door-1").event(NewEvent::json("Opened", "{}"))).await?;
/// doors.reached(saved.position).await?; // read your own write
/// assert_eq!(doors.read(|doors| doors.0), 1);
/// # Ok::<(), hitherto::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Projector<L> {
    follower: Follower,
    place: L,
}

impl<L: Clone> Projector<L> {
    /// Starts a projection in a place. Awaited, it is opened and runs; before that, it can be said
    /// how.
    pub fn start<P>(store: &Store, place: L, projection: P) -> Starting<L, P>
    where
        L: Place<P>,
    {
        Starting { store: store.clone(), place, projection, settings: Settings::default() }
    }
}

impl<L> Projector<L> {
    /// The place where it is kept.
    pub fn place(&self) -> &L {
        &self.place
    }
}

impl<L> Deref for Projector<L> {
    type Target = Follower;

    fn deref(&self) -> &Follower {
        &self.follower
    }
}

/// A projection that is about to start: `.await` it.
#[derive(Debug)]
#[must_use = "it starts when it is awaited"]
pub struct Starting<L, P> {
    store: Store,
    place: L,
    projection: P,
    settings: Settings,
}

impl<L, P> Starting<L, P> {
    /// Spreads the events over so many partitions, in order within a key.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.settings.partitions = partitions;
        self
    }

    /// Commits so many events at once at most.
    pub fn batch(mut self, events: usize) -> Self {
        self.settings.batch = events;
        self
    }

    /// Tries an event that fails so often.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.settings.retry = retry;
        self
    }

    /// Parks an event that keeps failing, or stops before it.
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.settings.on_failure = on_failure;
        self
    }

    /// Runs with these settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }
}

impl<P, L: Place<P> + Clone> Starting<L, P> {
    fn begin(mut self) -> Result<Projector<L>> {
        let projection = Arc::new(self.projection);
        let definition = self.place.define(&projection);
        definition.check()?;
        let target = self.place.open(&projection).map_err(into_error)?;
        let follower = follow(&self.store, definition, target, self.settings)?;
        Ok(Projector { follower, place: self.place })
    }
}

impl<P, L: Place<P> + Clone> IntoFuture for Starting<L, P> {
    type Output = Result<Projector<L>>;
    type IntoFuture = Ready<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        ready(self.begin())
    }
}
