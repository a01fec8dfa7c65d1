//! Starting projections, and the handle on one that runs.

use std::ops::Deref;
use std::sync::Arc;

use super::place::Place;
use crate::runner::{Follower, Settings, Start, Starting, follow, into_error};
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
    pub fn start<P>(store: &Store, place: L, projection: P) -> Starting<Projecting<L, P>>
    where
        L: Place<P>,
    {
        Starting::new(store, Projecting { place, projection })
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

/// A projection, and the place where it is kept.
#[derive(Debug)]
pub struct Projecting<L, P> {
    place: L,
    projection: P,
}

impl<P, L: Place<P> + Clone> Start for Projecting<L, P> {
    type Started = Projector<L>;

    fn start(mut self, store: &Store, settings: Settings) -> Result<Projector<L>> {
        let projection = Arc::new(self.projection);
        let definition = self.place.define(&projection);
        definition.check()?;
        let target = self.place.open(&projection).map_err(into_error)?;
        let follower = follow(store, definition, target, settings)?;
        Ok(Projector { follower, place: self.place })
    }
}
