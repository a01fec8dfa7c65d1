//! Aggregates: things with a life of their own, whose every change is an event.

use std::fmt::{self, Display};
use std::sync::Arc;

use hitherto_store::{EventId, Position, StreamName};

use crate::event::Event;
use crate::snapshot::Load;

/// A thing with a life of its own, whose every change is an event.
///
/// Commands are plain methods: they look at the state, refuse in the aggregate's own type, or
/// [`raise`](Aggregate::raise) what happened. See the [crate's example](crate).
pub trait Aggregate: Default + Send + 'static {
    /// The category of its streams: the stream of `ACC-001` is `account-ACC-001`.
    const CATEGORY: &'static str;

    /// The version of the state's own shape. Raise it when the fields or the meaning of `apply`
    /// change: snapshots of other versions are ignored.
    const STATE: u32 = 1;

    /// What tells one from another, shown as the end of its stream's name. `String` and UUIDs just
    /// work.
    ///
    /// Methods that take an id take `&Q` where `Id: Borrow<Q>`, like the keys of a map: `"ACC-001"`
    /// for a
    /// `String`, `&id` for any other type. So an id of its own type cannot be mistaken for another:
    ///
    /// ```compile_fail,E0308
    /// # use hitherto::{Aggregate, Event, Repository, Root, Store};
    /// # #[derive(Event)] enum Nothing { NothingHappened }
    /// # #[derive(Default)] struct Account { root: Root<Nothing> }
    /// struct AccountId(u64);
    /// struct CustomerId(u64);
    /// # impl std::fmt::Display for AccountId {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) }
    /// # }
    /// # impl std::fmt::Display for CustomerId {
    /// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) }
    /// # }
    /// impl Aggregate for Account {
    ///     type Id = AccountId;
    ///     // …
    /// #   const CATEGORY: &'static str = "account";
    /// #   type Event = Nothing; type Error = ();
    /// #   fn root(&mut self) -> &mut Root<Nothing> { &mut self.root }
    /// #   fn apply(&mut self, _: &Nothing) {}
    /// }
    /// # let accounts = Repository::<Account>::new(&Store::in_memory());
    /// let customer = CustomerId(7);
    /// let account = accounts.load(&customer); // does not compile: this is no account's id
    /// ```
    ///
    /// What an id borrows as must be shown in the same way as the id itself.
    type Id: Display;

    /// What can happen to it.
    type Event: Event;

    /// Why it refuses.
    type Error;

    /// Where it keeps its version and what is not saved yet.
    fn root(&mut self) -> &mut Root<Self::Event>;

    /// What an event changes. Must not fail and not ask: the past is not negotiable.
    fn apply(&mut self, event: &Self::Event);

    /// The aggregate's own rule for what may be appended, asked for each raised event before the
    /// append with the state after all of them.
    fn validate(&self, _event: &Self::Event) -> Result<(), String> {
        Ok(())
    }

    /// Applies the event now and remembers it for the next save. Always `Ok`, so that a command can
    /// end with it.
    fn raise(&mut self, event: Self::Event) -> Result<(), Self::Error> {
        self.apply(&event);
        self.root().push(event);
        Ok(())
    }
}

/// What every aggregate keeps: its stream, its version, and which events are not saved yet.
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
/// use hitherto::{Repository, Store};
///
/// # hitherto::wait(async {
/// let accounts = Repository::<BankAccount>::new(&Store::in_memory());
/// let mut account = accounts.load("ACC-001").await?;
/// account.deposit(500).expect("a deposit is never refused");
/// assert_eq!(account.root.version(), 1);
/// assert!(account.root.uncommitted().eq([&MoneyDeposited { amount: 500 }]));
///
/// accounts.save(&mut account).await?;
/// assert_eq!(account.root.uncommitted().count(), 0);
/// # Ok::<(), hitherto::Error>(()) }).unwrap();
/// ```
pub struct Root<E> {
    pub(crate) stream: Option<StreamName>,
    /// The version that is stored.
    pub(crate) saved_version: u64,
    pub(crate) position: Position,
    pub(crate) last_event: Option<EventId>,
    pub(crate) uncommitted: Vec<Raised<E>>,
    /// What loading it has shown, for the snapshot policy.
    pub(crate) load: Load,
    /// How often something had been forgotten when loading it began.
    pub(crate) forgettings: u64,
}

/// An event that is not saved yet. Its id is made when it is raised: repeating the save repeats the
/// id.
pub(crate) struct Raised<E> {
    pub(crate) id: EventId,
    pub(crate) event: Arc<E>,
}

impl<E> Root<E> {
    /// How many events made the aggregate what it is, those included that are not saved yet.
    pub fn version(&self) -> u64 {
        self.saved_version + self.uncommitted.len() as u64
    }

    /// The events that are not saved yet.
    pub fn uncommitted(&self) -> impl Iterator<Item = &E> {
        self.uncommitted.iter().map(|raised| &*raised.event)
    }

    /// The aggregate's stream; none before it was loaded.
    pub fn stream(&self) -> Option<&StreamName> {
        self.stream.as_ref()
    }

    fn push(&mut self, event: E) {
        self.uncommitted.push(Raised { id: EventId::new(), event: Arc::new(event) });
    }
}

impl<E> Default for Root<E> {
    fn default() -> Self {
        Self {
            stream: None,
            saved_version: 0,
            position: Position::START,
            last_event: None,
            uncommitted: Vec::new(),
            load: Load::default(),
            forgettings: 0,
        }
    }
}

impl<E> Clone for Root<E> {
    fn clone(&self) -> Self {
        let raised =
            |raised: &Raised<E>| Raised { id: raised.id, event: Arc::clone(&raised.event) };
        Self {
            stream: self.stream.clone(),
            saved_version: self.saved_version,
            position: self.position,
            last_event: self.last_event,
            uncommitted: self.uncommitted.iter().map(raised).collect(),
            load: self.load,
            forgettings: self.forgettings,
        }
    }
}

impl<E> fmt::Debug for Root<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Root")
            .field("stream", &self.stream.as_ref().map(StreamName::as_str))
            .field("version", &self.version())
            .field("uncommitted", &self.uncommitted.len())
            .finish_non_exhaustive()
    }
}

/// `Err(refusal)` unless the rule holds.
///
/// ```
/// assert_eq!(hitherto::ensure(1 + 1 == 2, "arithmetic"), Ok(()));
/// assert_eq!(hitherto::ensure(1 + 1 == 3, "arithmetic"), Err("arithmetic"));
/// ```
pub fn ensure<E>(rule: bool, refusal: E) -> Result<(), E> {
    if rule { Ok(()) } else { Err(refusal) }
}
