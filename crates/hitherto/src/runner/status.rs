//! What is seen of followers from outside: where they stand, how far behind, what is wrong.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hitherto_store::Position;

use super::board::Board;
use super::handler::Ended;

/// Where a follower stands, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What it is called.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// What it is doing.
    pub state: State,
    /// Everything up to here is handled or parked, in all partitions.
    pub position: Position,
    /// Where the last event of the store stands, as far as it is known.
    pub head: Position,
    /// For how long the oldest event that is not handled has been waiting.
    pub lag: Duration,
    /// Events handled a second, over the last seconds.
    pub rate: f64,
    /// How long it will take until it has caught up, if it goes on like this.
    pub time_left: Option<Duration>,
    /// Events that were handled since it was first started.
    pub handled: u64,
    /// Attempts that failed since it was first started.
    pub errors: u64,
    /// What went wrong last, since this process started.
    pub last_error: Option<String>,
    /// How many events are parked.
    pub parked: u64,
    /// In how many partitions it runs.
    pub partitions: u32,
}

impl Status {
    /// How many positions it is behind the end of the store.
    pub fn lag_events(&self) -> u64 {
        self.head.0.saturating_sub(self.position.0)
    }

    /// How much of the store it has behind it, from 0 to 1.
    pub fn progress(&self) -> f64 {
        if self.head == Position::START { 1.0 } else { self.position.0 as f64 / self.head.0 as f64 }
    }
}

/// What a follower is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It handles what happened before, and what is read is not up to date.
    CatchingUp,
    /// It is built from history, beside the version that is read.
    Building,
    /// It is complete, beside the version that is read, and waits for the switch.
    Ready,
    /// It handles events as they happen.
    Live,
    /// Something fails and is tried again.
    Retrying,
    /// It has ended.
    Ended(Ended),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CatchingUp => f.write_str("catching up"),
            Self::Building => f.write_str("building"),
            Self::Ready => f.write_str("ready"),
            Self::Live => f.write_str("live"),
            Self::Retrying => f.write_str("retrying"),
            Self::Ended(ended) => ended.fmt(f),
        }
    }
}

/// All followers of a store's handle, in the order in which they were started.
///
/// ```
/// use hitherto::Store;
///
/// let store = Store::in_memory();
/// for status in store.monitor().statuses() {
///     println!("{} {}: {} events behind", status.name, status.version, status.lag_events());
/// }
/// ```
#[derive(Clone, Default)]
pub struct Monitor(Arc<Mutex<Vec<Arc<Board>>>>);

impl Monitor {
    /// Where each follower stands now; those too that have ended.
    pub fn statuses(&self) -> Vec<Status> {
        let boards = self.lock().clone();
        boards.iter().map(|board| board.status()).collect()
    }

    /// Takes the place of an earlier follower of the same name and version.
    pub(crate) fn register(&self, board: &Arc<Board>) {
        let mut boards = self.lock();
        boards.retain(|other| !other.is_same_follower(board));
        boards.push(Arc::clone(board));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Board>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.statuses()).finish()
    }
}
