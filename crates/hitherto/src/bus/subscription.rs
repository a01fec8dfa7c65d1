//! Subscribing: under a name, to a query, in an order; and the handle on it.

use std::borrow::Cow;
use std::future::{IntoFuture, Ready, ready};
use std::ops::Deref;

use hitherto_store::Query;

use super::Bus;
use crate::checkpoints::Checkpoints;
use crate::projection::{Definition, KeyOf};
use crate::runner::{Begin, Follower, OnFailure, Retry, Settings, Target, follow};
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

/// A subscription that is about to begin: `.await` it.
#[must_use = "it begins when it is awaited"]
pub struct Subscribing {
    store: Store,
    checkpoints: Checkpoints,
    definition: Definition,
    open: Open,
    settings: Settings,
}

impl Subscribing {
    pub(super) fn new(
        bus: &Bus,
        name: String,
        query: Query,
        open: impl FnOnce(&Checkpoints, &str, KeyOf) -> Result<Box<dyn Target>> + Send + 'static,
    ) -> Self {
        Self {
            store: bus.store.clone(),
            checkpoints: bus.checkpoints.clone(),
            definition: Definition::new(name, 1, query),
            open: Box::new(open),
            settings: Settings::default(),
        }
    }

    /// What has to stay in order, and is the key of messages that go outside. The stream, if
    /// nothing is said.
    pub fn keyed(
        mut self,
        key: impl for<'a> Fn(&'a StoredEvent) -> Cow<'a, str> + Send + Sync + 'static,
    ) -> Self {
        self.definition = self.definition.keyed(key);
        self
    }

    /// Spreads the events over so many partitions, in order within a key.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.settings.partitions = partitions;
        self
    }

    /// Hands over so many events at once at most.
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

    /// Where a subscriber begins that is new: with the first event, unless something else is said.
    pub fn begin(mut self, begin: Begin) -> Self {
        self.settings.begin = begin;
        self
    }

    fn begin_now(self) -> Result<Subscription> {
        let Self { store, checkpoints, definition, open, settings } = self;
        definition.check()?;
        let target = open(&checkpoints, &definition.name, KeyOf::clone(&definition.key))?;
        Ok(Subscription(follow(&store, definition, target, settings)?))
    }
}

impl IntoFuture for Subscribing {
    type Output = Result<Subscription>;
    type IntoFuture = Ready<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        ready(self.begin_now())
    }
}
