//! A clock that goes on by a second at each look, and back when it is told to.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hitherto_store::{Clock, Timestamp};

const SECOND: i64 = 1_000_000_000;

/// A clock whose time follows from how often it was looked at. Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct SimClock(Arc<AtomicI64>);

impl SimClock {
    /// Sets the clock forward, or back with a negative number.
    pub fn jump(&self, seconds: i64) {
        self.0.fetch_add(seconds * SECOND, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.fetch_add(SECOND, Ordering::Relaxed))
    }
}
