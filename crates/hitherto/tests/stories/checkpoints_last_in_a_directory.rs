//! Reactions keep how far they have come, what is parked and what was ordered, in files.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::doors::{open_door, quick};
use hitherto::checkpoints::{Checkpoints, checkpoint_files};
use hitherto::projection::Definition;
use hitherto::runner::{Begin, Follower, Order, Settings, follow};
use hitherto::{Error, ErrorKind, Position, Query, Result, Store, StoredEvent, wait};

type Log = Arc<Mutex<Vec<u64>>>;

/// Notes the position of each event; a door that is jammed is refused.
fn note(log: &Log) -> impl Fn(&StoredEvent) -> Result<()> + Send + Sync + 'static {
    let log = Arc::clone(log);
    move |event| {
        if event.kind() == "Jammed" {
            return Err(Error::invalid("jammed"));
        }
        log.lock().unwrap().push(event.position().0);
        Ok(())
    }
}

fn start(store: &Store, directory: &Path, log: &Log, settings: Settings) -> Result<Follower> {
    let target = Checkpoints::in_directory(directory)?.of("notes", note(log))?;
    follow(store, Definition::new("notes", 1, Query::all()), target, settings)
}

#[test]
fn each_event_is_noted_once_over_restarts_with_other_partitions() {
    let directory = tempfile::tempdir().unwrap();
    let (store, log) = (Store::in_memory(), Log::default());
    for partitions in [1, 4, 2, 7, 3] {
        let settings = Settings { partitions, batch: 3, ..quick() };
        let follower = start(&store, directory.path(), &log, settings).unwrap();
        let mut last = Position::START;
        for door in 0..20 {
            last = open_door(&store, door, "Opened");
        }
        if partitions == 7 {
            continue; // stopped wherever it is
        }
        wait(follower.reached(last)).unwrap();
    }
    let follower = start(&store, directory.path(), &log, quick()).unwrap();
    wait(follower.catch_up()).unwrap();
    let mut noted = log.lock().unwrap().clone();
    noted.sort_unstable();
    assert_eq!(noted, (1..=100).collect::<Vec<_>>());
    assert_eq!(follower.status().handled, 100);
}

#[test]
fn what_is_parked_and_ordered_is_seen_from_outside_and_lasts() {
    let directory = tempfile::tempdir().unwrap();
    let (store, log) = (Store::in_memory(), Log::default());
    open_door(&store, 1, "Jammed");
    let last = open_door(&store, 1, "Opened");
    let follower = start(&store, directory.path(), &log, quick()).unwrap();
    wait(follower.reached(last)).unwrap();
    drop(follower);

    let file = checkpoint_files(directory.path()).unwrap().remove(0);
    assert_eq!(file.name(), "notes");
    let parked = file.parked().unwrap();
    assert_eq!((parked.len(), parked[0].error.as_str(), parked[0].attempts), (2, "jammed", 2));
    assert!(file.order(Position(9), Order::Skip).is_err());
    file.order(Position(1), Order::Skip).unwrap();
    assert_eq!(file.parked().unwrap()[0].order, Some(Order::Skip));

    let follower = start(&store, directory.path(), &log, quick()).unwrap();
    wait(follower.retry(Position(2))).ok(); // looks for orders now, if it has not yet
    assert_eq!(follower.parked().unwrap(), []);
    assert_eq!(*log.lock().unwrap(), [2]);
    assert_eq!(file.parked().unwrap(), []);
    assert_eq!(file.partitions().unwrap()[0].0, last);
}

#[test]
fn two_processes_do_not_run_one_follower() {
    let directory = tempfile::tempdir().unwrap();
    let (store, log) = (Store::in_memory(), Log::default());
    let first = start(&store, directory.path(), &log, quick()).unwrap();
    let error = start(&store, directory.path(), &log, quick()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("notes is running already"), "{error}");
    drop(first);
    start(&store, directory.path(), &log, quick()).unwrap();
}

#[test]
fn a_file_that_is_no_checkpoint_is_named_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.checkpoint");
    std::fs::write(&path, "{\"format\":1").unwrap();
    let (store, log) = (Store::in_memory(), Log::default());
    let error = start(&store, directory.path(), &log, quick()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("notes.checkpoint is no checkpoint"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"format\":1");
}

#[test]
fn what_is_long_past_has_no_effect_if_it_begins_from_now_on() {
    let directory = tempfile::tempdir().unwrap();
    let (store, log) = (Store::in_memory(), Log::default());
    open_door(&store, 1, "Opened");
    let settings = || Settings { begin: Begin::FromNowOn, ..quick() };
    let follower = start(&store, directory.path(), &log, settings()).unwrap();
    wait(follower.reached(Position(1))).unwrap();
    let second = open_door(&store, 1, "Closed");
    wait(follower.reached(second)).unwrap();
    drop(follower);
    let third = open_door(&store, 1, "Opened");
    let follower = start(&store, directory.path(), &log, settings()).unwrap();
    wait(follower.reached(third)).unwrap();
    assert_eq!(*log.lock().unwrap(), [2, 3], "what happened while it was down is not past");
}

#[test]
fn a_name_that_cannot_be_a_files_is_refused() {
    let store = Store::in_memory();
    for name in ["", "a/b", "..", "ä", "a b"] {
        let target = Checkpoints::in_memory().of(name, |_: &StoredEvent| Ok(())).unwrap();
        let definition = Definition::new(name, 1, Query::all());
        let error = follow(&store, definition, target, quick()).unwrap_err();
        assert!(error.to_string().contains("cannot be the name of a follower"), "{error}");
    }
}

#[test]
fn events_of_a_key_stay_in_order_also_across_streams() {
    let (store, log) = (Store::in_memory(), Log::default());
    for door in 0..200 {
        open_door(&store, door, "Opened");
    }
    // Doors that end in the same digit are one key.
    let key =
        |event: &StoredEvent| event.stream_id().chars().last().into_iter().collect::<String>();
    let definition = Definition::new("notes", 1, Query::all()).keyed(move |e| key(e).into());
    let target = Checkpoints::in_memory().of("notes", note(&log)).unwrap();
    let settings = Settings { partitions: 4, batch: 8, ..quick() };
    let follower = follow(&store, definition, target, settings).unwrap();
    wait(follower.catch_up()).unwrap();
    let noted = log.lock().unwrap().clone();
    assert_eq!(noted.len(), 200);
    for digit in 0..10 {
        let of_key = noted.iter().filter(|position| *position % 10 == digit);
        assert!(of_key.is_sorted(), "key {digit}");
    }
}
