//! The form for projections that must read before they write: they get the transaction itself.

use std::borrow::Cow;
use std::sync::Arc;

use hitherto::projection::{Definition, Place};
use hitherto::runner::{Failure, Target};
use hitherto::{Error, Event, Query, Recorded, StoredEvent};
use rusqlite::Transaction;

use crate::error::of_event;
use crate::session::{Apply, Opened, Session};
use crate::sqlite::Sqlite;

/// Keeps tables up to date with whatever can be done in a transaction: for what a pure function
/// cannot say, because it depends on what is in the tables.
///
/// It must look at nothing but the event and its own tables, so that a rebuild says the same, and
/// leave the transaction open. The rows and the position are committed together all the same.
///
/// ```
/// use hitherto::{Event, Projector, Recorded, Store};
/// use hitherto_sql::{InTransaction, Sqlite, SqliteProjection, rusqlite};
///
/// #[derive(Event)]
/// enum SensorEvent { Measured { celsius: f64 } }
///
/// /// The longest run of rising temperatures of each sensor.
/// struct Rises;
///
/// impl SqliteProjection for Rises {
///     const NAME: &'static str = "rises";
///     type Event = SensorEvent;
///
///     fn tables(&self) -> &'static str {
///         "create table rises
///          (sensor text primary key, last real, length integer, longest integer)"
///     }
///
///     fn project(
///         &self,
///         event: &Recorded<SensorEvent>,
///         transaction: &rusqlite::Transaction<'_>,
///     ) -> rusqlite::Result<()> {
///         let SensorEvent::Measured { celsius } = &event.data;
///         let sensor = event.stream_id();
///         let (last, length) = transaction
///             .query_row("select last, length from rises where sensor = ?", [sensor], |row| {
///                 Ok((row.get::<_, f64>(0)?, row.get::<_, i64>(1)?))
///             })
///             .unwrap_or((f64::MAX, 0));
///         let length = if *celsius > last { length + 1 } else { 0 };
///         transaction.execute(
///             "insert into rises values (?1, ?2, ?3, ?3) on conflict (sensor) do update
///              set last = ?2, length = ?3, longest = max(longest, ?3)",
///             (sensor, celsius, length),
///         )?;
///         Ok(())
///     }
/// }
///
/// # hitherto::wait(async {
/// let store = Store::in_memory();
/// let rises = Projector::start(&store, Sqlite::in_memory()?, InTransaction(Rises)).await?;
/// # Ok::<(), hitherto::Error>(()) }).unwrap();
/// ```
pub trait SqliteProjection: Send + Sync + 'static {
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
    /// What SQLite said: a statement that is wrong or a constraint that does not hold makes the
    /// event fail; a file that cannot be written now is tried again.
    fn project(
        &self,
        event: &Recorded<Self::Event>,
        transaction: &Transaction<'_>,
    ) -> rusqlite::Result<()>;

    /// As [`Projection::query`](hitherto::Projection::query).
    fn query(&self) -> Query {
        Query::all()
    }

    /// As [`Projection::key`](hitherto::Projection::key).
    fn key<'a>(&self, event: &'a StoredEvent) -> Cow<'a, str> {
        Cow::Borrowed(event.stream().unwrap_or_default())
    }
}

/// A projection that gets the transaction: see [`SqliteProjection`].
#[derive(Debug, Clone, Copy)]
pub struct InTransaction<P>(pub P);

impl<P: SqliteProjection> Place<InTransaction<P>> for Sqlite {
    fn define(&self, projection: &Arc<InTransaction<P>>) -> Definition {
        let keys = Arc::clone(projection);
        Definition::typed::<P::Event>(P::NAME, P::VERSION, projection.0.query())
            .keyed(move |event| keys.0.key(event))
    }

    fn open(&mut self, projection: &Arc<InTransaction<P>>) -> Result<Box<dyn Target>, Failure> {
        let reading = Reading(Arc::clone(projection));
        Ok(Box::new(Opened(Session::open(self, P::NAME, P::VERSION, reading)?)))
    }
}

struct Reading<P>(Arc<InTransaction<P>>);

impl<P: SqliteProjection> Apply for Reading<P> {
    type Prepared = Vec<Recorded<P::Event>>;

    fn tables(&self) -> &'static str {
        self.0.0.tables()
    }

    fn prepare(&self, events: &[StoredEvent]) -> Result<Self::Prepared, Failure> {
        let decode = |(index, stored): (usize, &StoredEvent)| {
            Recorded::decode(stored.clone()).map_err(|error: Error| Failure::of_event(index, error))
        };
        events.iter().enumerate().map(decode).collect()
    }

    fn apply(
        &self,
        prepared: &Self::Prepared,
        transaction: &Transaction<'_>,
    ) -> Result<(), Failure> {
        for (index, event) in prepared.iter().enumerate() {
            let projected = self.0.0.project(event, transaction);
            projected.map_err(|error| of_event(index, error, P::NAME))?;
        }
        Ok(())
    }
}
