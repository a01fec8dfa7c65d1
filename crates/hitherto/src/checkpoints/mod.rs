//! Where followers that have no database of their own keep how far they have come, and what is
//! parked: in memory, or in a directory.

mod directory;
mod kept;
mod reacting;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub use directory::{CheckpointFile, checkpoint_files};
pub(crate) use kept::{KeptByAll, SharedKept};
pub use reacting::Reaction;
pub(crate) use reacting::{Effects, MakeEffects};

use crate::runner::Target;
use crate::{Error, Result};

/// Keeps checkpoints of reactions: of whatever has its effect outside of a transaction.
///
/// ```
/// use hitherto::checkpoints::Checkpoints;
/// use hitherto::projection::Definition;
/// use hitherto::runner::{Settings, follow};
/// use hitherto::{Append, NewEvent, Query, Store, StoredEvent};
///
/// # hitherto::wait(async {
/// let store = Store::in_memory();
/// let checkpoints = Checkpoints::in_memory(); // or Checkpoints::in_directory("checkpoints")?
/// let printed = checkpoints.of("printer", |event: &StoredEvent| {
///     println!("{}", event.kind());
///     Ok(())
/// })?;
/// let definition = Definition::new("printer", 1, Query::all());
/// let printer = follow(&store, definition, printed, Settings::default())?;
///
/// let saved = store.append(Append::to("door-1").event(NewEvent::json("Opened", "{}"))).await?;
/// printer.reached(saved.position).await?;
/// # Ok::<(), hitherto::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Checkpoints(Arc<Place>);

enum Place {
    Memory(Mutex<HashMap<String, SharedKept>>),
    Directory(PathBuf),
}

impl Checkpoints {
    /// Checkpoints that live as long as the handles on them.
    pub fn in_memory() -> Self {
        Self(Arc::new(Place::Memory(Mutex::default())))
    }

    /// Checkpoints in the files of a directory, one for each follower; it is made if it is not
    /// there. What is kept is on disk before it counts.
    ///
    /// # Errors
    /// `Unavailable` if the directory cannot be made.
    pub fn in_directory(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        directory::create(&path)?;
        Ok(Self(Arc::new(Place::Directory(path))))
    }

    /// Opens what is kept of a follower, for a reaction that is called for each of its events.
    ///
    /// In memory, whoever opened it before cannot go on. In a directory, it can be opened when
    /// nobody else has it open.
    ///
    /// # Errors
    /// `Unavailable` if another process has it open, or the disk does not take it; `Corrupt` if the
    /// file is no checkpoint.
    pub fn of(&self, name: &str, reaction: impl Reaction) -> Result<Box<dyn Target>> {
        self.target_of(name, reacting::one_by_one(Arc::new(reaction)))
    }

    /// Opens what is kept of a follower, for effects in batches.
    pub(crate) fn target_of(&self, name: &str, make: MakeEffects) -> Result<Box<dyn Target>> {
        let kept = match &*self.0 {
            Place::Directory(path) => directory::open(path, name)?,
            Place::Memory(all) => {
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(all.entry(name.to_owned()).or_default())
            }
        };
        Ok(reacting::target(KeptByAll::open(kept), make))
    }
}

impl std::fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.0 {
            Place::Memory(_) => f.write_str("Checkpoints(in memory)"),
            Place::Directory(path) => write!(f, "Checkpoints({})", path.display()),
        }
    }
}

/// What went wrong with a file, with its name.
fn of_file(path: &Path, what: &str, error: std::io::Error) -> Error {
    Error::unavailable(format!("{} could not be {what}", path.display())).because(error)
}
