//! Event sourcing: keep *what happened*, derive *what is*.
//!
//! ```
//! use hitherto::{Aggregate, Event, Repository, Root, Store, ensure};
//!
//! #[derive(Event, Debug, PartialEq)]
//! pub enum AccountEvent {
//!     AccountOpened { number: String, initial_deposit: u64 },
//!     MoneyDeposited { amount: u64 },
//!     MoneyWithdrawn { amount: u64 },
//! }
//! use AccountEvent::*;
//!
//! #[derive(Debug, PartialEq)]
//! pub enum Refused {
//!     AlreadyOpen,
//!     NotOpen,
//!     InsufficientFunds,
//! }
//! use Refused::*;
//!
//! #[derive(Default)]
//! pub struct BankAccount {
//!     root: Root<AccountEvent>,
//!     pub balance: u64,
//!     is_open: bool,
//! }
//!
//! impl Aggregate for BankAccount {
//!     const CATEGORY: &'static str = "account";
//!     type Id = String;
//!     type Event = AccountEvent;
//!     type Error = Refused;
//!
//!     fn root(&mut self) -> &mut Root<AccountEvent> {
//!         &mut self.root
//!     }
//!
//!     fn apply(&mut self, event: &AccountEvent) {
//!         match event {
//!             AccountOpened { initial_deposit, .. } => {
//!                 self.is_open = true;
//!                 self.balance = *initial_deposit;
//!             }
//!             MoneyDeposited { amount } => self.balance += amount,
//!             MoneyWithdrawn { amount } => self.balance -= amount,
//!         }
//!     }
//! }
//!
//! impl BankAccount {
//!     pub fn open(&mut self, number: &str, initial_deposit: u64) -> Result<(), Refused> {
//!         ensure(!self.is_open, AlreadyOpen)?;
//!         self.raise(AccountOpened { number: number.into(), initial_deposit })
//!     }
//!
//!     pub fn deposit(&mut self, amount: u64) -> Result<(), Refused> {
//!         ensure(self.is_open, NotOpen)?;
//!         self.raise(MoneyDeposited { amount })
//!     }
//!
//!     pub fn withdraw(&mut self, amount: u64) -> Result<(), Refused> {
//!         ensure(self.is_open, NotOpen)?;
//!         ensure(self.balance >= amount, InsufficientFunds)?;
//!         self.raise(MoneyWithdrawn { amount })
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { hitherto::wait(async {
//! let store = Store::in_memory(); // or Store::open("bank.hitherto")?
//! let accounts = Repository::<BankAccount>::new(&store);
//!
//! accounts.update("ACC-001", |account| account.open("ACC-001", 1_000)).await?;
//! accounts
//!     .update("ACC-001", |account| {
//!         account.deposit(500)?;
//!         account.withdraw(200)
//!     })
//!     .await?;
//!
//! assert_eq!(accounts.load("ACC-001").await?.balance, 1_300);
//! assert_eq!(accounts.at_version("ACC-001", 1).await?.balance, 1_000); // time travel
//! # Ok(()) }) }
//! ```
//!
//! Five words carry it: an [`Event`] is something that happened; an [`Aggregate`] is a thing with a
//! life of its own, whose every change is an event that it [raises](Aggregate::raise) and
//! [applies](Aggregate::apply); a **refusal** is the business saying no, in the aggregate's own
//! type; a [`Repository`] loads and saves; a [`Store`] keeps. Where the boundary of a decision is
//! wider than one stream, there is [`Decision`].
//!
//! Everything is awaited, and nothing needs a runtime: any executor will do, and [`wait`] does
//! without one.

// What the derive writes names this crate as its users do.
extern crate self as hitherto;

mod aggregate;
mod answer;
pub mod bus;
mod cache;
mod cause;
pub mod checkpoints;
pub mod command;
mod decision;
mod error;
mod event;
mod fold;
mod past;
mod personal;
pub mod private;
pub mod process;
pub mod projection;
mod reminder;
mod repository;
pub mod runner;
mod snapshot;
mod store;
pub mod testing;

pub use aggregate::{Aggregate, Root, ensure};
pub use bus::{Bus, Subscription};
pub use cause::Cause;
pub use command::{Command, Commands};
pub use decision::Decision;
pub use error::{Outcome, UpdateError};
pub use event::{Event, Kind, Recorded, TypedEvents, deprecated_kinds};
pub use hitherto_derive::Event;
/// An event as it is stored, its payload as bytes: what [`Recorded`] is made from.
pub use hitherto_store::Recorded as StoredEvent;
pub use hitherto_store::{
    Append, Clock, Condition, Conflict, ContentType, EmbeddedStore, Error, ErrorKind, EventId,
    EventStore, Events, ExpectedVersion, MemoryDisk, NewEvent, Options, Position, Query, QueryItem,
    Result, Saved, StreamName, SystemClock, Tag, Ticket, Timestamp, limits, wait,
};
pub use past::Moment;
pub use personal::{Personal, PrivacyEvent};
pub use process::{Delivery, Process, Processor};
pub use projection::{Projection, Projector, Sql, View};
pub use reminder::{KeptReminders, Reminders, When};
pub use repository::Repository;
pub use snapshot::Snapshots;
pub use store::Store;
