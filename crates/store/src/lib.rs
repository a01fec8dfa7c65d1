//! Keeps events in order on disk and gives them back.
//!
//! One way to write ([`EventStore::append`]), one to read ([`EventStore::read`]), one to follow
//! ([`EventStore::follow`]). An append is acknowledged when its bytes are synced; all of it is
//! written, or nothing; a reader never skips an event. No runtime is needed, and none is in the
//! way: calls block, or return a [`Ticket`] that can be awaited.
//!
//! ```
//! use hitherto_store::{Append, EmbeddedStore, EventStore, ExpectedVersion, NewEvent, Query};
//!
//! let store = EmbeddedStore::in_memory(); // or EmbeddedStore::open("bank.hitherto")?
//! store.append(Append::to("account-1").event(NewEvent::json("AccountOpened", "{}")))?;
//! let deposited = NewEvent::json("MoneyDeposited", r#"{"amount":500}"#);
//! store.append(Append::to("account-1").expect(ExpectedVersion::Exact(1)).event(deposited))?;
//!
//! for event in store.read(Query::stream("account-1")) {
//!     let event = event?;
//!     println!("{} {}", event.version(), event.kind());
//! }
//! # Ok::<(), hitherto_store::Error>(())
//! ```

#![cfg_attr(hitherto_model, allow(clippy::large_enum_variant, reason = "modelled locks are large"))]

mod append;
mod archive;
mod backup;
mod cache;
mod clock;
mod commit_queue;
mod conditions;
mod cursor;
mod digest;
mod disk;
mod error;
mod event;
mod event_store;
mod events;
mod followers;
mod index;
pub mod limits;
mod load;
mod log;
mod merging;
mod new_ids;
mod open;
mod options;
mod pace;
mod page;
pub mod personal;
#[cfg(not(feature = "planted-bugs"))]
mod planted;
#[cfg(feature = "planted-bugs")]
pub mod planted;
mod query;
mod read_ahead;
mod reader;
mod rebuild;
mod record;
mod repair;
mod resolved;
mod retention;
mod roll;
mod scavenge;
mod scrub;
mod sealed_log;
mod segment;
mod shared;
mod snapshots;
mod stat;
mod store;
#[cfg(not(hitherto_model))]
mod sync;
#[cfg(hitherto_model)]
#[path = "../../../tests/model/src/sync.rs"]
mod sync;
mod tail;
mod ticket;
mod upkeep;
mod verify;
mod wait;
mod writer;

pub use append::{Append, Condition, ExpectedVersion, Saved, StreamWrite};
pub use archive::{Archive, ArchiveOpener, Archived, DirectoryArchive, open_archives_with};
pub use backup::{Backup, check_backup, check_backup_disk, restore, restore_disk};
pub use clock::{Clock, SystemClock};
pub use digest::Digest;
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
pub use repair::{LostVersions, Salvage, repair, repair_disk};
pub use retention::{Before, Hold, Keep, Policies, Policy, Removed, Target};
pub use scavenge::Scavenged;
pub use scrub::ScrubStat;
pub use stat::{FileStat, IndexStat, Stat, StreamSummary};
pub use store::EmbeddedStore;
pub use ticket::{Completion, Ticket};
pub use verify::{AcceptedLoss, Damage, Report, verify, verify_disk};
pub use wait::wait;
