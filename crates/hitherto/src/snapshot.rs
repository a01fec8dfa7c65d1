//! Snapshots: folded states kept to save folding. A cache, never the truth.

use std::sync::Arc;
use std::time::Duration;

use hitherto_store::{EventId, SnapshotCache, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregate;

/// When to take a snapshot. Of several rules, whichever holds first counts.
///
/// ```
/// use std::time::Duration;
/// use hitherto::Snapshots;
///
/// let policy = Snapshots::every(100).or(Snapshots::older_than(Duration::from_hours(24)));
/// # let _ = policy;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshots {
    versions: Option<u64>,
    age: Option<Duration>,
    cost: Option<Duration>,
}

impl Snapshots {
    /// When so many versions came since the last one; at least 1.
    pub fn every(versions: u64) -> Self {
        Self { versions: Some(versions.max(1)), ..Self::default() }
    }

    /// When events came since the last one, or the first of all, over so long a time. Measured by
    /// when they were recorded, not by a clock: a stream in which nothing happens needs no
    /// snapshot.
    pub fn older_than(age: Duration) -> Self {
        Self { age: Some(age), ..Self::default() }
    }

    /// When loading what came since the last one took so long.
    pub fn when_slower_than(cost: Duration) -> Self {
        Self { cost: Some(cost), ..Self::default() }
    }

    /// Whichever of both holds first.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            versions: smaller(self.versions, other.versions),
            age: smaller(self.age, other.age),
            cost: smaller(self.cost, other.cost),
        }
    }

    /// Whether it must be known when events were recorded.
    pub(crate) fn asks_for_age(&self) -> bool {
        self.age.is_some()
    }

    /// Whether it is time, by what loading and saving the aggregate has shown.
    pub(crate) fn is_due(&self, load: &Load) -> bool {
        load.events > 0
            && (self.versions.is_some_and(|versions| load.events >= versions)
                || self.age.is_some_and(|age| load.span() >= age)
                || self.cost.is_some_and(|cost| load.took >= cost))
    }
}

/// The smaller limit: it is reached first.
fn smaller<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

/// What loading and saving an aggregate has shown.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    /// Events that came since the last snapshot.
    pub(crate) events: u64,
    /// When the last snapshot's last event, or the first event of all, was recorded, if that is
    /// known.
    pub(crate) since: Option<Timestamp>,
    /// When the last event was recorded, if that is known.
    pub(crate) latest: Option<Timestamp>,
    /// How long reading and folding them took.
    pub(crate) took: Duration,
}

impl Load {
    /// What is known right after a snapshot.
    pub(crate) fn after_snapshot(recorded_at: Option<Timestamp>) -> Self {
        Self { since: recorded_at, latest: recorded_at, ..Self::default() }
    }

    /// One more event was loaded.
    pub(crate) fn note(&mut self, recorded_at: Timestamp) {
        self.note_saved(1, Some(recorded_at));
    }

    /// So many more events were saved; when that was is not always asked for.
    pub(crate) fn note_saved(&mut self, events: u64, recorded_at: Option<Timestamp>) {
        self.events += events;
        self.since = self.since.or(recorded_at);
        self.latest = recorded_at.or(self.latest);
    }

    fn span(&self) -> Duration {
        self.since.zip(self.latest).map_or(Duration::ZERO, |(since, latest)| since.until(latest))
    }
}

/// A state and what it stands for.
#[derive(Serialize, Deserialize)]
struct Snapshot<S> {
    /// The type of the state: another type over the same streams must not take it for its own.
    of: String,
    /// The version of the state's shape.
    shape: u32,
    /// The version of the stream.
    version: u64,
    /// The id of the event that brought the stream to that version, so that a snapshot of another
    /// history is never taken for one of this. When it was recorded is asked of the event itself.
    event: String,
    state: S,
}

/// A state that was kept, and where it stands.
pub(crate) struct Kept<A> {
    pub(crate) aggregate: A,
    pub(crate) version: u64,
    pub(crate) event: EventId,
}

/// Puts and gets states of one aggregate type. Whatever goes wrong here costs time, and nothing
/// else.
pub(crate) trait SnapshotStore<A>: Send + Sync {
    fn policy(&self) -> &Snapshots;
    fn find(&self, stream: &str) -> Option<Kept<A>>;
    fn keep(&self, stream: &str, version: u64, event: EventId, aggregate: &A);
    fn clear(&self);
}

/// States as JSON in the store's snapshot cache.
pub(crate) struct JsonSnapshots {
    pub(crate) policy: Snapshots,
    pub(crate) cache: Arc<dyn SnapshotCache>,
}

impl<A: Aggregate + Serialize + DeserializeOwned> SnapshotStore<A> for JsonSnapshots {
    fn policy(&self) -> &Snapshots {
        &self.policy
    }

    fn find(&self, stream: &str) -> Option<Kept<A>> {
        let bytes = self.cache.get(stream)?;
        // The state is read last: one of another shape need not be readable at all.
        let snapshot: Snapshot<&serde_json::value::RawValue> =
            serde_json::from_slice(&bytes).ok()?;
        let is_ours = snapshot.of == std::any::type_name::<A>() && snapshot.shape == A::STATE;
        (is_ours && snapshot.version > 0).then_some(())?;
        Some(Kept {
            aggregate: serde_json::from_str(snapshot.state.get()).ok()?,
            version: snapshot.version,
            event: snapshot.event.parse().ok()?,
        })
    }

    fn keep(&self, stream: &str, version: u64, event: EventId, aggregate: &A) {
        let snapshot = Snapshot {
            of: std::any::type_name::<A>().to_owned(),
            shape: A::STATE,
            version,
            event: event.to_string(),
            state: aggregate,
        };
        if let Ok(bytes) = serde_json::to_vec(&snapshot) {
            // Without the snapshot the next load is slower, and right.
            let _ = self.cache.put(stream, &bytes);
        }
    }

    fn clear(&self) {
        // What cannot be removed was sealed under a key that is gone.
        let _ = self.cache.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(events: u64) -> Load {
        Load { events, ..Load::default() }
    }

    #[test]
    fn of_two_rules_the_one_that_holds_first_counts() {
        for policy in [
            Snapshots::every(100).or(Snapshots::every(10)),
            Snapshots::every(10).or(Snapshots::every(100)),
            Snapshots::older_than(Duration::from_secs(1)).or(Snapshots::every(10)),
        ] {
            assert!(policy.is_due(&load(10)), "{policy:?}");
            assert!(!policy.is_due(&load(9)), "{policy:?}");
        }
    }

    #[test]
    fn age_is_what_lies_between_events_and_not_since_1970() {
        let policy = Snapshots::older_than(Duration::from_mins(1));
        let second = |second: i64| Timestamp::from_nanos(second * 1_000_000_000);
        let mut load = Load::default();
        load.note(second(1_000));
        load.note(second(1_059));
        assert!(!policy.is_due(&load));
        load.note(second(1_060));
        assert!(policy.is_due(&load));
        let mut next = Load::after_snapshot(load.latest);
        next.note(second(1_119));
        assert!(!policy.is_due(&next));
        next.note(second(1_120));
        assert!(policy.is_due(&next));
    }

    #[test]
    fn a_slow_load_is_due_and_one_without_new_events_never() {
        let policy = Snapshots::when_slower_than(Duration::from_millis(5)).or(Snapshots::every(0));
        let slow = Load { took: Duration::from_millis(5), ..load(1) };
        assert!(policy.is_due(&slow));
        assert!(!policy.is_due(&Load { events: 0, ..slow }));
    }
}
