//! Projections: pure functions from events to what is read.

mod documents;
mod kept;
mod place;
mod projector;
mod sql;
mod value;
mod view;

use std::borrow::Cow;

use hitherto_store::Query;

use crate::event::Event;
use crate::{Recorded, StoredEvent};

pub use documents::{Change, DocumentChange, DocumentProjection, Documents, DocumentsInMemory};
pub use kept::{Comparison, Kept, KeptModels, Standing, TableDifference};
pub use place::{Definition, KeyOf, Place};
pub use projector::{Projecting, Projector};
pub use sql::{Sql, Statement};
pub use value::{IntoValue, Parameters, Value};
pub use view::{InMemory, View, Viewing};

/// Keeps tables up to date: a pure function from an event to SQL statements.
///
/// The statements of an event and the position are committed in one transaction: each event has
/// its effect exactly once, whatever happens.
///
/// ```
/// use hitherto::{Event, Projection, Recorded, Sql};
///
/// #[derive(Event)]
/// enum AccountEvent {
///     AccountOpened { initial_deposit: u64 },
///     MoneyDeposited { amount: u64 },
///     AccountClosed {},
/// }
/// use AccountEvent::*;
///
/// /// Every account's balance, for the branch screen.
/// struct Balances;
///
/// impl Projection for Balances {
///     const NAME: &'static str = "balances";
///     type Event = AccountEvent;
///
///     fn tables(&self) -> &'static str {
///         "create table balances (account text primary key, cents bigint not null)"
///     }
///
///     fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
///         let account = event.stream_id();
///         match &event.data {
///             AccountOpened { initial_deposit } => {
///                 sql.run("insert into balances values (?, ?)", (account, initial_deposit));
///             }
///             MoneyDeposited { amount } => sql.run(
///                 "update balances set cents = cents + ? where account = ?",
///                 (amount, account),
///             ),
///             AccountClosed {} => sql.run("delete from balances where account = ?", (account,)),
///         }
///     }
/// }
/// ```
pub trait Projection: Send + Sync + 'static {
    /// What it is called, where its position is kept and wherever it is shown. Letters, digits,
    /// `-` and `_`.
    const NAME: &'static str;

    /// Raise it when `tables` or `project` change: the new version is built beside the old one, and
    /// takes its place when it has caught up.
    const VERSION: u32 = 1;

    /// What it is made from.
    type Event: Event;

    /// The statements that make its tables, separated by `;`, with indexes and whatever else
    /// belongs to it.
    fn tables(&self) -> &'static str;

    /// What an event changes. Must not ask anything but the event: it is run again at a rebuild,
    /// and has to say the same.
    fn project(&self, event: &Recorded<Self::Event>, sql: &mut Sql);

    /// Which events it looks at. All of its type, unless it says otherwise; bounds and direction
    /// are not looked at.
    fn query(&self) -> Query {
        Query::all()
    }

    /// What has to stay in order, where events are spread over several partitions; and what is
    /// parked together. The event's stream, unless it says otherwise; events without a stream are
    /// one key.
    ///
    /// It looks at the event as it is stored, so that an event that cannot be decoded has a key
    /// too.
    fn key<'a>(&self, event: &'a StoredEvent) -> Cow<'a, str> {
        by_stream(event)
    }
}

/// The stream as the key.
pub(crate) fn by_stream(event: &StoredEvent) -> Cow<'_, str> {
    Cow::Borrowed(event.stream().unwrap_or_default())
}
