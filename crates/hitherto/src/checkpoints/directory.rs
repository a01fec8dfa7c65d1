//! Checkpoints in files: one small file a follower, written beside, synced, and put in place.
//!
//! `NAME.checkpoint` is JSON; `NAME.lock` is held as long as somebody runs the follower;
//! `NAME.POSITION.order` is an order for a parked event, left by whoever gives it.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hitherto_store::{Position, Timestamp};
use serde::{Deserialize, Serialize};

use super::kept::{Kept, KeptOnce, SharedKept};
use super::of_file;
use crate::runner::{Order, Parked, Tally};
use crate::{Error, EventId, Result};

const FORMAT: u32 = 1;
const CHECKPOINT: &str = "checkpoint";

/// The file that keeps how far one follower has come.
#[derive(Debug)]
pub struct CheckpointFile {
    directory: PathBuf,
    name: String,
    /// Held by whoever runs the follower.
    _lock: Option<File>,
}

#[derive(Serialize, Deserialize)]
struct Form {
    format: u32,
    name: String,
    partitions: Vec<PartitionForm>,
    parked: Vec<ParkedForm>,
}

#[derive(Serialize, Deserialize)]
struct PartitionForm {
    position: u64,
    handled: u64,
    errors: u64,
}

#[derive(Serialize, Deserialize)]
struct ParkedForm {
    position: u64,
    event: String,
    kind: String,
    key: String,
    error: String,
    attempts: u32,
    since: i64,
}

/// The checkpoints in a directory, by name: to look at, also while they are in use.
///
/// # Errors
/// `NotFound` if there is no such directory, `Unavailable` if it cannot be read.
pub fn checkpoint_files(directory: impl AsRef<Path>) -> Result<Vec<CheckpointFile>> {
    let directory = directory.as_ref();
    if !directory.is_dir() {
        let message = format!("there is no directory {}", directory.display());
        return Err(Error::not_found(message));
    }
    let name_of = |path: PathBuf| {
        let is_checkpoint = path.extension().is_some_and(|extension| extension == CHECKPOINT);
        is_checkpoint.then(|| Some(path.file_stem()?.to_str()?.to_owned())).flatten()
    };
    let mut names = entries(directory)?.into_iter().filter_map(name_of).collect::<Vec<_>>();
    names.sort();
    let file = |name| CheckpointFile { directory: directory.to_owned(), name, _lock: None };
    Ok(names.into_iter().map(file).collect())
}

impl CheckpointFile {
    /// What the follower is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How far its partitions have come, and what they have counted.
    ///
    /// # Errors
    /// `Corrupt` if the file is no checkpoint, `Unavailable` if it cannot be read.
    pub fn partitions(&self) -> Result<Vec<(Position, Tally)>> {
        Ok(self.read()?.partitions)
    }

    /// What is parked, in order, with the orders that were left for it.
    ///
    /// # Errors
    /// As [`CheckpointFile::partitions`].
    pub fn parked(&self) -> Result<Vec<Parked>> {
        let orders = self.orders()?;
        let with_order = |mut parked: Parked| {
            parked.order = orders.get(&parked.position).copied();
            parked
        };
        Ok(self.read()?.parked.into_values().map(with_order).collect())
    }

    /// Leaves an order for a parked event: carried out when the follower runs, within a second.
    ///
    /// # Errors
    /// `NotFound` if nothing is parked there; as [`CheckpointFile::partitions`].
    pub fn order(&self, position: Position, order: Order) -> Result<()> {
        if !self.read()?.parked.contains_key(&position) {
            return Err(Error::not_found(format!(
                "{}: nothing is parked at position {position}",
                self.name
            )));
        }
        self.write_order(position, order)
    }

    pub(super) fn orders(&self) -> Result<HashMap<Position, Order>> {
        let order = |path: PathBuf| {
            let name = path.file_name()?.to_str()?.strip_suffix(".order")?;
            let position = name.strip_prefix(&self.name)?.strip_prefix('.')?.parse().ok()?;
            let word = fs::read_to_string(&path).ok()?;
            Some((Position(position), Order::from_word(word.trim())?))
        };
        Ok(entries(&self.directory)?.into_iter().filter_map(order).collect())
    }

    pub(super) fn write_order(&self, position: Position, order: Order) -> Result<()> {
        let name = format!("{}.{position}.order", self.name);
        write_whole(&self.directory, &name, order.as_str().as_bytes())
    }

