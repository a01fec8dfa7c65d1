//! The form for projections that must read before they write: they get the transaction itself.

use std::borrow::Cow;
use std::sync::Arc;

use hitherto::projection::{Definition, Parameters, Place};
use hitherto::runner::{Failure, Target};
use hitherto::{ErrorKind, Event, Query, Recorded, Result, StoredEvent};
use tokio_postgres::Row;

use crate::Postgres;
use crate::connection::Connection;
use crate::failure::Trouble;
use crate::statements::{Changes, Planned};

/// Keeps tables up to date with whatever can be done in a transaction: for what a pure function
/// cannot say, because it depends on what is in the tables.
///
/// It must look at nothing but the event and its own tables, so that a rebuild says the same. The
/// rows and the position are committed together all the same. It waits for the server at every
/// statement; [`Projection`](hitherto::Projection) does not, and is several times as fast.
///
/// ```
/// use hitherto::{Event, Recorded, Result};
/// use hitherto_postgres::{PostgresProjection, Transaction};
///
/// #[derive(Event)]
/// enum SensorEvent { Measured { celsius: f64 } }
///
/// /// How often in a row the temperature of each sensor has risen.
/// struct Rises;
///
/// impl PostgresProjection for Rises {
///     const NAME: &'static str = "rises";
///     type Event = SensorEvent;
///
///     fn tables(&self) -> &'static str {
///         "create table rises (sensor text primary key, last float8, length int8)"
///     }
///
///     fn project(
///         &self,
///         event: &Recorded<SensorEvent>,
///         transaction: &mut Transaction<'_>,
///     ) -> Result<()> {
///         let SensorEvent::Measured { celsius } = &event.data;
///         let sensor = event.stream_id();
///         let before = "select last, length from rises where sensor = ?";
///         let before = transaction.query(before, (sensor,))?;
///         let length = match before.first() {
///             Some(row) if row.get::<_, f64>(0) < *celsius => row.get::<_, i64>(1) + 1,
///             _ => 0,
///         };
///         transaction.execute(
///             "insert into rises values (?, ?, ?) on conflict (sensor) do update
///              set last = excluded.last, length = excluded.length",
///             (sensor, celsius, length),
///         )?;
///         Ok(())
///     }
/// }
/// ```
pub trait PostgresProjection: Send + Sync + 'static {
    /// As [`Projection::NAME`](hitherto::Projection::NAME).
    const NAME: &'static str;

    /// As [`Projection::VERSION`](hitherto::Projection::VERSION).
    const VERSION: u32 = 1;

    /// What it is made from.
    type Event: Event;

    /// As [`Projection::tables`](hitherto::Projection::tables).
    fn tables(&self) -> &'static str;

    /// What an event changes.
    ///
    /// # Errors
    /// What the transaction has said, or why the event cannot be projected: it fails then, unless
    /// the error is `Unavailable`, which is tried again.
    fn project(
        &self,
        event: &Recorded<Self::Event>,
        transaction: &mut Transaction<'_>,
    ) -> Result<()>;

    /// As [`Projection::query`](hitherto::Projection::query).
    fn query(&self) -> Query {
        Query::all()
    }

    /// As [`Projection::key`](hitherto::Projection::key).
    fn key<'a>(&self, event: &'a StoredEvent) -> Cow<'a, str> {
        Cow::Borrowed(event.stream().unwrap_or_default())
    }
}

/// The transaction of a commit: see [`PostgresProjection`].
pub struct Transaction<'a>(&'a mut Connection);

impl Transaction<'_> {
    /// Runs a statement with `?`, and says how many rows it has changed.
    ///
    /// # Errors
    /// `Invalid` for what is wrong with the statement or its values, `Unavailable` for the server.
    pub fn execute(&mut self, text: &str, values: impl Parameters) -> Result<u64> {
        self.0.execute(text, &values.into_values()?).map_err(Trouble::into_error)
    }

    /// The rows of a query with `?`.
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    pub fn query(&mut self, text: &str, values: impl Parameters) -> Result<Vec<Row>> {
        self.0.query(text, &values.into_values()?).map_err(Trouble::into_error)
    }
}

/// A projection that gets the transaction: see [`PostgresProjection`].
#[derive(Debug, Clone, Copy)]
pub struct InTransaction<P>(pub P);

impl<P: PostgresProjection> Place<InTransaction<P>> for Postgres {
    fn define(&self, projection: &Arc<InTransaction<P>>) -> Definition {
        let keys = Arc::clone(projection);
        Definition::typed::<P::Event>(P::NAME, P::VERSION, projection.0.query())
            .keyed(move |event| keys.0.key(event))
    }

    fn open(&mut self, projection: &Arc<InTransaction<P>>) -> Result<Box<dyn Target>, Failure> {
        self.open_changes(Reading(Arc::clone(projection)))
    }
}

struct Reading<P>(Arc<InTransaction<P>>);

impl<P: PostgresProjection> Changes for Reading<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn version(&self) -> u32 {
        P::VERSION
    }

    fn tables(&self) -> &'static str {
        self.0.0.tables()
    }

    fn plan(&self, _: &[StoredEvent]) -> Result<Vec<Planned>, Failure> {
        Ok(Vec::new())
    }

    fn is_in_transaction(&self) -> bool {
        true
    }

    fn change(&self, connection: &mut Connection, events: &[StoredEvent]) -> Result<(), Failure> {
        let each = |(index, stored): (usize, &StoredEvent)| {
            let fails = |error| Failure::of_event(index, error);
            let event = Recorded::decode(stored.clone()).map_err(fails)?;
            let changed = self.0.0.project(&event, &mut Transaction(connection));
            changed.map_err(|error| match error.kind() {
                ErrorKind::Unavailable => Failure::Unavailable(error),
                _ => fails(error),
            })
        };
        events.iter().enumerate().try_for_each(each)
    }
}
