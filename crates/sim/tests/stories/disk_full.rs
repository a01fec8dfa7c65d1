//! On a full disk appends fail cleanly, reads go on, and appends go on when there is room again.

use std::panic::catch_unwind;

use hitherto_sim::{SimClock, SimDisk};
use hitherto_store::planted::{PlantedBug, plant};
use hitherto_store::{Append, EmbeddedStore, ErrorKind, EventStore, NewEvent, Options, Query};

fn open(disk: &SimDisk) -> EmbeddedStore {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 8 << 10;
    EmbeddedStore::on(disk.clone(), SimClock::default(), options).expect("it opens")
}

fn append() -> Append {
    Append::to("a-1").event(NewEvent::json("Happened", "x".repeat(500)))
}

#[test]
fn a_full_disk_stops_no_reader_loses_nothing_and_is_over_when_there_is_room() {
    for spare in (0..60_000).step_by(1_777) {
        let disk = SimDisk::new();
        let store = open(&disk);
        disk.set_capacity(Some(disk.used_bytes() + spare));
        let stored = (0..200).take_while(|_| store.append(append()).is_ok()).count();
        let error = store.append(append()).expect_err("the disk is full");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert_eq!(store.read(Query::all()).count(), stored);
        drop(store);
        let store = open(&disk); // also on a full disk, after a clean end or not
        assert_eq!(store.read(Query::all()).count(), stored);
        let killed = open(&disk.after_kill());
        assert_eq!(killed.read(Query::all()).count(), stored);
        disk.set_capacity(None);
        assert_eq!(store.append(append()).expect("there is room").position.0, stored as u64 + 1);
    }
}

/// A large store has large log files: the room that was left for a smaller one was not used.
#[test]
fn a_smaller_file_is_made_where_there_is_no_room_for_a_large_one() {
    let disk = SimDisk::new();
    let store = open(&disk);
    while store.stat().expect("it is open").files.len() < 3 {
        store.append(append()).expect("there is room");
    }
    let (stored, room) = (store.head().wait().expect("it is open").0, 100_000);
    disk.set_capacity(Some(disk.used_bytes() + room));
    let more = (0..1000).take_while(|_| store.append(append()).is_ok()).count() as u64;
    let stat = store.stat().expect("it is open");
    let last = &stat.files[stat.files.len() - 1];
    assert!(stat.files.len() > 3 && last.allocated_bytes < room, "{:?}", stat.files);
    assert_eq!(store.read(Query::all()).count() as u64, stored + more);
}

#[test]
fn stopping_for_want_of_room_is_found() {
    plant(Some(PlantedBug::StopForWantOfRoom));
    let story =
        catch_unwind(a_full_disk_stops_no_reader_loses_nothing_and_is_over_when_there_is_room);
    plant(None);
    assert!(story.is_err());
}
