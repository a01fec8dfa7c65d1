//! The repository: loads aggregates, saves what they raised, and does both again on a conflict.

use std::borrow::Borrow;
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use hitherto_store::{Append, Events, ExpectedVersion, Query, Saved, StreamName, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aggregate::Aggregate;
use crate::cache::{AggregateCache, BoundedCache};
use crate::cause::{Cause, Reaction};
use crate::decision::nothing_new;
use crate::error::UpdateError;
use crate::event::{Recorded, not_valid, to_new_event};
use crate::snapshot::{JsonSnapshots, Load, SnapshotStore, Snapshots};
use crate::{Error, ErrorKind, Result, Store};

/// How often an update is tried while others are faster.
pub(crate) const ATTEMPTS: u32 = 5;

/// Loads and saves aggregates of one type. Cloning it is cheap.
///
/// ```
/// # use hitherto::{Aggregate, Event, Root};
/// # #[derive(Event)] enum Counted { Counted }
/// # #[derive(Default)] struct Counter { root: Root<Counted>, count: u64 }
/// # impl Aggregate for Counter {
/// #     const CATEGORY: &'static str = "counter";
/// #     type Id = String; type Event = Counted; type Error = ();
/// #     fn root(&mut self) -> &mut Root<Counted> { &mut self.root }
/// #     fn apply(&mut self, _: &Counted) { self.count += 1 }
/// # }
/// use hitherto::{Repository, Store};
///
/// # hitherto::wait(async {
/// let counters = Repository::<Counter>::new(&Store::in_memory());
/// let saved = counters.update("doors", |counter| counter.raise(Counted::Counted)).await?;
/// assert_eq!(saved.version, 1);
/// assert_eq!(counters.load("doors").await?.count, 1);
/// # Ok::<(), hitherto::UpdateError<()>>(()) }).unwrap();
/// ```
pub struct Repository<A> {
    store: Store,
    cache: Option<Arc<dyn AggregateCache<A>>>,
    snapshots: Option<Arc<dyn SnapshotStore<A>>>,
    reaction: Option<Reaction>,
}

impl<A> Clone for Repository<A> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            cache: self.cache.clone(),
            snapshots: self.snapshots.clone(),
            reaction: self.reaction.clone(),
        }
    }
}

impl<A: Aggregate> Repository<A> {
    /// A repository without cache and snapshots.
    pub fn new(store: &Store) -> Self {
        Self { store: store.clone(), cache: None, snapshots: None, reaction: None }
    }

    /// Keeps up to so many loaded aggregates, and brings them up to date by the events after their
    /// version.
    #[must_use]
    pub fn cache(mut self, aggregates: usize) -> Self
    where
        A: Clone + Sync,
    {
        self.cache = Some(Arc::new(BoundedCache::new(aggregates)));
        self
    }

    /// Takes snapshots by this policy, and loads from them. Without a place for them in the store,
    /// nothing changes.
    #[must_use]
    pub fn snapshots(mut self, policy: Snapshots) -> Self
    where
        A: Serialize + DeserializeOwned,
    {
        let cache = self.store.raw().snapshots();
        self.snapshots = cache.map(|cache| Arc::new(JsonSnapshots { policy, cache }) as _);
        self
    }

    /// The same repository for what happens because of an event: it is written down in each event
    /// saved, and an update that was made before because of the same event is not made again, but
    /// answered as then.
    #[must_use]
    pub fn because(&self, cause: impl Into<Cause>) -> Self {
        Self { reaction: Some(Reaction::new(cause.into())), ..self.clone() }
    }

    /// The aggregate as it is now. An id that nothing happened to gives one of version 0.
    ///
    /// # Errors
    /// What the store could not do; `Invalid` for an event that today's type cannot read.
    pub fn load<Q>(&self, id: &Q) -> impl Future<Output = Result<A>> + Send + use<A, Q>
    where
        A::Id: Borrow<Q>,
        Q: Display + ?Sized,
    {
        let (this, stream) = (self.clone(), stream_of::<A>(id));
        async move { this.load_stream(&stream).await }
    }

    /// Appends what the aggregate raised since it was loaded, if nobody else was faster.
    ///
    /// # Errors
    /// `Conflict` if somebody was; `Invalid` if an event is not valid or deprecated; or what the
    /// store could not do. What was raised stays raised, so that saving can be repeated.
    pub async fn save(&self, aggregate: &mut A) -> Result<Saved> {
        let Some(stream) = aggregate.root().stream.clone() else {
            return Err(Error::invalid(
                "the aggregate was not loaded by a repository: load it by its id, also if it is new",
            ));
        };
        let (version, position) = (aggregate.root().saved_version, aggregate.root().position);
        if aggregate.root().uncommitted.is_empty() {
            return Ok(nothing_new(position, version));
        }
        let append = self.append_of(&stream, aggregate)?;
        let last_id = append.event_ids().last();
        let saved = self.store.append(append).await.inspect_err(|_| self.drop_cached(&stream))?;
        let root = aggregate.root();
        root.load.events += root.uncommitted.len() as u64;
        root.uncommitted.clear();
        (root.saved_version, root.position, root.last_event) =
            (saved.version, saved.position, last_id);
        self.take_snapshot_if_due(&stream, aggregate);
        self.keep_cached(&stream, aggregate);
        Ok(saved)
    }

