//! Puts projections into SQLite: rows, position and parked events in one transaction.
//!
//! ```
//! use hitherto::{Event, Projection, Projector, Recorded, Repository, Sql, Store};
//! use hitherto_sql::Sqlite;
//! # use hitherto::{Aggregate, Root};
//!
//! # #[derive(Event)]
//! # enum AccountEvent { MoneyDeposited { amount: u64 } }
//! # use AccountEvent::*;
//! # #[derive(Default)] struct BankAccount { root: Root<AccountEvent> }
//! # impl Aggregate for BankAccount {
//! #     const CATEGORY: &'static str = "account";
//! #     type Id = String; type Event = AccountEvent; type Error = ();
//! #     fn root(&mut self) -> &mut Root<AccountEvent> { &mut self.root }
//! #     fn apply(&mut self, _: &AccountEvent) {}
//! # }
//! /// Every account's balance.
//! struct Balances;
//!
//! impl Projection for Balances {
//!     const NAME: &'static str = "balances";
//!     type Event = AccountEvent;
//!
//!     fn tables(&self) -> &'static str {
//!         "create table balances (account text primary key, cents integer not null)"
//!     }
//!
//!     fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
//!         let MoneyDeposited { amount } = &event.data;
//!         sql.run(
//!             "insert into balances values (?, ?)
//!              on conflict (account) do update set cents = cents + excluded.cents",
//!             (event.stream_id(), amount),
//!         );
//!     }
//! }
//!
//! # hitherto::wait(async {
//! let store = Store::in_memory();
//! # let directory = tempfile::tempdir().unwrap();
//! # let read_db = directory.path().join("read.db");
//! let sqlite = Sqlite::open(&read_db)?; // "read.db"
//! let balances = Projector::start(&store, sqlite.clone(), Balances).await?;
//!
//! let accounts = Repository::<BankAccount>::new(&store);
//! let saved = accounts
//!     .update("ACC-001", |account| account.raise(MoneyDeposited { amount: 1_500 }))
//!     .await
//!     .unwrap();
//! balances.reached(saved.position).await?; // read your own write
//! assert_eq!(sqlite.rows("select cents from balances where account = 'ACC-001'")?, [[1_500]]);
//! # Ok::<(), hitherto::Error>(()) }).unwrap();
//! ```
//!
//! A projection that must read before it writes is a [`SqliteProjection`]: it gets the transaction
//! itself. What is kept in a file can be looked at, compared, switched and rolled back with
//! [`ReadModels`], also from another process.

mod bookkeeping;
mod compare;
mod copy;
mod error;
mod files;
mod models;
mod once;
mod session;
mod sqlite;
mod statements;
mod switch;
pub mod testing;
mod transaction;

pub use hitherto::projection::{Comparison, Kept, KeptModels, Standing, TableDifference};
pub use models::ReadModels;
pub use once::handled_once;
pub use rusqlite;
pub use sqlite::Sqlite;
pub use transaction::{InTransaction, SqliteProjection};
