//! A follower that is about to start, and how it can be said that it shall run.

use std::future::{IntoFuture, Ready, ready};

use super::settings::{Begin, OnFailure, Retry, Settings};
use crate::{Result, Store};

/// What can be started to follow a store: a projection, a process, a subscriber.
pub trait Start {
    /// The handle on what runs then.
    type Started;

    /// Starts it, with these settings.
    fn start(self, store: &Store, settings: Settings) -> Result<Self::Started>;
}

/// Something that is about to follow a store: `.await` it. Before that, it can be said how.
///
/// ```
/// use hitherto::checkpoints::Checkpoints;
/// use hitherto::runner::Retry;
/// use hitherto::{Bus, Query, Store};
///
/// # hitherto::wait(async {
/// let store = Store::in_memory();
/// let bus = Bus::new(&store, &Checkpoints::in_memory());
/// let subscription = bus.subscribe("audit", Query::all(), |_| Ok(()));
/// let subscription = subscription.partitions(4).retry(Retry::default()).await?;
/// assert_eq!(subscription.status().parked, 0);
/// # Ok::<(), hitherto::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "it starts when it is awaited"]
pub struct Starting<S> {
    store: Store,
    pub(crate) what: S,
    settings: Settings,
}

impl<S> Starting<S> {
    pub(crate) fn new(store: &Store, what: S) -> Self {
        Self { store: store.clone(), what, settings: Settings::default() }
    }

    /// Spreads the events over so many partitions, in order within a key.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.settings.partitions = partitions;
        self
    }

    /// Handles so many events in one commit at most.
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

    /// Where it begins if it never ran before: with the first event, unless something else is said.
    pub fn begin(mut self, begin: Begin) -> Self {
        self.settings.begin = begin;
        self
    }

    /// Runs with these settings.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }
}

impl<S: Start> IntoFuture for Starting<S> {
    type Output = Result<S::Started>;
    type IntoFuture = Ready<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        ready(self.what.start(&self.store, self.settings))
    }
}
