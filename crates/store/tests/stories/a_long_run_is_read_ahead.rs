//! Whoever reads many events one after another has them read ahead by other threads. What comes,
//! and what is said where something is wrong, must not depend on that.

use std::path::Path;

use hitherto_store::{
    Append, Before, EmbeddedStore, Error, EventStore, NewEvent, Options, Position, Query, Recorded,
    Target,
};

const EVENTS: u64 = 60_000;
/// An event that is longer than what is read at once.
const LARGE: u64 = 33_000;

fn options() -> Options {
    let mut options = Options::default();
    options.log_file_bytes_min = 16 << 20; // everything in one file, so that it is one run
    options
}

fn open(directory: &Path) -> EmbeddedStore {
    EmbeddedStore::open_with(directory, options()).expect("it opens")
}

/// The same store without threads of its own.
fn open_alone(directory: &Path) -> EmbeddedStore {
    let mut options = options();
    options.background = false;
    EmbeddedStore::open_with(directory, options).expect("it opens")
}

fn filled(directory: &Path) -> EmbeddedStore {
    let store = open(directory);
    for start in (1..=EVENTS).step_by(5000) {
        let events = (start..start + 5000).map(|number| NewEvent::json("Counted", payload(number)));
        store.append(Append::to("count-1").events(events)).expect("it is stored");
    }
    store
}

fn payload(number: u64) -> String {
    let length = if number == LARGE { 700_000 } else { number % 90 };
    format!("[{number},\"{}\"]", "x".repeat(length as usize))
}

fn check(store: &EmbeddedStore) {
    let mut last = 0;
    for event in store.read(Query::all()) {
        let event = event.expect("it is read");
        last += 1;
        assert_eq!(event.position(), Position(last));
        assert_eq!(event.payload(), payload(last).as_bytes());
    }
    assert_eq!(last, EVENTS);
    let some = store.read(Query::all().after(Position(7)).limit(31_000));
    assert_eq!(
        some.map(|event| event.expect("it is read").position().0).sum::<u64>(),
        sum(8, 31_007)
    );
}

fn sum(first: u64, last: u64) -> u64 {
    (first..=last).sum()
}

#[test]
fn from_growing_sealed_and_compressed_files_alike() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path());
    check(&store);
    store.close().unwrap();
    let store = open(directory.path());
    check(&store);
    let more = NewEvent::json("Counted", payload(EVENTS + 1));
    let kept = store.read(Query::all()).take(20_000).count();
    assert_eq!(kept, 20_000, "who leaves off leaves nothing behind that would hold up the store");
    store.compress().unwrap();
    check(&store);
    store.append(Append::to("count-1").event(more)).unwrap();
    let backward = store.read(Query::all().backward());
    assert_eq!(backward.map(|event| event.unwrap().position().0).sum::<u64>(), sum(1, EVENTS + 1));
}

#[test]
fn what_was_removed_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path());
    store.truncate(Target::stream("count-1"), Before::Position(Position(20_001))).unwrap();
    let read = || {
        let events = store.read(Query::all()).map(|event| event.expect("it is read"));
        let counted = events.filter(|event| event.stream() == Some("count-1"));
        counted.map(|event| event.position().0).sum::<u64>()
    };
    assert_eq!(read(), sum(20_001, EVENTS));
    store.scavenge().unwrap();
    assert_eq!(read(), sum(20_001, EVENTS));
}

/// What is read, and the error that ends it.
fn read_to_the_error(store: &EmbeddedStore) -> (Vec<Recorded>, Error) {
    let (mut events, mut error) = (Vec::new(), None);
    for event in store.read(Query::all()) {
        match event {
            Ok(event) => events.push(event),
            Err(found) => error = Some(found),
        }
    }
    (events, error.expect("there is damage"))
}

#[test]
fn damage_in_the_middle_is_told_as_without_threads() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path()).close().unwrap();
    let log = directory.path().join("000000000001.log");
    let mut bytes = std::fs::read(&log).unwrap();
    let payload = payload(45_678).into_bytes();
    let place = bytes.windows(payload.len()).position(|window| window == payload);
    bytes[place.expect("it is there") + 3] ^= 1;
    std::fs::write(&log, bytes).unwrap();

    let store = open(directory.path());
    let (events, error) = read_to_the_error(&store);
    store.close().unwrap();
    let (same_events, same_error) = read_to_the_error(&open_alone(directory.path()));
    assert_eq!(events.len(), 45_677);
    assert!(events == same_events, "the same events come before it");
    assert_eq!(error.to_string(), same_error.to_string());
    assert!(error.to_string().contains("45678"), "{error}");
}

/// A thread that reads ahead waits for its reader. Without a bound, many readers that stand in the
/// middle of a replay took as many threads, and a megabyte for each.
#[cfg(target_os = "linux")]
#[test]
fn many_readers_do_not_take_as_many_threads() {
    let directory = tempfile::tempdir().unwrap();
    let store = filled(directory.path());
    let mut readers: Vec<_> = (0..20).map(|_| store.read(Query::all())).collect();
    for reader in &mut readers {
        assert_eq!(reader.take(10_000).count(), 10_000);
    }
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.map(|task| std::fs::read_to_string(task.path().join("comm")));
    let ahead = names.flatten().filter(|name| name.starts_with("hitherto-ahead")).count();
    assert!(ahead <= 8, "{ahead} threads");
    for reader in readers {
        assert_eq!(reader.count() as u64, EVENTS - 10_000);
    }
}
