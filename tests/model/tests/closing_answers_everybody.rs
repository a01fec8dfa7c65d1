//! Whoever appends while the store is closed is answered: stored, or told that it is closed.

mod common;

use common::{event, explore, open, options};
use modelled_store::{Append, EmbeddedStore, ErrorKind, EventStore, MemoryDisk, Query};
use shuttle::thread;

fn append(number: u64) -> Append {
    Append::to(format!("a-{number}")).event(event(number))
}

/// How many of these appends were stored.
fn stored(store: &EmbeddedStore, numbers: [u64; 2]) -> usize {
    let tickets = numbers.map(|number| store.submit(append(number)));
    let answers = tickets.map(|ticket| ticket.wait().map_err(|error| error.kind()));
    let kinds = answers.iter().filter_map(|answer| answer.as_ref().err());
    kinds.for_each(|kind| assert_eq!(*kind, ErrorKind::Closed));
    answers.iter().filter(|answer| answer.is_ok()).count()
}

fn story(background: bool) {
    let disk = MemoryDisk::new();
    let store = open(disk.clone(), options(background));
    let submitting = {
        let store = store.clone();
        thread::spawn(move || stored(&store, [1, 2]))
    };
    let appending = {
        let store = store.clone();
        thread::spawn(move || match store.append(append(3)) {
            Ok(_) => 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Closed);
                0
            }
        })
    };
    let handle = store.clone();
    store.close().expect("it closes");
    let late = stored(&handle, [4, 5]);
    assert_eq!(late, 0, "a store that was closed takes nothing");
    let count = submitting.join().expect("it ends") + appending.join().expect("it ends");
    let again = open(disk, options(false));
    assert_eq!(again.read(Query::all()).count(), count);
    again.close().expect("it closes");
}

#[test]
fn with_threads_in_the_background() {
    explore(|| story(true));
}

#[test]
fn without_threads_in_the_background() {
    explore(|| story(false));
}
