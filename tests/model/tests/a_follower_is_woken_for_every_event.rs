//! A follower sees every event and never sleeps through one, in any order of the threads; and when
//! the store is closed it ends.

mod common;

use common::{event, explore, finds, open, options, positions};
use modelled_store::planted::PlantedBug;
use modelled_store::{Append, EmbeddedStore, ErrorKind, EventStore, MemoryDisk, Query, Recorded};
use shuttle::thread::{self, JoinHandle};

fn follow(store: &EmbeddedStore, query: Query, count: usize) -> JoinHandle<Vec<Recorded>> {
    let events = store.follow(query);
    thread::spawn(move || events.take(count).map(|event| event.expect("it is sound")).collect())
}

/// Followers of one stream and of everything, beside two writers.
fn story() {
    let store = open(MemoryDisk::new(), options(true));
    let of_stream = follow(&store, Query::stream("a-1"), 2);
    let of_all = follow(&store, Query::all(), 3);
    let beside = store.clone();
    let writer = thread::spawn(move || {
        beside.append(Append::to("b-1").event(event(9))).expect("it fits");
    });
    for number in 0..2 {
        store.append(Append::to("a-1").event(event(number))).expect("it fits");
    }
    writer.join().expect("it ends");
    let of_stream = of_stream.join().expect("it ends");
    assert!(of_stream.iter().map(Recorded::version).eq([1, 2]));
    assert_eq!(positions(&of_all.join().expect("it ends")), [1, 2, 3]);
    store.close().expect("it closes");
}

#[test]
fn while_others_write() {
    explore(story);
}

#[test]
fn and_is_told_when_the_store_is_closed() {
    explore(|| {
        let store = open(MemoryDisk::new(), options(false));
        let events = store.follow(Query::stream("a-1"));
        let follower = thread::spawn(move || events.last().expect("an end"));
        store.append(Append::to("a-1").event(event(0))).expect("it fits");
        store.close().expect("it closes");
        let last = follower.join().expect("it ends");
        assert_eq!(last.map_err(|error| error.kind()), Err(ErrorKind::Closed));
    });
}

/// As small as it can be, so that few orders are enough.
fn one_event() {
    let store = open(MemoryDisk::new(), options(false));
    let follower = follow(&store, Query::all(), 1);
    store.append(Append::to("a-1").event(event(0))).expect("it fits");
    assert_eq!(positions(&follower.join().expect("it ends")), [1]);
    store.close().expect("it closes");
}

#[test]
fn for_a_single_event() {
    explore(one_event);
}

#[test]
fn a_follower_that_sleeps_without_looking_is_found() {
    assert!(finds(PlantedBug::SleepWithoutLooking, one_event));
}
