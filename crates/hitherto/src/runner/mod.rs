//! The runner: follows the events of a store, spreads them over partitions, retries, parks and
//! measures. It knows nothing of what is done with them: that is a [`Handler`]'s business.

mod handler;

pub use handler::{
    Ended, Failure, Handler, Order, Parked, Progress, Tally, Target, Work, partition_of,
};
