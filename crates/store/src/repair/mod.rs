//! Saves all that can be proven whole of a damaged store into a new one, and says what it could
//! not.
//!
//! Only the log is read, and only whole commits are taken: every event keeps its position, version,
//! id, time and bytes, so that whatever refers to it elsewhere stays right. Behind a loss the new
//! store goes on in a new log file whose header says that the positions before it were lost and
//! given up, so that it opens, takes appends, and is no longer damaged.

mod source;
mod target;
mod versions;
mod walk;

use std::path::Path;
use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Position;
use crate::load::disk_error;
use crate::open;
use crate::verify::{AcceptedLoss, Damage};

use source::Source;
use target::Target;
use walk::Walk;

/// What [`repair()`] saved, and what it could not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Salvage {
    /// Events that the new store has.
    pub events: u64,
    /// The commits that they were appended in.
    pub commits: u64,
    /// The last position that was given away, as far as known: the new store goes on behind it.
    pub head: Position,
    /// Where events were lost: the file and the offset at which nothing whole stands, and the
    /// positions that no event has any more. Of a compressed file the offset is that of the bytes
    /// before compression. Empty if every event was saved.
    pub losses: Vec<Damage>,
    /// Which versions of which streams are known to be among what was lost.
    pub lost_versions: Vec<LostVersions>,
    /// Damage that cost no event.
    pub mended: Vec<Damage>,
    /// What earlier repairs had lost already.
    pub earlier_losses: Vec<AcceptedLoss>,
}

/// Events of one stream that were lost: seen by the gap in its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LostVersions {
    /// The name of the stream.
    pub stream: String,
    /// The first version that is lost.
    pub first: u64,
    /// The last version that is lost.
    pub last: u64,
    /// The position of the stream's last event before them; 0 if there is none.
    pub after: Position,
    /// The position of the stream's next event behind them.
    pub before: Position,
}

/// Saves all that can be proven whole of the store at `from` into a new store at `to`, which must
/// not be there yet, or be an empty directory. The old store is not changed, and nobody may be
/// writing to it. Of a sound store, the new one is a copy.
///
/// Index files, snapshots and the like are not taken: they are made anew. What cannot be told apart
/// by anybody (a torn end from damage to the very last batch and the mark behind it) counts as the
/// end, as it does at every open.
///
/// ```
/// let path = std::env::temp_dir().join(format!("repair-{}", std::process::id()));
/// drop(hitherto_store::EmbeddedStore::open(path.join("old"))?);
/// let salvage = hitherto_store::repair(path.join("old"), path.join("new"))?;
/// assert!(salvage.losses.is_empty());
/// assert!(hitherto_store::verify(path.join("new"))?.damages.is_empty());
/// # std::fs::remove_dir_all(&path).ok();
/// # Ok::<(), hitherto_store::Error>(())
/// ```
///
/// # Errors
/// `NotFound` if there is no store at `from`, `Invalid` if there is something at `to`, `Corrupt` if
/// not even the store's id is left, `Unavailable` if somebody writes to the store or the disk is
/// full. Damage is no error but in the salvage.
pub fn repair(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<Salvage> {
    let (from, to) = (from.as_ref(), to.as_ref());
    let source = open::existing_directory(from)?;
    if to.exists() {
        refuse_occupied(&open::existing_directory(to)?, &to.display().to_string())?;
    }
    // Before anything is made for a store that is none.
    let source = Source::open(&(Arc::new(source) as Arc<dyn Disk>))?;
    let target = open::directory(to)?;
    salvage(&source, Arc::new(target))
}

/// As [`repair()`], on any disks.
#[expect(clippy::needless_pass_by_value, reason = "as `verify_disk` takes it")]
pub fn repair_disk(from: Arc<dyn Disk>, to: Arc<dyn Disk>) -> Result<Salvage> {
    refuse_occupied(&*to, "the disk of the new store")?;
    salvage(&Source::open(&from)?, to)
}

fn salvage(source: &Source, to: Arc<dyn Disk>) -> Result<Salvage> {
    let _lock = to.lock().map_err(disk_error("the new store's directory cannot be locked"))?;
    let identity = source.identity(SystemClock.now());
    let target = Target::new(to, identity);
    let mut walk = Walk::new(source, target);
    walk.over_all_files()?;
    walk.finish()
}

fn refuse_occupied(disk: &dyn Disk, name: &str) -> Result<()> {
    let names = disk.list().map_err(disk_error("the new store's directory could not be listed"))?;
    if names.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Invalid,
        format!("{name} is not empty: name a new directory for what is saved, or empty this one"),
    ))
}
