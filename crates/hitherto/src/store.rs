//! The store as everything above sees it: one async handle over whichever store it is.

use std::path::Path;
use std::sync::Arc;

use hitherto_store::{
    Append, EmbeddedStore, EventId, EventStore, Events, Position, Query, Recorded, Saved,
};

use crate::event::{Event, TypedEvents, names_of, narrowed};
use crate::runner::Monitor;
use crate::{Kind, Result};

/// A handle on a store. Cloning it is cheap; all clones are the same store.
///
/// ```
/// use hitherto::{Append, NewEvent, Query, Store};
///
/// # hitherto::wait(async {
/// let store = Store::in_memory();
/// store.append(Append::to("account-1").event(NewEvent::json("AccountOpened", "{}"))).await?;
/// let mut events = store.read(Query::stream("account-1"));
/// assert_eq!(events.next_event().await.expect("there is one")?.kind(), "AccountOpened");
/// # Ok::<(), hitherto::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Store {
    store: Arc<dyn EventStore>,
    monitor: Monitor,
}

impl Store {
    /// Opens the store in a directory, and creates it if nothing is there.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::on(EmbeddedStore::open(path)?))
    }

    /// Opens the store in a directory for reading only, also while another process writes.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open_read_only`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::on(EmbeddedStore::open_read_only(path)?))
    }

    /// A store that lives as long as its handles: for tests, and for what need not last.
    pub fn in_memory() -> Self {
        Self::on(EmbeddedStore::in_memory())
    }

    /// A handle on any store.
    pub fn on(store: impl EventStore) -> Self {
        Self::new(Arc::new(store))
    }

    /// A handle on a store that others hold too.
    pub fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store, monitor: Monitor::default() }
    }

    /// Appends all of it, or nothing; ready when it is durable.
    ///
    /// # Errors
    /// As [`EventStore::submit`].
    pub async fn append(&self, append: Append) -> Result<Saved> {
        self.store.submit(append).await
    }

    /// The events that match, up to now.
    pub fn read(&self, query: Query) -> Events {
        self.store.read(query)
    }

    /// The events that match, and each further one as soon as it is durable.
    pub fn follow(&self, query: Query) -> Events {
        self.store.follow(query)
    }

    /// The events that match as a type. Where the query names no kinds, it is narrowed to the
    /// type's.
    pub fn read_as<E: Event>(&self, query: Query) -> TypedEvents<E> {
        TypedEvents::new(self.store.read(narrowed::<E>(query)))
    }

    /// As [`Store::read_as`], and each further one as soon as it is durable.
    pub fn follow_as<E: Event>(&self, query: Query) -> TypedEvents<E> {
        TypedEvents::new(self.store.follow(narrowed::<E>(query)))
    }

    /// The event with this id, if there is one.
    ///
    /// # Errors
    /// What the store could not do.
    pub async fn find(&self, id: EventId) -> Result<Option<Recorded>> {
        self.store.find(id).await
    }

    /// The position of the last event.
    ///
    /// # Errors
    /// What the store could not do.
    pub async fn head(&self) -> Result<Position> {
        self.store.head().await
    }

    /// How many events of each deprecated kind of a type are stored, under all its names.
    ///
    /// # Errors
    /// What the store could not do.
    pub async fn count_deprecated<E: Event>(&self) -> Result<Vec<(&'static str, u64)>> {
        let mut counts = Vec::new();
        let deprecated = |kind: &&'static Kind| kind.deprecated.is_some();
        for kind in E::kinds().into_iter().filter(deprecated) {
            let mut events = self.read(Query::of_kinds(names_of(kind)));
            let mut count = 0;
            while let Some(event) = events.next_event().await {
                event?;
                count += 1;
            }
            counts.push((kind.name, count));
        }
        Ok(counts)
    }

    /// Where the followers stand that were started with this handle or a clone of it.
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    pub(crate) fn raw(&self) -> &Arc<dyn EventStore> {
        &self.store
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
