//! A clock that stands still until it is told to go on, or back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hitherto_store::{Clock, Timestamp};

const SECOND: i64 = 1_000_000_000;

/// A clock that stands still until it is set. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct SimClock(Arc<AtomicI64>);

impl Default for SimClock {
    /// Some days after 1970: a log's time does not begin earlier.
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(1_000_000 * SECOND)))
    }
}

impl SimClock {
    /// Sets the clock forward, or back with a negative number.
    pub fn jump(&self, seconds: i64) {
        self.0.fetch_add(seconds * SECOND, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::Relaxed))
    }
}
