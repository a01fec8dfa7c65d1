//! What must hold of a store after a power cut, whenever it came.

use std::collections::HashMap;
use std::path::Path;

use hitherto_store::{
    EmbeddedStore, ErrorKind, EventStore, NewEvent, Position, Query, Recorded, StreamName, verify,
};

use crate::load::{Key, THREADS, Way, boundary, options, own_stream};
use crate::promise::Promise;

/// A round that no workload reaches.
const ROUND_OF_CHECK: u64 = u32::MAX as u64;

/// Enough for all ways to write but the largest.
const APPENDS: u64 = 6;

/// Opens the store, checks all that was promised and all that must always hold, appends, and looks
/// again.
pub(crate) fn check(path: &Path, promised: &[Promise]) -> Result<(), String> {
    check_damage(path, promised.is_empty())?;
    let mut options = options(ROUND_OF_CHECK);
    options.raw_bytes_max = u64::MAX; // compressing would take half of the time
    let store = EmbeddedStore::open_with(path, options)
        .map_err(|error| format!("the store cannot be opened: {error}"))?;
    let mut history = History::default();
    history.read_on(&store)?;
    for promise in promised {
        history.check_promise(promise)?;
    }
    history.check_snapshots(&store)?;
    repeat_last(&store, promised)?;
    append_more(&store)?;
    history.read_on(&store)?;
    history.check_indexes(&store)?;
    store.close().map_err(|error| format!("the store cannot be closed: {error}"))?;
    check_damage(path, false)?;
    history.check_end()
}

/// Before the first promise, there may be no store yet.
fn check_damage(path: &Path, may_be_missing: bool) -> Result<(), String> {
    match verify(path) {
        Ok(report) if report.damages.is_empty() => Ok(()),
        Ok(report) => Err(format!("verify reports damage: {:?}", report.damages)),
        Err(error) if may_be_missing && error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("verify cannot read the store: {error}")),
    }
}

/// The commits of a store, each with its first position.
#[derive(Default)]
struct History {
    commits: Vec<(Position, Key)>,
    streams: HashMap<String, Vec<Position>>,
    /// Events that the conditions of a thread look at.
    boundaries: HashMap<u64, Vec<Position>>,
    head: Position,
}

impl History {
    /// Reads every event that it does not know: all of whole commits.
    fn read_on(&mut self, store: &EmbeddedStore) -> Result<(), String> {
        let mut expected = Vec::new().into_iter();
        for event in store.read(Query::all().after(self.head)) {
            let event = event.map_err(|error| format!("an event cannot be read: {error}"))?;
            self.check_place(&event)?;
            if expected.len() == 0 {
                let key = Key::of(&event)?;
                self.commits.push((event.position(), key));
                if key.way() == Way::Condition {
                    self.boundaries.entry(key.thread).or_default().push(event.position());
                }
                expected = events_of(key).into_iter();
            }
            let (stream, new): (Option<StreamName>, NewEvent) =
                expected.next().expect("every append has events");
            if !event.is_same_event(stream.as_ref(), &new) {
                return Err(format!("{event:?} is not the {new:?} that was appended"));
            }
        }
        if expected.len() > 0 {
            return Err(format!("half a commit: its last {} events are missing", expected.len()));
        }
        Ok(())
    }

    /// Positions and versions have no gap.
    fn check_place(&mut self, event: &Recorded) -> Result<(), String> {
        self.head = self.head.next();
        if event.position() != self.head {
            return Err(format!("{event:?} stands at position {}", self.head));
        }
        let Some(stream) = event.stream() else { return Ok(()) };
        let positions = self.streams.entry(stream.to_owned()).or_default();
        positions.push(self.head);
        if event.version() == positions.len() as u64 {
            return Ok(());
        }
        Err(format!("{event:?} should have version {}", positions.len()))
    }

