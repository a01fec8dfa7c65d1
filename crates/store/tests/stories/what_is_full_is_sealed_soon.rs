//! The index of what is not sealed yet is in memory, so nothing holds up sealing, and whoever
//! appends faster than it waits.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, Options, Position, SystemClock};

use crate::common::hooked::HookedDisk;

/// The least memory that can be allowed: a quarter of it is for what waits to be sealed. That is
/// some 20,000 events; a log file and an append more may come until that is noticed.
const MEMORY_BYTES: u64 = 8 << 20;
const WAITING_MAX: u64 = 40_000;
const FILE_EVENTS_MAX: u64 = 20_000;
const APPEND_EVENTS: u64 = 1000;

#[test]
fn a_merge_that_takes_long_holds_up_no_sealing() {
    let disk = HookedDisk::default();
    let (sealed, seals) = channel();
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    on_every_index(&disk, move |_, is_merge| {
        if is_merge {
            let _ = released.lock().unwrap().recv();
        } else {
            let _ = sealed.send(());
        }
    });
    let store = open(&disk, 16 << 10);
    for _ in 0..200 {
        store.append(Append::to("a").event(event(2000))).unwrap();
    }
    for _ in 0..20 {
        seals.recv_timeout(Duration::from_mins(1)).expect("what is full is sealed");
    }
    drop(release);
    store.close().unwrap();
}

#[test]
fn who_appends_faster_than_is_sealed_waits() {
    let disk = HookedDisk::default();
    let appended = Arc::new(AtomicU64::new(0));
    let (most, seen) = (Arc::new(AtomicU64::new(0)), Arc::clone(&appended));
    let noted = Arc::clone(&most);
    let (_never, nothing) = channel::<()>();
    let nothing = Mutex::new(nothing);
    on_every_index(&disk, move |first, is_merge| {
        if is_merge {
            return;
        }
        let waited = rest(&nothing.lock().unwrap());
        assert_eq!(waited, Err(RecvTimeoutError::Timeout), "a slow disk");
        noted.fetch_max(seen.load(Ordering::Relaxed).saturating_sub(first), Ordering::Relaxed);
    });
    let store = open(&disk, 1 << 20);
    for _ in 0..400 {
        let events = (0..APPEND_EVENTS).map(|_| event(1));
        let saved = store.append(Append::to("a").events(events)).unwrap();
        appended.store(saved.position.0, Ordering::Relaxed);
    }
    store.close().unwrap();
    let most = most.load(Ordering::Relaxed);
    assert!(most <= WAITING_MAX + 2 * FILE_EVENTS_MAX + APPEND_EVENTS, "{most} events waited");
    assert_eq!(store_head(&disk), Position(400 * APPEND_EVENTS));
}

fn rest(nothing: &Receiver<()>) -> Result<(), RecvTimeoutError> {
    nothing.recv_timeout(Duration::from_millis(50))
}

fn open(disk: &HookedDisk, file_bytes: u64) -> EmbeddedStore {
    let mut options = Options::default();
    options.log_file_bytes_max = file_bytes;
    options.log_file_bytes_min = file_bytes;
    options.memory_bytes_max = MEMORY_BYTES;
    EmbeddedStore::on(disk.clone(), SystemClock, options).expect("it opens")
}

fn store_head(disk: &HookedDisk) -> Position {
    open(disk, 1 << 20).head().wait().expect("it has one")
}

/// Does something before an index file is written, with its first position, and whether it is a
/// merge of others: then it begins with an event that one before began with.
fn on_every_index(disk: &HookedDisk, hook: impl Fn(u64, bool) + Send + Sync + 'static) {
    let firsts = Mutex::new(BTreeSet::new());
    disk.on_every_create(move |name| {
        let Some((first, _)) = name.split_once('-').filter(|_| name.ends_with(".idx.tmp")) else {
            return Ok(());
        };
        let first = first.parse().expect("a position");
        let is_merge = !firsts.lock().expect("nobody panicked").insert(first);
        hook(first, is_merge);
        Ok(())
    });
}

fn event(bytes: usize) -> NewEvent {
    NewEvent::json("Happened", "0".repeat(bytes))
}
