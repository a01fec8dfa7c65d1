//! Events as types: what a kind is, and the one door from stored bytes to today's types.

use std::fmt;
use std::ops::Deref;

use hitherto_store::{Events, NewEvent, Query, QueryItem, Tag};

use crate::{Error, EventId, Result};

/// One kind of event: how it is stored, and what it is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The name under which it is stored.
    pub name: &'static str,
    /// The version of its fields' shape today, counted from 1.
    pub version: u16,
    /// Names that it had before.
    pub was: &'static [&'static str],
    /// Why it is not appended any more, if so.
    pub deprecated: Option<&'static str>,
}

/// Something that happened. Derived on enums: one variant is one kind of event.
///
/// ```
/// use hitherto::Event;
///
/// #[derive(Event, Debug, PartialEq)]
/// pub enum AccountEvent {
///     AccountOpened { #[tag] number: String, initial_deposit: u64 },
///     MoneyDeposited { amount: u64 },
///     AccountClosed,
/// }
///
/// let deposited = AccountEvent::MoneyDeposited { amount: 500 };
/// assert_eq!(deposited.kind().name, "MoneyDeposited");
/// assert_eq!(deposited.encode()?, br#"{"amount":500}"#);
/// assert_eq!(AccountEvent::decode("MoneyDeposited", 1, br#"{"amount":500}"#)?, deposited);
/// # Ok::<(), hitherto::Error>(())
/// ```
///
/// What was stored under an older name is read as today's:
///
/// ```
/// use hitherto::Event;
///
/// #[derive(Event)]
/// enum UserEvent {
///     #[event(was = "EmailUpdated")]
///     EmailChanged { email: String },
/// }
///
/// let old = UserEvent::decode("EmailUpdated", 1, br#"{"email":"zoe@example.org"}"#)?;
/// assert_eq!(old.kind().name, "EmailChanged");
/// # Ok::<(), hitherto::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no event",
    label = "not an event",
    note = "derive `Event` on an enum; a variant with one unnamed value stands for all events of another \
            such enum, other values need names: `MoneyDeposited {{ amount: u64 }}`"
)]
pub trait Event: Sized + Send + Sync + 'static {
    /// All kinds of this type.
    fn kinds() -> Vec<&'static Kind>;

    /// The kind of this event.
    fn kind(&self) -> &'static Kind;

    /// What it can be found by, besides its stream and kind.
    fn tags(&self) -> Vec<Tag>;

    /// The JSON of its fields, and nothing else.
    fn encode(&self) -> Result<Vec<u8>>;

    /// The one door from bytes to types: whatever the shape was when it was stored, today's comes
    /// out.
    ///
    /// # Errors
    /// `Invalid` for a kind or a version that this type does not know, or fields that do not fit.
    fn decode(kind: &str, version: u16, payload: &[u8]) -> Result<Self>;

    /// The type's own rule for what may be appended. What was stored is never asked again.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The kinds of a type that can be read for ever and are not appended any more, with the reasons.
///
/// ```
/// use hitherto::{Event, deprecated_kinds};
///
/// #[derive(Event)]
/// enum UserEvent {
///     #[event(deprecated = "use EmailChanged")]
///     FaxChanged { fax: String },
///     EmailChanged { email: String },
/// }
///
/// assert_eq!(deprecated_kinds::<UserEvent>(), [("FaxChanged", "use EmailChanged")]);
/// ```
pub fn deprecated_kinds<E: Event>() -> Vec<(&'static str, &'static str)> {
    let deprecated = |kind: &'static Kind| Some((kind.name, kind.deprecated?));
    E::kinds().into_iter().filter_map(deprecated).collect()
}

/// All names under which a kind may have been stored.
pub(crate) fn names_of(kind: &Kind) -> impl Iterator<Item = &'static str> + use<> {
    std::iter::once(kind.name).chain(kind.was.iter().copied())
}

/// Refuses an event that its own type does not let through.
pub(crate) fn check_new<E: Event>(event: &E) -> Result<()> {
    let kind = event.kind();
    if let Some(reason) = kind.deprecated {
        return Err(Error::invalid(format!(
            "{} is deprecated, and nothing was appended: {reason}",
            kind.name
        )));
    }
    event.validate().map_err(|reason| not_valid(kind.name, &reason))
}

