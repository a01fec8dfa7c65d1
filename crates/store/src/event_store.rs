//! The small trait that every store implements, and that everything above is written against.

use std::sync::Arc;

use crate::append::{Append, Saved};
use crate::error::Result;
use crate::event::{EventId, Position};
use crate::events::Events;
use crate::query::Query;
use crate::record::Recorded;
use crate::ticket::Ticket;

/// Keeps events in order and gives them back: one way to write, one to read, one to follow.
///
/// The conformance suite (`hitherto-conformance`) says in named cases what each of these promises.
pub trait EventStore: Send + Sync + 'static {
    /// Appends all of it, or nothing. The ticket is answered when the events are durable.
    ///
    /// # Errors
    /// `Conflict` if an expected version or the condition does not hold, `Invalid` if it is over a
    /// limit or an event's id was used for another event, `Unavailable` if it could not be made
    /// durable (then the outcome is unknown: repeat it with the same ids), `Closed` after that.
    fn submit(&self, append: Append) -> Ticket;

    /// As [`EventStore::submit`], and waits.
    fn append(&self, append: Append) -> Result<Saved> {
        self.submit(append).wait()
    }

    /// The durable events that match, up to the moment of the call.
    fn read(&self, query: Query) -> Events;

    /// The durable events that match, and then each further one as soon as it is durable: without a
    /// gap, without a duplicate, for ever. Only forwards; an upper bound or a limit ends it.
    fn follow(&self, query: Query) -> Events;

    /// The event with this id, if there is one.
    fn find(&self, id: EventId) -> Ticket<Option<Recorded>>;

    /// The position of the last durable event; [`Position::START`] of an empty store.
    fn head(&self) -> Ticket<Position>;

    /// Where states folded from events may be kept, if this store has such a place.
    fn snapshots(&self) -> Option<Arc<dyn SnapshotCache>> {
        None
    }

    /// How often something was forgotten that may have been read before. Whoever keeps what it
    /// folded from events keeps this number with it, and drops it when the number is another one.
    fn forgettings(&self) -> u64 {
        0
    }
}

/// Bytes kept under a name beside the events. A cache: it may be emptied at any time, and what it
/// returns was put there before, but perhaps not the last that was put.
pub trait SnapshotCache: Send + Sync {
    /// What was put under this key, if it is still there.
    fn get(&self, key: &str) -> Option<Vec<u8>>;

    /// Puts bytes under a key, in place of what was there.
    fn put(&self, key: &str, value: &[u8]) -> Result<()>;

    /// Forgets everything.
    fn clear(&self) -> Result<()>;
}
