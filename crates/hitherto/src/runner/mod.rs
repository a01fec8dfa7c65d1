//! The runner: follows the events of a store, spreads them over partitions, retries, parks and
//! measures. It knows nothing of what is done with them: that is a [`Handler`]'s business.
//!
//! One thread reads, one thread a partition hands batches to its handler: as large as what is
//! waiting under load, single events when idle. No async runtime is needed.

mod board;
mod follower;
mod handler;
mod inbox;
mod orders;
mod partition;
mod prometheus;
mod reader;
mod settings;
mod spans;
mod starting;
mod status;
mod waiting;

pub(crate) use follower::into_error;
pub use follower::{Follower, follow};
pub use handler::{
    Ended, Failure, Handler, Order, Parked, Progress, Tally, Target, Work, partition_of,
};
pub(crate) use partition::panic_text;
pub use prometheus::prometheus;
pub use settings::{Begin, OnFailure, Retry, Settings};
pub use starting::{Start, Starting};
pub use status::{Monitor, State, Status};
pub(crate) use waiting::Waiting;
