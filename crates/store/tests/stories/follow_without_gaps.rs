//! A follower sees every event once and in order, however it and the writers are interleaved.

use std::sync::Arc;
use std::time::Duration;

use hitherto_store::{Append, EmbeddedStore, ErrorKind, EventStore, NewEvent, Position, Query};

/// Nothing takes so long; it only keeps a broken test from hanging.
const LONG: Duration = Duration::from_secs(30);

fn append(store: &EmbeddedStore, stream: &str, kind: &'static str) -> u64 {
    let event = NewEvent::json(kind, "{}");
    store.append(Append::to(stream).event(event)).expect("the append is sound").position.0
}

#[test]
fn followers_that_start_anywhere_see_all_that_concurrent_writers_append() {
    let store = EmbeddedStore::in_memory();
    for _ in 0..100 {
        append(&store, "before-1", "Before");
    }
    let threads: Vec<_> = (0..8u64)
        .map(|number| {
            let follower = store.clone();
            std::thread::spawn(move || {
                let mut events = follower.follow(Query::all().after(Position(number * 10)));
                for position in number * 10 + 1..=4_100 {
                    let event = events.next_within(LONG).expect("in time").expect("it goes on");
                    assert_eq!(event.expect("it can be read").position().0, position);
                }
            })
        })
        .collect();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for _ in 0..1_000 {
                    append(store, &format!("w-{writer}"), "Written");
                }
            });
        }
    });
    for thread in threads {
        thread.join().expect("the follower is well");
    }
}

#[test]
fn a_filtered_follower_waits_for_what_matches_and_is_not_woken_by_the_rest_for_good() {
    let store = EmbeddedStore::in_memory();
    let mut rare = store.follow(Query::of_kinds(["Rare"]));
    for _ in 0..50 {
        append(&store, "a-1", "Common");
    }
    assert!(rare.next_within(Duration::from_millis(1)).is_none());
    let position = append(&store, "a-1", "Rare");
    let event = rare.next_within(LONG).expect("in time").expect("it goes on").expect("readable");
    assert_eq!(event.position().0, position);
}

#[test]
fn versions_that_do_not_exist_yet_are_waited_for() {
    let store = EmbeddedStore::in_memory();
    append(&store, "a-1", "First");
    let mut later = store.follow(Query::stream("a-1").after_version(2).up_to_version(4));
    for _ in 0..5 {
        append(&store, "a-1", "Next");
    }
    let versions: Vec<_> =
        later.by_ref().map(|event| event.expect("it can be read").version()).collect();
    assert_eq!(versions, [3, 4]);
}

#[test]
fn a_bound_or_a_limit_ends_a_follower() {
    let store = EmbeddedStore::in_memory();
    let bounded = store.follow(Query::all().up_to(Position(2)));
    let limited = store.follow(Query::all().limit(2));
    for _ in 0..3 {
        append(&store, "a-1", "Happened");
    }
    assert_eq!(bounded.count(), 2);
    assert_eq!(limited.count(), 2);
}

#[test]
fn closing_the_store_ends_a_waiting_follower_with_the_reason() {
    let store = EmbeddedStore::in_memory();
    let mut follower = store.follow(Query::all());
    let waiting = std::thread::spawn(move || follower.next());
    store.close().expect("it closes");
    let end = waiting.join().expect("the follower is well").expect("it is told why");
    assert_eq!(end.expect_err("nothing happened").kind(), ErrorKind::Closed);
}

#[test]
fn a_ticket_can_be_awaited_and_a_dropped_one_is_written_all_the_same() {
    let store = Arc::new(EmbeddedStore::in_memory());
    let event = || NewEvent::json("Happened", "{}");
    drop(store.submit(Append::to("a-1").event(event())));
    let second = store.submit(Append::to("a-1").event(event()));
    assert_eq!(second.wait().expect("it is written").version, 2);
}
