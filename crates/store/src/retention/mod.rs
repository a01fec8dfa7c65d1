//! What is removed of a store, and what may not be: policies, operations and holds, as facts in the
//! log itself.
//!
//! A removed event is hidden from every read from the moment that the fact is durable; its bytes go
//! when its log file is [scavenged](crate::EmbeddedStore::scavenge). Positions, versions and the
//! digest of history stay as they were.

mod decisions;
mod fact;
mod operations;
mod state;
mod target;
mod view;

pub(crate) use decisions::Decisions;
pub(crate) use fact::{Fact, STREAM, facts_of};
pub use operations::{Policies, Policy};
pub(crate) use state::{Floor, Moment, Retention};
pub use target::{Before, Hold, Keep, Removed, Target};
pub(crate) use view::View;