    /// What indexes find is what was found by looking at every event.
    fn check_indexes(&self, store: &EmbeddedStore) -> Result<(), String> {
        let streams = self.streams.iter().map(|(name, at)| (Query::stream(name.as_str()), at));
        let boundaries = self.boundaries.iter().map(|(thread, at)| (boundary(*thread), at));
        for (query, expected) in streams.chain(boundaries) {
            let found = store.read(query.clone()).map(|event| event.map(|event| event.position()));
            let found = found.collect::<Result<Vec<_>, _>>();
            let found = found.map_err(|error| format!("{query:?} cannot be read: {error}"))?;
            if found != *expected {
                return Err(format!("{query:?} finds {found:?} instead of {expected:?}"));
            }
        }
        Ok(())
    }

    /// A snapshot may be lost, but it is never another one, nor of what is not there.
    fn check_snapshots(&self, store: &EmbeddedStore) -> Result<(), String> {
        let snapshots = store.snapshots().ok_or("the store has no place for snapshots")?;
        for thread in 0..THREADS {
            let Some(snapshot) = snapshots.get(own_stream(thread).as_str()) else { continue };
            let key: Key = String::from_utf8_lossy(&snapshot).parse()?;
            if snapshot != key.snapshot() {
                return Err(format!("the snapshot of {key} is not what was put"));
            }
            if !self.commits.iter().any(|(_, commit)| *commit == key) {
                return Err(format!("there is a snapshot of {key}, but its events are not there"));
            }
        }
        Ok(())
    }

    /// The last commits are those that were appended now.
    fn check_end(&self) -> Result<(), String> {
        let first = self.commits.len().saturating_sub(APPENDS as usize);
        let last = self.commits[first..].iter().map(|(_, key)| *key);
        if last.eq((0..APPENDS).map(key_of_check)) {
            return Ok(());
        }
        Err("what was appended after the power cut is not at the end".to_owned())
    }

    fn check_promise(&self, promise: &Promise) -> Result<(), String> {
        let found = self.commits.binary_search_by_key(&promise.position, |(first, _)| *first);
        let found = found.ok().map(|index| self.commits[index].1);
        if found == Some(promise.key) {
            return Ok(());
        }
        let there = found.map_or("nothing".to_owned(), |key| format!("append {key}"));
        Err(format!(
            "lost: append {} was promised at position {}; there begins {there}, and the store ends \
             at {}",
            promise.key, promise.position, self.head
        ))
    }
}

fn key_of_check(number: u64) -> Key {
    Key { round: ROUND_OF_CHECK, thread: THREADS, number }
}

fn events_of(key: Key) -> Vec<(Option<StreamName>, NewEvent)> {
    let writes = key.append(0, Position::START).writes;
    let of = |write: hitherto_store::StreamWrite| {
        write.events.into_iter().map(move |event| (write.stream.clone(), event))
    };
    writes.into_iter().flat_map(of).collect()
}

/// What is known is not stored again.
fn repeat_last(store: &EmbeddedStore, promised: &[Promise]) -> Result<(), String> {
    let Some(promise) = promised.last() else { return Ok(()) };
    let append = promise.key.append(0, Position::START);
    let saved = store.append(append).map_err(|error| format!("a repeat is refused: {error}"))?;
    if saved.repeated && saved.first_position == promise.position {
        return Ok(());
    }
    Err(format!("append {}, repeated, was answered with {saved:?}", promise.key))
}

/// All ways to write, from a thread that the workload does not have.
fn append_more(store: &EmbeddedStore) -> Result<(), String> {
    let mut version = 0;
    for number in 0..APPENDS {
        let key = key_of_check(number);
        let head = store.head().wait().map_err(|error| error.to_string())?;
        let saved = store.append(key.append(version, head));
        let saved = saved.map_err(|error| format!("append {key} is refused: {error}"))?;
        if !matches!(key.way(), Way::Condition | Way::Twice) {
            version = saved.versions[0];
        }
    }
    Ok(())
}
