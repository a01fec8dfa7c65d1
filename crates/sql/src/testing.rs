//! Tests of a projection in one line: these events happened, then that is read.
//!
//! ```
//! use hitherto::{Event, Projection, Recorded, Sql};
//! use hitherto_sql::testing::project;
//!
//! # #[derive(Event)]
//! # enum AccountEvent { MoneyDeposited { amount: u64 } }
//! # use AccountEvent::*;
//! # struct Balances;
//! # impl Projection for Balances {
//! #     const NAME: &'static str = "balances";
//! #     type Event = AccountEvent;
//! #     fn tables(&self) -> &'static str {
//! #         "create table balances (account text primary key, cents integer not null)"
//! #     }
//! #     fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
//! #         let MoneyDeposited { amount } = &event.data;
//! #         sql.run(
//! #             "insert into balances values (?, ?)
//! #              on conflict (account) do update set cents = cents + excluded.cents",
//! #             (event.stream_id(), amount),
//! #         );
//! #     }
//! # }
//! let deposits = [MoneyDeposited { amount: 1_000 }, MoneyDeposited { amount: 300 }];
//! let read = project(Balances, deposits);
//! assert_eq!(read.rows("select cents from balances"), [[1_300]]);
//! ```

use hitherto::projection::{Place, Value};
use hitherto::runner::OnFailure;
use hitherto::{Append, Event, NewEvent, Projection, Projector, Store, StreamName};

use crate::Sqlite;

/// What is read after some events.
#[derive(Debug)]
pub struct Projected(Sqlite);

/// Projects events of one stream, each through its bytes and back, into a database in memory.
///
/// # Panics
/// If an event cannot be projected.
#[track_caller]
pub fn project<P: Projection>(
    projection: P,
    events: impl IntoIterator<Item = P::Event>,
) -> Projected {
    project_streams(projection, events.into_iter().map(|event| ("test-1", event)))
}

/// As [`project`], with the stream of each event.
///
/// # Panics
/// If an event cannot be projected.
#[track_caller]
pub fn project_streams<P, E, S>(
    projection: P,
    events: impl IntoIterator<Item = (S, E)>,
) -> Projected
where
    E: Event,
    S: Into<StreamName>,
    Sqlite: Place<P>,
{
    let store = Store::in_memory();
    for (stream, event) in events {
        let kind = event.kind();
        let payload = event.encode().expect("an event of a test has JSON");
        let mut new = NewEvent::json(kind.name, payload).schema_version(kind.version);
        new.tags = event.tags();
        let append = Append::to(stream.into()).event(new);
        hitherto::wait(store.append(append)).expect("a store in memory takes it");
    }
    let sqlite = Sqlite::in_memory().expect("there is memory");
    let started = async {
        let starting = Projector::start(&store, sqlite.clone(), projection);
        starting.on_failure(OnFailure::Stop).await?.catch_up().await
    };
    match hitherto::wait(started) {
        Ok(_) => Projected(sqlite),
        Err(error) => panic!("{error}"),
    }
}

impl Projected {
    /// The rows of a query.
    ///
    /// # Panics
    /// If it is no query.
    #[track_caller]
    pub fn rows(&self, query: &str) -> Vec<Vec<Value>> {
        self.0.rows(query).unwrap_or_else(|error| panic!("{error}"))
    }
}