    /// Loads, runs the command, saves; on a conflict again, up to five times. The command must not
    /// have effects outside of the aggregate: it may run several times.
    ///
    /// # Errors
    /// The command's refusal, or what the store could not do.
    pub fn update<Q, F>(
        &self,
        id: &Q,
        command: F,
    ) -> impl Future<Output = Result<Saved, UpdateError<A::Error>>> + Send + use<A, Q, F>
    where
        A::Id: Borrow<Q>,
        Q: Display + ?Sized,
        F: FnMut(&mut A) -> Result<(), A::Error> + Send,
        A::Error: Send,
    {
        let (this, stream) = (self.clone(), stream_of::<A>(id));
        async move {
            match &this.reaction {
                None => this.update_stream(&stream, command).await,
                Some(reaction) => this.react(reaction, &stream, command).await,
            }
        }
    }

    /// The aggregate as it was at a version of its stream.
    ///
    /// # Errors
    /// `NotFound` if it never was at that version, or as [`Repository::load`].
    pub fn at_version<Q>(
        &self,
        id: &Q,
        version: u64,
    ) -> impl Future<Output = Result<A>> + Send + use<A, Q>
    where
        A::Id: Borrow<Q>,
        Q: Display + ?Sized,
    {
        let (this, stream) = (self.clone(), stream_of::<A>(id));
        async move {
            let query = Query::stream(stream.clone()).up_to_version(version);
            let mut aggregate: A = this.fold(new_aggregate(&stream), query).await?;
            let reached = aggregate.root().version();
            if reached < version {
                return Err(Error::not_found(format!(
                    "{stream} was never at version {version}, it is at version {reached}"
                )));
            }
            Ok(aggregate)
        }
    }

    /// The aggregate as it was at a time: after all its events recorded then or before.
    ///
    /// # Errors
    /// As [`Repository::load`].
    pub fn at_time<Q>(
        &self,
        id: &Q,
        time: Timestamp,
    ) -> impl Future<Output = Result<A>> + Send + use<A, Q>
    where
        A::Id: Borrow<Q>,
        Q: Display + ?Sized,
    {
        let (this, stream) = (self.clone(), stream_of::<A>(id));
        async move {
            let query = Query::stream(stream.clone()).until(time);
            this.fold(new_aggregate(&stream), query).await
        }
    }

    async fn update_stream<F>(
        &self,
        stream: &StreamName,
        mut command: F,
    ) -> Result<Saved, UpdateError<A::Error>>
    where
        F: FnMut(&mut A) -> Result<(), A::Error> + Send,
    {
        let mut attempts = ATTEMPTS;
        loop {
            let mut aggregate = self.load_stream(stream).await?;
            command(&mut aggregate).map_err(UpdateError::Refused)?;
            attempts -= 1;
            match self.save(&mut aggregate).await {
                Err(error) if error.kind() == ErrorKind::Conflict && attempts > 0 => {}
                other => return Ok(other?),
            }
        }
    }

    /// What was done before because of the same event is answered before the command can see a
    /// state that its own first run has changed.
    async fn react<F>(
        &self,
        reaction: &Reaction,
        stream: &StreamName,
        command: F,
    ) -> Result<Saved, UpdateError<A::Error>>
    where
        F: FnMut(&mut A) -> Result<(), A::Error> + Send,
    {
        reaction.begin(stream)?;
        let outcome = match find_reaction(&self.store, reaction, stream).await {
            Ok(Some(saved)) => Ok(saved),
            Ok(None) => self.update_stream(stream, command).await,
            Err(error) => Err(error.into()),
        };
        outcome.inspect_err(|_| reaction.give_back(stream))
    }

    pub(crate) async fn load_stream(&self, stream: &StreamName) -> Result<A> {
        let cached = self.cache.as_ref().and_then(|cache| cache.take(stream.as_str()));
        let mut aggregate = match cached {
            Some(mut aggregate) => {
                let version = aggregate.root().saved_version;
                self.fold(aggregate, Query::stream(stream.clone()).after_version(version)).await?
            }
            None => self.load_with_snapshot(stream).await?,
        };
        self.take_snapshot_if_due(stream, &mut aggregate);
        self.keep_cached(stream, &aggregate);
        Ok(aggregate)
    }