    /// If it cannot be removed, the event is tried once more than was asked for: no harm.
    pub(super) fn remove_order(&self, position: Position) {
        let _ = fs::remove_file(self.directory.join(format!("{}.{position}.order", self.name)));
    }

    pub(super) fn write(&self, kept: &Kept) -> Result<()> {
        let partition = |(position, tally): &(Position, Tally)| PartitionForm {
            position: position.0,
            handled: tally.handled,
            errors: tally.errors,
        };
        let form = Form {
            format: FORMAT,
            name: self.name.clone(),
            partitions: kept.partitions.iter().map(partition).collect(),
            parked: kept.parked.values().map(ParkedForm::from).collect(),
        };
        let bytes = serde_json::to_vec_pretty(&form).map_err(|error| {
            Error::invalid(format!("the checkpoint of {} has no JSON", self.name)).because(error)
        })?;
        write_whole(&self.directory, &format!("{}.{CHECKPOINT}", self.name), &bytes)
    }

    fn read(&self) -> Result<Kept> {
        let path = self.directory.join(format!("{}.{CHECKPOINT}", self.name));
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Kept::default());
            }
            Err(error) => return Err(of_file(&path, "read", error)),
        };
        let no_checkpoint = |why: String| {
            Error::corrupt(format!(
                "{} is no checkpoint: {why}; put back a copy, or remove it to begin anew",
                path.display()
            ))
        };
        let form = serde_json::from_slice::<Form>(&bytes);
        let form = form.map_err(|error| no_checkpoint(error.to_string()))?;
        if form.format != FORMAT {
            return Err(no_checkpoint(format!("its format is {}, not {FORMAT}", form.format)));
        }
        let parked = form.parked.into_iter().map(Parked::try_from).collect::<Result<Vec<_>>>()?;
        let partition = |form: PartitionForm| {
            (Position(form.position), Tally { handled: form.handled, errors: form.errors })
        };
        Ok(Kept {
            partitions: form.partitions.into_iter().map(partition).collect(),
            parked: parked.into_iter().map(|parked| (parked.position, parked)).collect(),
        })
    }
}

impl From<&Parked> for ParkedForm {
    fn from(parked: &Parked) -> Self {
        Self {
            position: parked.position.0,
            event: parked.event.to_string(),
            kind: parked.kind.clone(),
            key: parked.key.clone(),
            error: parked.error.clone(),
            attempts: parked.attempts,
            since: parked.since.as_nanos(),
        }
    }
}

impl TryFrom<ParkedForm> for Parked {
    type Error = Error;

    fn try_from(form: ParkedForm) -> Result<Self> {
        Ok(Self {
            position: Position(form.position),
            event: form.event.parse::<EventId>()?,
            kind: form.kind,
            key: form.key,
            error: form.error,
            attempts: form.attempts,
            since: Timestamp::from_nanos(form.since),
            order: None,
        })
    }
}

/// Makes the directory, durably.
pub(super) fn create(directory: &Path) -> Result<()> {
    fs::create_dir_all(directory).map_err(|error| of_file(directory, "made", error))?;
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_directory(parent.unwrap_or(Path::new(".")))
}

/// Takes the lock of a follower and reads what is kept of it.
pub(super) fn open(directory: &Path, name: &str) -> Result<SharedKept> {
    let path = directory.join(format!("{name}.lock"));
    let lock = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = lock.map_err(|error| of_file(&path, "opened", error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::unavailable(format!(
                "{name} is running already: somebody holds {}",
                path.display()
            )));
        }
        Err(TryLockError::Error(error)) => return Err(of_file(&path, "locked", error)),
    }
    let file = CheckpointFile {
        directory: directory.to_owned(),
        name: name.to_owned(),
        _lock: Some(lock),
    };
    let once = KeptOnce { kept: file.read()?, file: Some(file), ..KeptOnce::default() };
    Ok(Arc::new(Mutex::new(once)))
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let read =
        || fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>();
    read().map_err(|error| of_file(directory, "read", error))
}

/// Writes a file so that it is there whole, or as it was before.
fn write_whole(directory: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let (beside, place) = (directory.join(format!("{name}.new")), directory.join(name));
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &place)
    };
    write().map_err(|error| of_file(&place, "written", error))?;
    sync_directory(directory)
}

fn sync_directory(directory: &Path) -> Result<()> {
    let synced = File::open(directory).and_then(|opened| opened.sync_all());
    synced.map_err(|error| of_file(directory, "synced", error))
}
