//! Whoever queues an append while another thread leads gets its answer, in any order of the
//! threads, and each answer is another position.

mod common;

use common::{event, explore, finds, open, options};
use modelled_store::planted::PlantedBug;
use modelled_store::{Append, EventStore, MemoryDisk, Query};
use shuttle::thread;

/// Two threads that append and wait, and one that submits and waits later.
fn story(background: bool) {
    let store = open(MemoryDisk::new(), options(background));
    let append = |stream: &str, number: u64| Append::to(stream).event(event(number));
    let appending = [("a-1", 0), ("b-1", 2)].map(|(stream, first)| {
        let store = store.clone();
        thread::spawn(move || {
            let answers = [first, first + 1].map(|number| store.append(append(stream, number)));
            answers.map(|answer| answer.expect("it fits").position.0)
        })
    });
    let tickets = [4, 5].map(|number| store.submit(append("c-1", number)));
    let submitted = tickets.map(|ticket| ticket.wait().expect("it fits").position.0);
    let appended = appending.map(|thread| thread.join().expect("it ends"));
    let mut all = [appended[0], appended[1], submitted].concat();
    all.sort_unstable();
    assert_eq!(all, [1, 2, 3, 4, 5, 6]);
    assert_eq!(store.read(Query::all()).count(), 6);
    store.close().expect("it closes");
}

#[test]
fn with_threads_in_the_background() {
    explore(|| story(true));
}

#[test]
fn without_threads_in_the_background() {
    explore(|| story(false));
}

#[test]
fn a_leader_that_forgets_who_came_meanwhile_is_found() {
    assert!(finds(PlantedBug::ForgetTheQueue, || story(false)));
}
