//! States kept beside the log, in one file that may be deleted at any time.
//!
//! Entries are appended and never synced; the newest of a key counts. What a crash leaves torn is
//! cut off, because nothing is lost with it but time (the log-structured table of Bitcask, made
//! smaller).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};
use crate::event_store::SnapshotCache;
use crate::planted::checksum_fits;
use crate::sync::{Mutex, MutexGuard};

const FILE: &str = "snapshots.cache";
const TEMPORARY: &str = "snapshots.tmp";
const HEADER_BYTES: usize = 12;
/// The file is rewritten when it is over this size and more than half of it is superseded.
const COMPACT_BYTES: u64 = 4 << 20;
/// A longer entry is taken for damage, and is refused when it is put.
const VALUE_BYTES_MAX: usize = 256 << 20;

/// The snapshots of an embedded store.
pub(crate) struct SnapshotFile {
    disk: Arc<dyn Disk>,
    may_write: bool,
    state: Mutex<Option<State>>,
}

struct State {
    file: Arc<dyn DiskFile>,
    end: u64,
    /// Where the newest value of each key stands, and how long it is.
    values: HashMap<String, (u64, usize)>,
    live_bytes: u64,
}

impl SnapshotFile {
    pub(crate) fn new(disk: Arc<dyn Disk>, may_write: bool) -> Self {
        Self { disk, may_write, state: Mutex::new(None) }
    }

    /// Opens the file when it is first needed; `None` if there is none and none may be made.
    fn open(&self) -> Result<MutexGuard<'_, Option<State>>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_none() {
            *state = match self.disk.open(FILE) {
                Ok(file) => Some(State::read(file).map_err(failed)?),
                Err(_) if self.may_write => {
                    Some(State::empty(self.disk.create(FILE).map_err(failed)?))
                }
                Err(_) => None,
            };
        }
        Ok(state)
    }

    /// Forgets the snapshots of some streams, so that nothing of them is left on disk.
    pub(crate) fn forget(&self, is_forgotten: impl Fn(&str) -> bool) -> Result<()> {
        let mut state = self.open()?;
        let Some(state) = state.as_mut() else { return Ok(()) };
        let before = state.values.len();
        state.values.retain(|key, _| !is_forgotten(key));
        if state.values.len() == before { Ok(()) } else { self.compact(state).map_err(failed) }
    }

    fn compact(&self, state: &mut State) -> std::io::Result<()> {
        let _ = self.disk.remove(TEMPORARY);
        let mut compacted = State::empty(self.disk.create(TEMPORARY)?);
        for (key, &(offset, length)) in &state.values {
            if let Some(value) = state.value_at(offset, length) {
                compacted.put(key, &value)?;
            }
        }
        self.disk.rename(TEMPORARY, FILE)?;
        *state = compacted;
        Ok(())
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::unavailable("the snapshots could not be used; events are not concerned").because(error)
}

impl SnapshotCache for SnapshotFile {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        let state = self.open().ok()?;
        let state = state.as_ref()?;
        let &(offset, length) = state.values.get(key)?;
        state.value_at(offset, length)
    }

    fn put(&self, key: &str, value: &[u8]) -> Result<()> {
        if !self.may_write {
            return Err(Error::invalid("this store was opened read-only: snapshots cannot be put"));
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(Error::invalid(format!(
                "a snapshot of {} bytes is over the limit of {VALUE_BYTES_MAX}: keep less state",
                value.len()
            )));
        }
        let mut state = self.open()?;
        let state = state.as_mut().expect("a store that may write has the file");
        state.put(key, value).map_err(failed)?;
        if state.end > COMPACT_BYTES.max(2 * state.live_bytes) {
            self.compact(state).map_err(failed)?;
        }
        Ok(())
    }

    fn clear(&self) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = None;
        match self.disk.remove(FILE) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }
}

impl State {
    fn empty(file: Arc<dyn DiskFile>) -> Self {
        Self { file, end: 0, values: HashMap::new(), live_bytes: 0 }
    }

    /// Takes in all whole entries from the start.
    fn read(file: Arc<dyn DiskFile>) -> std::io::Result<Self> {
        let mut bytes = vec![0; usize::try_from(file.len()?).map_err(std::io::Error::other)?];
        let filled = file.read_at(&mut bytes, 0)?;
        let mut state = Self::empty(file);
        let mut rest = &bytes[..filled];
        while let Some((key, value)) = decode(rest) {
            state.note(key, value.len());
            rest = &rest[HEADER_BYTES + key.len() + value.len()..];
        }
        Ok(state)
    }

    fn put(&mut self, key: &str, value: &[u8]) -> std::io::Result<()> {
        self.file.write_at(&encode(key, value), self.end)?;
        self.note(key, value.len());
        Ok(())
    }

    /// Notes the entry at the end as the newest of its key.
    fn note(&mut self, key: &str, length: usize) {
        let entry = |length: usize| (HEADER_BYTES + key.len() + length) as u64;
        let value_offset = self.end + (HEADER_BYTES + key.len()) as u64;
        let replaced = self.values.insert(key.to_owned(), (value_offset, length));
        self.live_bytes -= replaced.map_or(0, |(_, length)| entry(length));
        self.live_bytes += entry(length);
        self.end += entry(length);
    }

    /// A value, if it still is what was put.
    fn value_at(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        let mut value = vec![0; length];
        let filled = self.file.read_at(&mut value, offset).ok()?;
        (filled == length).then_some(value)
    }
}

/// Checksum, lengths of key and value, key, value.
fn encode(key: &str, value: &[u8]) -> Vec<u8> {
    let mut entry = vec![0; 4];
    entry.extend_from_slice(&(key.len() as u32).to_le_bytes());
    entry.extend_from_slice(&(value.len() as u32).to_le_bytes());
    entry.extend_from_slice(key.as_bytes());
    entry.extend_from_slice(value);
    let checksum = crc32c::crc32c(&entry[4..]);
    entry[..4].copy_from_slice(&checksum.to_le_bytes());
    entry
}

fn decode(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let number = |place: usize| {
        let four = bytes.get(place..place + 4)?;
        Some(u32::from_le_bytes(four.try_into().ok()?))
    };
    let (checksum, key_len, value_len) = (number(0)?, number(4)? as usize, number(8)? as usize);
    let key = bytes.get(HEADER_BYTES..HEADER_BYTES.checked_add(key_len)?)?;
    let value_start = HEADER_BYTES + key_len;
    let value = bytes.get(value_start..value_start.checked_add(value_len)?)?;
    let is_whole = checksum_fits(checksum, crc32c::crc32c(&bytes[4..value_start + value_len]));
    is_whole.then_some((std::str::from_utf8(key).ok()?, value))
}
