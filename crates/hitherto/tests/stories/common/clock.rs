//! A clock that is set by hand, and stores that take their times from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hitherto::{Clock, EmbeddedStore, MemoryDisk, Options, Store, Timestamp};

#[derive(Clone, Default)]
pub struct Hand(Arc<AtomicI64>);

impl Hand {
    pub fn forward(&self, duration: Duration) {
        self.0.fetch_add(duration.as_nanos() as i64, Ordering::SeqCst);
    }

    pub fn back(&self, duration: Duration) {
        self.0.fetch_sub(duration.as_nanos() as i64, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

/// A store in memory, by this clock.
pub fn store(clock: &Hand) -> Store {
    let store = EmbeddedStore::on(MemoryDisk::default(), clock.clone(), Options::default());
    Store::on(store.expect("memory can be opened"))
}
