//! Keeps events in order on disk and gives them back.
//!
//! One append, one read, one follow; durable before it is acknowledged; no runtime needed.

mod append;
mod clock;
mod disk;
mod error;
mod event;
mod event_store;
mod events;
pub mod limits;
mod options;
#[cfg(feature = "planted-bugs")]
pub mod planted;
mod query;
mod record;
mod store;
mod ticket;

pub use append::{Append, Condition, ExpectedVersion, Saved, StreamWrite};
pub use clock::{Clock, SystemClock};
pub use disk::{Directory, Disk, DiskFile, MemoryDisk};
pub use error::{Conflict, Error, ErrorKind, Result};
pub use event::{
    ContentType, EventId, NewEvent, Position, StreamName, Tag, Timestamp, split_stream_name,
};
pub use event_store::{EventStore, SnapshotCache};
pub use events::{EventSource, Events};
pub use options::Options;
pub use query::{Bounds, Direction, Query, QueryItem};
pub use record::{Placement, Recorded};
pub use store::EmbeddedStore;
pub use ticket::{Completion, Ticket};
