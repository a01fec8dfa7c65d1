//! The repository: loads aggregates, saves what they raised, and does both again on a conflict.

use std::borrow::Borrow;
use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;

use hitherto_store::{
    Append, EventId, ExpectedVersion, Position, Query, Saved, StreamName, Timestamp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aggregate::Aggregate;
use crate::answer::{Answer, Attempt, Past, answers_otherwise};
use crate::cache::{AggregateCache, BoundedCache};
use crate::cause::Cause;
use crate::decision::nothing_new;
use crate::error::UpdateError;
use crate::event::{Event, as_stored, check_new, not_valid};
use crate::fold::{behind_removed, fold_events, still_stands};
use crate::past::Moment;
use crate::snapshot::{JsonSnapshots, Kept, Load, SnapshotStore, Snapshots};
use crate::{Error, ErrorKind, Result, Store};

/// How often an update is tried while others are faster.
pub(crate) const ATTEMPTS: u32 = 32;

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
    pub(crate) store: Store,
    cache: Option<Arc<dyn AggregateCache<A>>>,
    snapshots: Option<Arc<dyn SnapshotStore<A>>>,
    pub(crate) cause: Option<Cause>,
}

impl<A> Clone for Repository<A> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            cache: self.cache.clone(),
            snapshots: self.snapshots.clone(),
            cause: self.cause.clone(),
        }
    }
}

impl<A: Aggregate> Repository<A> {
    /// A repository without cache and snapshots.
    ///
    /// Does not compile if [`Aggregate::CATEGORY`] cannot be told from the id in a stream's name:
    ///
    /// ```compile_fail,E0080
    /// # use hitherto::{Aggregate, Event, Repository, Root, Store};
    /// # #[derive(Event)] enum Counted { Counted }
    /// # #[derive(Default)] struct Counter { root: Root<Counted> }
    /// impl Aggregate for Counter {
    ///     const CATEGORY: &'static str = "people-counter"; // the `-` is what ends a category
    /// #   type Id = String; type Event = Counted; type Error = ();
    /// #   fn root(&mut self) -> &mut Root<Counted> { &mut self.root }
    /// #   fn apply(&mut self, _: &Counted) {}
    ///     // …
    /// }
    /// let counters = Repository::<Counter>::new(&Store::in_memory());
    /// ```
    pub fn new(store: &Store) -> Self {
        const {
            assert!(
                is_category(A::CATEGORY),
                "an aggregate's CATEGORY is at least one character, and has no `-`: that is where the id \
                 begins in the name of a stream"
            );
        }
        Self { store: store.clone(), cache: None, snapshots: None, cause: None }
    }

    /// Keeps up to so many loaded aggregates, and brings them up to date by the events after their
    /// version.
    ///
    /// Off unless it is asked for: it takes memory, and a `Clone` that really copies the state.
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
    /// answered as then. That holds for a refusal too, whatever has happened since: what follows
    /// from an answer follows from it again. So a command looks at its aggregate and at the event,
    /// and at nothing else.
    ///
    /// In one reaction each stream is updated once; a second update of it is an `Invalid` error. A
    /// [`Cause`] that is passed by reference is one reaction, wherever it is passed to.
    ///
    /// ```
    /// # use hitherto::{Aggregate, Event, Root, ensure};
    /// # #[derive(Event, Debug, PartialEq)]
    /// # enum AccountEvent { MoneyDeposited { amount: u64 }, MoneyWithdrawn { amount: u64 } }
    /// # use AccountEvent::*;
    /// # #[derive(Debug, PartialEq)] struct InsufficientFunds;
    /// # #[derive(Default)] struct BankAccount { root: Root<AccountEvent>, balance: u64 }
    /// # impl Aggregate for BankAccount {
    /// #     const CATEGORY: &'static str = "account";
    /// #     type Id = String; type Event = AccountEvent; type Error = InsufficientFunds;
    /// #     fn root(&mut self) -> &mut Root<AccountEvent> { &mut self.root }
    /// #     fn apply(&mut self, event: &AccountEvent) { match event {
    /// #         MoneyDeposited { amount } => self.balance += amount,
    /// #         MoneyWithdrawn { amount } => self.balance -= amount,
    /// #     } }
    /// # }
    /// # impl BankAccount {
    /// #     fn deposit(&mut self, amount: u64) -> Result<(), InsufficientFunds> {
    /// #         self.raise(MoneyDeposited { amount })
    /// #     }
    /// #     fn withdraw(&mut self, amount: u64) -> Result<(), InsufficientFunds> {
    /// #         ensure(self.balance >= amount, InsufficientFunds)?;
    /// #         self.raise(MoneyWithdrawn { amount })
    /// #     }
    /// # }
    /// use hitherto::{Query, Repository, Store};
    ///
    /// # hitherto::wait(async {
    /// # let store = Store::in_memory();
    /// # let accounts = Repository::<BankAccount>::new(&store);
    /// # accounts.update("ACC-001", |account| account.deposit(500)).await.unwrap();
    /// let rent = store.read(Query::stream("account-ACC-001")).next().expect("there is one")?;
    /// for delivery in [1, 2] {
    ///     let accounts = accounts.because(&rent);
    ///     let saved = accounts.update("ACC-001", |account| account.withdraw(500)).await;
    ///     assert_eq!(saved.expect("not refused").repeated, delivery == 2);
    /// }
    /// assert_eq!(accounts.load("ACC-001").await?.balance, 0);
    /// # Ok::<(), hitherto::Error>(()) }).unwrap();
    /// ```
    #[must_use]
    pub fn because(&self, cause: impl Into<Cause>) -> Self {
        Self { cause: Some(cause.into()), ..self.clone() }
    }

