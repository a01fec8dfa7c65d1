//! After a failed sync nothing is acknowledged any more, however well later ones seem to go: the
//! kernel tells the error once, and takes the pages for clean from then on.

use hitherto_sim::{Operation, SimClock, SimDisk};
use hitherto_store::{Append, EmbeddedStore, ErrorKind, EventStore, NewEvent, Options, Query};

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options
}

fn open(disk: &SimDisk) -> EmbeddedStore {
    EmbeddedStore::on(disk.clone(), SimClock::default(), options()).expect("it opens")
}

fn append() -> Append {
    Append::to("a-1").event(NewEvent::json("Happened", "{}"))
}

#[test]
fn the_failed_append_is_unknown_and_all_after_it_are_refused_while_reads_go_on() {
    let disk = SimDisk::new();
    let store = open(&disk);
    store.append(append()).expect("it is stored");
    disk.fail_once(Operation::Sync, 1);
    let unknown = append();
    let error = store.append(unknown.clone()).expect_err("its outcome is unknown");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    for _ in 0..3 {
        let error = store.append(append()).expect_err("nothing is retried into a false success");
        assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    }
    assert_eq!(store.read(Query::all()).count(), 1, "reads go on, of what is durable");
    drop(store);

    let store = open(&disk.after_power_cut(1));
    assert!(store.read(Query::all()).count() <= 2);
    store.append(unknown).expect("repeated, it is stored once");
    assert_eq!(store.read(Query::all()).count(), 2);
}

#[test]
fn a_sync_that_fails_at_any_point_loses_nothing_that_was_acknowledged() {
    for failing in 1..40 {
        let disk = SimDisk::new();
        let Ok(store) = EmbeddedStore::on(disk.clone(), SimClock::default(), options()) else {
            panic!("a new store opens")
        };
        disk.fail_once(Operation::Sync, failing);
        let big = || Append::to("a-1").event(NewEvent::json("Happened", "x".repeat(200_000)));
        let stored = (0..40).take_while(|_| store.append(big()).is_ok()).count();
        drop(store);
        let after = open(&disk.after_power_cut(failing));
        let found = after.read(Query::all()).count();
        assert!(found >= stored, "sync {failing}: {stored} were acknowledged, {found} are there");
    }
}