/// What stands in a store for an event. Whether it may be appended is asked before: see
/// [`check_new`].
pub(crate) fn as_stored<E: Event>(event: &E, id: EventId) -> Result<NewEvent> {
    let kind = event.kind();
    let mut new = NewEvent::json(kind.name, event.encode()?).id(id).schema_version(kind.version);
    new.tags = event.tags();
    Ok(new)
}

/// The error for an event that its type or its aggregate does not let through.
pub(crate) fn not_valid(kind: &str, reason: &str) -> Error {
    Error::invalid(format!("{kind} is not valid, and nothing was appended: {reason}"))
}

/// A stored event with its data as today's type. Its place and time are those of the stored one.
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
/// use hitherto::{Query, Recorded, Repository, Store};
///
/// # hitherto::wait(async {
/// let store = Store::in_memory();
/// let accounts = Repository::<BankAccount>::new(&store);
/// # accounts.update("ACC-001", |account| account.deposit(500)).await.unwrap();
/// let mut events = store.read_as::<AccountEvent>(Query::category("account"));
/// let first: Recorded<AccountEvent> = events.next_event().await.expect("there is one")?;
/// assert_eq!(first.data, MoneyDeposited { amount: 500 });
/// assert_eq!((first.stream_id(), first.version(), first.position().0), ("ACC-001", 1, 1));
/// # Ok::<(), hitherto::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Recorded<E> {
    /// What happened.
    pub data: E,
    stored: hitherto_store::Recorded,
}

impl<E: Event> Recorded<E> {
    /// Takes a stored event through the door.
    ///
    /// # Errors
    /// As [`Event::decode`], with the event's position.
    pub fn decode(stored: hitherto_store::Recorded) -> Result<Self> {
        let data = E::decode(stored.kind(), stored.schema_version(), stored.payload());
        let data = data.map_err(|error| {
            Error::new(error.kind(), format!("event {}: {error}", stored.position()))
        })?;
        Ok(Self { data, stored })
    }
}

impl<E> Deref for Recorded<E> {
    type Target = hitherto_store::Recorded;

    fn deref(&self) -> &hitherto_store::Recorded {
        &self.stored
    }
}

impl<E: fmt::Debug> fmt::Debug for Recorded<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded").field("data", &self.data).field("stored", &self.stored).finish()
    }
}

/// Typed events that are read or followed: see [`Store::read_as`](crate::Store::read_as).
#[derive(Debug)]
pub struct TypedEvents<E> {
    events: Events,
    data: std::marker::PhantomData<fn() -> E>,
}

impl<E: Event> TypedEvents<E> {
    pub(crate) fn new(events: Events) -> Self {
        Self { events, data: std::marker::PhantomData }
    }

    /// The next event, awaited.
    pub async fn next_event(&mut self) -> Option<Result<Recorded<E>>> {
        Some(self.events.next_event().await?.and_then(Recorded::decode))
    }
}

impl<E: Event> Iterator for TypedEvents<E> {
    type Item = Result<Recorded<E>>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.events.next()?.and_then(Recorded::decode))
    }
}

/// The query for events of a type: narrowed to its kinds where it names none, and widened to the
/// older names of those that it does name, so that a renamed kind is found whole.
pub(crate) fn narrowed<E: Event>(mut query: Query) -> Query {
    let kinds = E::kinds();
    if query.items.is_empty() {
        query.items.push(QueryItem::default());
    }
    for item in &mut query.items {
        let is_meant = |kind: &&&Kind| {
            item.kinds.is_empty() || names_of(kind).any(|name| item.kinds.iter().any(|k| k == name))
        };
        let names = kinds.iter().filter(is_meant).flat_map(|kind| names_of(kind));
        let names: Vec<_> = names.filter(|&name| !item.kinds.iter().any(|k| k == name)).collect();
        item.kinds.extend(names.into_iter().map(Into::into));
    }
    query
}
