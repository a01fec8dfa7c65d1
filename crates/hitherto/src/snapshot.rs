//! Snapshots: folded states kept to save folding. A cache, never the truth.

use std::sync::Arc;
use std::time::Duration;

use hitherto_store::{EventId, SnapshotCache, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::aggregate::Aggregate;

/// When to take a snapshot. Of several rules the first that holds counts.
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

    /// When the last one is so old, or there is none and the first event is so old.
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
            versions: self.versions.or(other.versions),
            age: self.age.or(other.age),
            cost: self.cost.or(other.cost),
        }
    }

    /// Whether it is time, by what loading the aggregate has shown.
    pub(crate) fn is_due(&self, load: &Load) -> bool {
        load.events > 0
            && (self.versions.is_some_and(|versions| load.events >= versions)
                || self.age.is_some_and(|age| load.since.until(load.latest) >= age)
                || self.cost.is_some_and(|cost| load.took >= cost))
    }
}

/// What loading an aggregate has shown.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    /// Events that came since the last snapshot.
    pub(crate) events: u64,
    /// When the last snapshot's last event, or the first event of all, was recorded.
    pub(crate) since: Timestamp,
    /// When the last event was recorded.
    pub(crate) latest: Timestamp,
    /// How long folding them took.
    pub(crate) took: Duration,
}

/// A state and what it stands for.
#[derive(Serialize, Deserialize)]
struct Snapshot<S> {
    /// The version of the state's shape.
    shape: u32,
    /// The version of the stream.
    version: u64,
    /// The id of the event that brought the stream to that version, so that a snapshot of another
    /// history is never taken for one of this.
    event: String,
    /// When that event was recorded, in nanoseconds since 1970.
    recorded_at: i64,
    state: S,
}

/// A state that was kept, and where it stands.
pub(crate) struct Kept<A> {
    pub(crate) aggregate: A,
    pub(crate) version: u64,
    pub(crate) event: EventId,
    pub(crate) recorded_at: Timestamp,
}

/// Puts and gets states of one aggregate type. Whatever goes wrong here costs time, and nothing
/// else.
pub(crate) trait SnapshotStore<A>: Send + Sync {
    fn policy(&self) -> &Snapshots;
    fn find(&self, stream: &str) -> Option<Kept<A>>;
    fn keep(&self, stream: &str, at: (u64, EventId, Timestamp), aggregate: &A);
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
        let snapshot: Snapshot<A> = serde_json::from_slice(&bytes).ok()?;
        (snapshot.shape == A::STATE).then_some(())?;
        Some(Kept {
            aggregate: snapshot.state,
            version: snapshot.version,
            event: snapshot.event.parse().ok()?,
            recorded_at: Timestamp::from_nanos(snapshot.recorded_at),
        })
    }

    fn keep(&self, stream: &str, (version, event, recorded_at): (u64, EventId, Timestamp), a: &A) {
        let snapshot = Snapshot {
            shape: A::STATE,
            version,
            event: event.to_string(),
            recorded_at: recorded_at.as_nanos(),
            state: a,
        };
        if let Ok(bytes) = serde_json::to_vec(&snapshot) {
            // Without the snapshot the next load is slower, and right.
            let _ = self.cache.put(stream, &bytes);
        }
    }
}