    async fn load_with_snapshot(&self, stream: &StreamName) -> Result<A> {
        if let Some(snapshots) = &self.snapshots
            && let Some(aggregate) = self.resume(&**snapshots, stream).await?
        {
            return Ok(aggregate);
        }
        self.fold(new_aggregate(stream), Query::stream(stream.clone())).await
    }

    fn take_snapshot_if_due(&self, stream: &StreamName, aggregate: &mut A) {
        let Some(snapshots) = &self.snapshots else { return };
        let root = aggregate.root();
        let load = root.load;
        let Some(event) = root.last_event.filter(|_| snapshots.policy().is_due(&load)) else {
            return;
        };
        let at = (root.saved_version, event, load.latest);
        root.load = Load { since: load.latest, latest: load.latest, ..Load::default() };
        snapshots.keep(stream.as_str(), at, aggregate);
    }

    /// Goes on from a snapshot, if its last event stands in the stream where it says.
    async fn resume(
        &self,
        snapshots: &dyn SnapshotStore<A>,
        stream: &StreamName,
    ) -> Result<Option<A>> {
        let Some(kept) = snapshots.find(stream.as_str()).filter(|kept| kept.version > 0) else {
            return Ok(None);
        };
        let query = Query::stream(stream.clone()).after_version(kept.version - 1);
        let mut events = self.store.read(query);
        let Some(last) = events.next_event().await.transpose()? else { return Ok(None) };
        if last.id() != kept.event {
            return Ok(None);
        }
        let mut aggregate = kept.aggregate;
        let root = aggregate.root();
        root.stream = Some(stream.clone());
        (root.saved_version, root.position) = (kept.version, last.position());
        root.last_event = Some(kept.event);
        root.load = Load { since: kept.recorded_at, latest: kept.recorded_at, ..Load::default() };
        fold_events(aggregate, events).await.map(Some)
    }

    async fn fold(&self, aggregate: A, query: Query) -> Result<A> {
        fold_events(aggregate, self.store.read(query)).await
    }

    /// What was raised as an append, unless a rule does not let it through.
    fn append_of(&self, stream: &StreamName, aggregate: &mut A) -> Result<Append> {
        let root = aggregate.root().clone();
        let expected = ExpectedVersion::Exact(root.saved_version);
        let mut append = Append::to(stream.clone()).expect(expected);
        for (index, raised) in root.uncommitted.iter().enumerate() {
            let kind = crate::event::Event::kind(&*raised.event).name;
            aggregate.validate(&raised.event).map_err(|reason| not_valid(kind, &reason))?;
            let new = to_new_event(&*raised.event, raised.id)?;
            append = append.event(match &self.reaction {
                Some(reaction) => reaction.mark(stream, index, new),
                None => new,
            });
        }
        Ok(append)
    }

    fn keep_cached(&self, stream: &StreamName, aggregate: &A) {
        if let Some(cache) = &self.cache {
            cache.keep(stream.as_str(), aggregate);
        }
    }

    fn drop_cached(&self, stream: &StreamName) {
        if let Some(cache) = &self.cache {
            cache.drop_one(stream.as_str());
        }
    }
}

fn stream_of<A: Aggregate>(id: &(impl Display + ?Sized)) -> StreamName {
    StreamName::of(A::CATEGORY, id)
}

fn new_aggregate<A: Aggregate>(stream: &StreamName) -> A {
    let mut aggregate = A::default();
    aggregate.root().stream = Some(stream.clone());
    aggregate
}

/// Applies events one after another, and notes what that has shown.
async fn fold_events<A: Aggregate>(mut aggregate: A, mut events: Events) -> Result<A> {
    let started = Instant::now();
    while let Some(event) = events.next_event().await {
        let event = Recorded::<A::Event>::decode(event?)?;
        aggregate.apply(&event.data);
        let root = aggregate.root();
        if root.saved_version == 0 {
            root.load.since = event.recorded_at();
        }
        (root.saved_version, root.position) = (event.version(), event.position());
        root.last_event = Some(event.id());
        root.load.latest = event.recorded_at();
        root.load.events += 1;
    }
    aggregate.root().load.took += started.elapsed();
    Ok(aggregate)
}

/// What a reaction stored in a stream when it ran before, if it did.
pub(crate) async fn find_reaction(
    store: &Store,
    reaction: &Reaction,
    stream: &StreamName,
) -> Result<Option<Saved>> {
    let Some(first) = store.find(reaction.event_id(stream, 0)).await? else { return Ok(None) };
    let mut last = first.clone();
    for index in 1.. {
        match store.find(reaction.event_id(stream, index)).await? {
            Some(next) => last = next,
            None => break,
        }
    }
    Ok(Some(repeated(&first, &last)))
}

fn repeated(first: &hitherto_store::Recorded, last: &hitherto_store::Recorded) -> Saved {
    Saved {
        first_position: first.position(),
        position: last.position(),
        version: last.version(),
        versions: vec![last.version()],
        repeated: true,
    }
}
