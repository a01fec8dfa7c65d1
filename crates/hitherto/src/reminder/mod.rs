//! Deadlines: events that happen later. A small process over the store, not a feature of the log.
//!
//! [`Repository::remind`](crate::Repository::remind) sets one; [`Reminders`] gives it when it is
//! due.

mod agenda;
mod due;
mod event;
mod keeping;
mod set;

pub use due::Reminders;
pub use event::When;
pub(crate) use event::is_reminder;
pub use keeping::KeptReminders;
