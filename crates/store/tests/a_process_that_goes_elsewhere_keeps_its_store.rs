//! A store that was opened by a relative path is still the same one when the process goes to
//! another directory. Here alone, because that concerns all of a process.
//!
//! Two stores of the same name in two directories once took each other's next files: both lost what
//! they had acknowledged.

use std::path::Path;

use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, verify};

const APPENDS: u64 = 12;

/// So large that some files are begun.
fn append(store: &EmbeddedStore) -> u64 {
    let event = NewEvent::json("Happened", "x".repeat(400_000));
    store.append(Append::to("a-1").event(event)).expect("there is room").position.0
}

fn open_in(directory: &Path) -> EmbeddedStore {
    std::fs::create_dir(directory).expect("there is room");
    std::env::set_current_dir(directory).expect("it is there");
    EmbeddedStore::open("bank.hitherto").expect("it opens")
}

#[test]
fn two_stores_of_the_same_name_stay_two() {
    let place = tempfile::tempdir().expect("there is room");
    let (one, other) = (place.path().join("one"), place.path().join("other"));
    let stores = [open_in(&one), open_in(&other)];
    for number in 1..=APPENDS {
        assert_eq!(stores.each_ref().map(append), [number, number]);
    }
    for store in stores {
        store.close().expect("it closes");
    }
    for directory in [one, other] {
        let report = verify(directory.join("bank.hitherto")).expect("it can be read");
        assert_eq!((report.events, report.damages), (APPENDS, vec![]));
    }
}
