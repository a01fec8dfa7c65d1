//! Loaded aggregates, kept to be brought up to date by the events after their version.
//!
//! Only what is stored is ever kept, and whoever loads gets a copy: nothing stale, nothing unsaved.

use quick_cache::sync::Cache;

/// Keeps copies of aggregates by the names of their streams.
pub(crate) trait AggregateCache<A>: Send + Sync {
    fn take(&self, stream: &str) -> Option<A>;
    fn keep(&self, stream: &str, aggregate: &A);
    fn drop_one(&self, stream: &str);
}

/// A bounded cache: the least useful aggregates make room.
pub(crate) struct BoundedCache<A>(Cache<String, A>);

impl<A: Clone> BoundedCache<A> {
    pub(crate) fn new(aggregates: usize) -> Self {
        Self(Cache::new(aggregates))
    }
}

impl<A: Clone + Send + Sync> AggregateCache<A> for BoundedCache<A> {
    fn take(&self, stream: &str) -> Option<A> {
        self.0.get(stream)
    }

    fn keep(&self, stream: &str, aggregate: &A) {
        self.0.insert(stream.to_owned(), aggregate.clone());
    }

    fn drop_one(&self, stream: &str) {
        self.0.remove(stream);
    }
}