    /// The aggregate as it is now. An id that nothing happened to gives one of version 0.
    ///
    /// # Errors
    /// What the store could not do; `Invalid` for an event that today's type cannot read, or an
    /// empty id.
    pub fn load<Q>(&self, id: &Q) -> impl Future<Output = Result<A>> + Send + use<A, Q>
    where
        A::Id: Borrow<Q>,
        Q: Display + ?Sized,
    {
        let (this, stream) = (self.clone(), stream_of::<A>(id));
        async move { this.load_stream(&stream?).await }
    }

    /// Appends what the aggregate raised since it was loaded, if nobody else was faster.
    ///
    /// In a [reaction](Repository::because) that was made before, nothing is appended, and the
    /// aggregate is loaded again: prefer [`update`](Repository::update) there, which does not even
    /// run the command.
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
        let Some(cause) = &self.cause else { return self.save_raised(&stream, aggregate).await };
        if aggregate.root().uncommitted.is_empty() {
            return self.save_raised(&stream, aggregate).await;
        }
        let turn = cause.begin(&stream)?;
        let attempt = async { self.save_raised(&stream, aggregate).await.map(Attempt::Stored) };
        let saved = match cause.once::<A::Event, Infallible>(&self.store, &stream, attempt).await? {
            Answer::Given(Ok(saved)) => saved,
            Answer::NothingSince(version) => {
                return Err(answers_otherwise(&format!("version {version} of {stream}")));
            }
        };
        if !aggregate.root().uncommitted.is_empty() {
            *aggregate = self.load_stream(&stream).await?;
        }
        turn.over();
        Ok(saved)
    }

    /// Loads, runs the command, saves; on a conflict again, up to 32 times in all. The command
    /// must not have effects outside of the aggregate: it may run several times.
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
            let stream = stream?;
            let answer = match &this.cause {
                Some(cause) => this.answer_once(cause, &stream, command).await?,
                None => this.attempt(&stream, command).await?.into_answer(),
            };
            answer.map_err(UpdateError::Refused)
        }
    }

    /// What this reaction answered before, or else what the command does now.
    async fn answer_once<F>(
        &self,
        cause: &Cause,
        stream: &StreamName,
        mut command: F,
    ) -> Result<Result<Saved, A::Error>>
    where
        F: FnMut(&mut A) -> Result<(), A::Error> + Send,
        A::Error: Send,
    {
        let turn = cause.begin(stream)?;
        let attempt = self.attempt(stream, &mut command);
        let answer = match cause.once::<A::Event, _>(&self.store, stream, attempt).await? {
            Answer::Given(answer) => answer,
            Answer::NothingSince(version) => self.answer_at(stream, version, command).await?,
        };
        turn.over();
        Ok(answer)
    }

    async fn attempt<F>(&self, stream: &StreamName, mut command: F) -> Result<Attempt<A::Error>>
    where
        F: FnMut(&mut A) -> Result<(), A::Error> + Send,
    {
        let mut attempts = ATTEMPTS;
        loop {
            let mut aggregate = self.load_stream(stream).await?;
            let version = aggregate.root().saved_version;
            let past = || Past::Stream { stream: stream.to_string(), version };
            if let Err(refusal) = command(&mut aggregate) {
                return Ok(Attempt::Refused(refusal, past()));
            }
            let is_nothing = aggregate.root().uncommitted.is_empty();
            attempts -= 1;
            match self.save_raised(stream, &mut aggregate).await {
                Err(error) if error.kind() == ErrorKind::Conflict && attempts > 0 => {}
                Ok(saved) if is_nothing => return Ok(Attempt::Nothing(saved, past())),
                other => return Ok(Attempt::Stored(other?)),
            }
        }
    }

    /// What a command answered that stored nothing, from what it saw then.
    async fn answer_at<F>(
        &self,
        stream: &StreamName,
        version: u64,
        mut command: F,
    ) -> Result<Result<Saved, A::Error>>
    where
        F: FnMut(&mut A) -> Result<(), A::Error> + Send,
    {
        let mut aggregate = self.stream_at(stream, Moment::Version(version)).await?;
        if let Err(refusal) = command(&mut aggregate) {
            return Ok(Err(refusal));
        }
        let root = aggregate.root();
        if root.uncommitted.is_empty() {
            return Ok(Ok(nothing_new(root.position, version)));
        }
        Err(answers_otherwise(&format!("version {version} of {stream}")))
    }

    async fn save_raised(&self, stream: &StreamName, aggregate: &mut A) -> Result<Saved> {
        let (before, position) = (aggregate.root().saved_version, aggregate.root().position);
        let raised = aggregate.root().uncommitted.len() as u64;
        if raised == 0 {
            return Ok(nothing_new(position, before));
        }
        let append = self.append_of(stream, aggregate)?;
        let last_id = append.event_ids().last();
        let saved = self.store.append(append).await.inspect_err(|_| self.drop_cached(stream))?;
        if saved.version != before + raised {
            // The same reaction stored it elsewhere before: this aggregate has it twice, and is of
            // no use.
            self.drop_cached(stream);
            return Ok(saved);
        }
        let recorded_at = self.recorded_at(last_id).await;
        let root = aggregate.root();
        root.load.note_saved(raised, recorded_at);
        root.uncommitted.clear();
        (root.saved_version, root.position, root.last_event) =
            (saved.version, saved.position, last_id);
        self.take_snapshot_if_due(stream, aggregate);
        self.keep_cached(stream, aggregate);
        Ok(saved)
    }

    /// When a saved event was recorded, if the snapshot policy asks for it and the store can say it
    /// now.
    async fn recorded_at(&self, event: Option<EventId>) -> Option<Timestamp> {
        self.snapshots.as_ref().filter(|snapshots| snapshots.policy().asks_for_age())?;
        Some(self.store.find(event?).await.ok()??.recorded_at())
    }

    pub(crate) async fn load_stream(&self, stream: &StreamName) -> Result<A> {
        let Some(mut aggregate) = self.cached(stream) else {
            let mut aggregate = self.load_with_snapshot(stream).await?;
            self.take_snapshot_if_due(stream, &mut aggregate);
            self.keep_cached(stream, &mut aggregate);
            return Ok(aggregate);
        };
        let version = aggregate.root().saved_version;
        let news = Query::stream(stream.clone()).after_version(version);
        let mut aggregate = self.fold(aggregate, news).await?;
        if aggregate.root().saved_version > version {
            self.take_snapshot_if_due(stream, &mut aggregate);
            self.keep_cached(stream, &mut aggregate);
        }
        Ok(aggregate)
    }

    /// A copy of what was kept, unless something was forgotten since, which it may still have.
    pub(crate) fn cached(&self, stream: &StreamName) -> Option<A> {
        let mut aggregate = self.cache.as_ref()?.copy_of(stream.as_str())?;
        if aggregate.root().forgettings == self.store.raw().forgettings() {
            return Some(aggregate);
        }
        self.drop_cached(stream);
        None
    }

    async fn load_with_snapshot(&self, stream: &StreamName) -> Result<A> {
        if let Some(kept) = self.snapshot_of(stream)
            && let Some(aggregate) = self.resume(kept, stream, None).await?
        {
            return Ok(aggregate);
        }
        let whole = Query::stream(stream.clone());
        let aggregate = self.fold(self.new_aggregate(stream), whole).await?;
        behind_removed(&self.store, stream, aggregate).await
    }

    fn take_snapshot_if_due(&self, stream: &StreamName, aggregate: &mut A) {
        let Some(snapshots) = &self.snapshots else { return };
        let root = aggregate.root();
        let load = root.load;
        let Some(event) = root.last_event.filter(|_| snapshots.policy().is_due(&load)) else {
            return;
        };
        root.load = Load::after_snapshot(load.latest);
        let (version, forgettings) = (root.saved_version, root.forgettings);
        if forgettings != self.store.raw().forgettings() {
            return; // it may have what was forgotten since
        }
        snapshots.keep(stream.as_str(), version, event, aggregate);
        if forgettings != self.store.raw().forgettings() {
            snapshots.clear();
        }
    }

    /// Goes on from a kept state up to a moment, if its last event stands in the stream where it
    /// says, and not behind that moment.
    pub(crate) async fn resume(
        &self,
        (kept, forgettings): (Kept<A>, u64),
        stream: &StreamName,
        moment: Option<Moment>,
    ) -> Result<Option<A>> {
        let query = Query::stream(stream.clone()).after_version(kept.version - 1);
        let query = moment.map_or(query.clone(), |moment| moment.bound(query));
        let mut events = self.store.read(query);
        let last = events.next_event().await.transpose()?;
        let last = match last {
            Some(last) if last.id() == kept.event => Some(last),
            // Its last event may be removed: then those behind it are read again, from the first.
            _ if moment.is_none_or(|moment| moment.is_behind(kept.version))
                && still_stands(&self.store, stream, kept.version, kept.event).await? =>
            {
                let query = Query::stream(stream.clone()).after_version(kept.version);
                let query = moment.map_or(query.clone(), |moment| moment.bound(query));
                events = self.store.read(query);
                None
            }
            _ => return Ok(None),
        };
        let recorded_at = last.as_ref().map(hitherto_store::Recorded::recorded_at);
        let mut aggregate = kept.aggregate;
        let root = aggregate.root();
        (root.stream, root.forgettings) = (Some(stream.clone()), forgettings);
        root.saved_version = kept.version;
        root.position = last.map_or(Position::START, |last| last.position());
        root.last_event = Some(kept.event);
        root.load = Load::after_snapshot(recorded_at);
        fold_events(&self.store, aggregate, events).await.map(Some)
    }

    pub(crate) async fn fold(&self, aggregate: A, query: Query) -> Result<A> {
        fold_events(&self.store, aggregate, self.store.read(query)).await
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// A snapshot, and how often something had been forgotten before it was looked for.
    pub(crate) fn snapshot_of(&self, stream: &StreamName) -> Option<(Kept<A>, u64)> {
        let forgettings = self.store.raw().forgettings();
        Some((self.snapshots.as_ref()?.find(stream.as_str())?, forgettings))
    }

    pub(crate) fn new_aggregate(&self, stream: &StreamName) -> A {
        let mut aggregate = A::default();
        let root = aggregate.root();
        (root.stream, root.forgettings) = (Some(stream.clone()), self.store.raw().forgettings());
        aggregate
    }

    /// What was raised as an append, unless a rule does not let it through.
    fn append_of(&self, stream: &StreamName, aggregate: &mut A) -> Result<Append> {
        let root = aggregate.root().clone();
        let expected = ExpectedVersion::Exact(root.saved_version);
        let mut append = Append::to(stream.clone()).expect(expected);
        for (index, raised) in root.uncommitted.iter().enumerate() {
            check_raised(aggregate, &raised.event)?;
            let new = as_stored(&*raised.event, raised.id)?;
            append = append.event(match &self.cause {
                Some(cause) => cause.mark(stream, index, new),
                None => new,
            });
        }
        Ok(append)
    }

    /// Keeps a copy, but not of what never happened: ids that are only asked for push nothing out.
    fn keep_cached(&self, stream: &StreamName, aggregate: &mut A) {
        if let Some(cache) = self.cache.as_ref().filter(|_| aggregate.root().saved_version > 0) {
            cache.keep(stream.as_str(), aggregate);
        }
    }

    fn drop_cached(&self, stream: &StreamName) {
        if let Some(cache) = &self.cache {
            cache.drop_one(stream.as_str());
        }
    }
}

/// Whether a stream's name can be taken apart again into this category and an id.
const fn is_category(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        if bytes[index] == b'-' {
            return false;
        }
        index += 1;
    }
    !bytes.is_empty()
}

pub(crate) fn stream_of<A: Aggregate>(id: &(impl Display + ?Sized)) -> Result<StreamName> {
    let stream = StreamName::of(A::CATEGORY, id);
    if stream.id().is_empty() {
        let category = A::CATEGORY;
        return Err(Error::invalid(format!("the id of this {category} is empty: give it a name")));
    }
    Ok(stream)
}

/// Asks every rule that stands between raising an event and appending it.
pub(crate) fn check_raised<A: Aggregate>(aggregate: &A, event: &A::Event) -> Result<()> {
    check_new(event)?;
    aggregate.validate(event).map_err(|reason| not_valid(event.kind().name, &reason))
}
