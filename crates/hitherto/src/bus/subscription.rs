//! Subscribing: under a name, to a query, in an order; and the handle on it.

use std::borrow::Cow;
use std::ops::Deref;

use hitherto_store::Query;

use super::Bus;
use crate::checkpoints::Checkpoints;
use crate::projection::{Definition, KeyOf};
use crate::runner::{Follower, Settings, Start, Starting, Target, follow};
use crate::{Result, Store, StoredEvent};

/// Opens what is kept of a subscriber.
type Open = Box<dyn FnOnce(&Checkpoints, &str, KeyOf) -> Result<Box<dyn Target>> + Send>;

/// A subscription that runs, on threads of its own, until it is dropped: then what comes waits in
/// the store. What can be asked of it is what can be asked of any [`Follower`].
#[derive(Debug)]
pub struct Subscription(Follower);

impl Deref for Subscription {
    type Target = Follower;

    fn deref(&self) -> &Follower {
        &self.0
    }
}

/// What is subscribed to, and by whom.
pub struct Subscribing {
    checkpoints: Checkpoints,
    definition: Definition,
    open: Open,
}

impl Subscribing {
    pub(super) fn new(
        bus: &Bus,
        name: String,
        query: Query,
        open: impl FnOnce(&Checkpoints, &str, KeyOf) -> Result<Box<dyn Target>> + Send + 'static,
    ) -> Starting<Self> {
        let checkpoints = bus.checkpoints.clone();
        let definition = Definition::new(name, 1, query);
        Starting::new(&bus.store, Self { checkpoints, definition, open: Box::new(open) })
    }
}

impl Starting<Subscribing> {
    /// What has to stay in order, and is the key of messages that go outside. The stream, if
    /// nothing is said.
    pub fn keyed(
        mut self,
        key: impl for<'a> Fn(&'a StoredEvent) -> Cow<'a, str> + Send + Sync + 'static,
    ) -> Self {
        self.what.definition = self.what.definition.keyed(key);
        self
    }
}

impl Start for Subscribing {
    type Started = Subscription;

    fn start(self, store: &Store, settings: Settings) -> Result<Subscription> {
        let Self { checkpoints, definition, open } = self;
        definition.check()?;
        let target = open(&checkpoints, &definition.name, KeyOf::clone(&definition.key))?;
        Ok(Subscription(follow(store, definition, target, settings)?))
    }
}
