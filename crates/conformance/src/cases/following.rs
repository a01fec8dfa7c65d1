//! One way to follow: catch up, then live, without a gap and without a duplicate.

use std::time::Duration;

use hitherto_store::{Append, EventStore, Events, Position, Query, Recorded};

use super::case;
use crate::Case;
use crate::story::{event, happen};

/// Nothing takes so long; it only keeps a broken store from hanging the cases.
const LONG: Duration = Duration::from_secs(30);

pub(super) const CASES: &[Case] = &[
    case!(Following, a_follower_catches_up_and_then_goes_on_live),
    case!(Following, a_follower_starts_anywhere_also_beyond_the_end),
    case!(Following, a_follower_that_waits_is_woken),
    case!(Following, a_filtered_follower_gets_what_matches_and_nothing_else),
    case!(Following, a_slow_follower_misses_nothing),
    case!(Following, an_upper_bound_or_a_limit_ends_a_follower),
    case!(Following, followers_among_concurrent_writers_see_each_event_once_and_in_order),
    case!(Following, versions_that_do_not_exist_yet_are_waited_for),
];

#[track_caller]
fn next(events: &mut Events) -> Recorded {
    let event = events.next_within(LONG).expect("it comes in time").expect("it goes on");
    event.expect("it can be read")
}

fn a_follower_catches_up_and_then_goes_on_live(store: &dyn EventStore) {
    for _ in 0..5 {
        happen(store, "a-1", "Happened");
    }
    let mut events = store.follow(Query::all());
    for position in 1..=10 {
        assert_eq!(next(&mut events).position().0, position);
        if position >= 5 {
            happen(store, "a-1", "Happened");
        }
    }
}

fn a_follower_starts_anywhere_also_beyond_the_end(store: &dyn EventStore) {
    for _ in 0..5 {
        happen(store, "a-1", "Happened");
    }
    let mut from_three = store.follow(Query::all().after(Position(3)));
    let mut from_seven = store.follow(Query::all().after(Position(7)));
    for _ in 0..5 {
        happen(store, "a-1", "Happened");
    }
    assert_eq!(next(&mut from_three).position().0, 4);
    assert_eq!(next(&mut from_seven).position().0, 8);
}

fn a_follower_that_waits_is_woken(store: &dyn EventStore) {
    let mut events = store.follow(Query::stream("a-1"));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(move || next(&mut events).position().0);
        happen(store, "b-1", "Happened");
        let position = happen(store, "a-1", "Happened").position.0;
        assert_eq!(waiting.join().expect("the follower is well"), position);
    });
}

fn a_filtered_follower_gets_what_matches_and_nothing_else(store: &dyn EventStore) {
    let queries = [
        Query::stream("a-1"),
        Query::category("a"),
        Query::of_kinds(["Rare"]),
        Query::tag("x", 1),
        Query::tag("x", 1).or(Query::stream("b-1")),
    ];
    let mut followers = queries.map(|query| store.follow(query));
    for _ in 0..10 {
        happen(store, "c-1", "Common");
    }
    for follower in &mut followers {
        assert!(follower.next_within(Duration::from_millis(1)).is_none());
    }
    let rare = Append::to("a-1").event(event("Rare").tag("x:1"));
    let position = store.append(rare).expect("it is sound").position;
    for follower in &mut followers {
        assert_eq!(next(follower).position(), position);
    }
}

fn a_slow_follower_misses_nothing(store: &dyn EventStore) {
    let mut events = store.follow(Query::all());
    for position in 1..=50 {
        for _ in 0..20 {
            happen(store, "a-1", "Happened");
        }
        assert_eq!(next(&mut events).position().0, position);
    }
}

fn an_upper_bound_or_a_limit_ends_a_follower(store: &dyn EventStore) {
    let bounded = store.follow(Query::stream("a-1").up_to(Position(4)));
    let limited = store.follow(Query::stream("a-1").limit(2));
    for _ in 0..3 {
        happen(store, "a-1", "Happened");
        happen(store, "b-1", "Happened");
    }
    let positions = |events: Events| -> Vec<_> {
        events.map(|event| event.expect("it can be read").position().0).collect()
    };
    assert_eq!(positions(bounded), [1, 3]);
    assert_eq!(positions(limited), [1, 3]);
}

fn followers_among_concurrent_writers_see_each_event_once_and_in_order(store: &dyn EventStore) {
    let followers: Vec<_> = (0..4).map(|_| store.follow(Query::all())).collect();
    std::thread::scope(|scope| {
        for mut events in followers {
            scope.spawn(move || {
                for position in 1..=800 {
                    assert_eq!(next(&mut events).position().0, position);
                }
            });
        }
        for writer in 0..4 {
            scope.spawn(move || {
                for _ in 0..200 {
                    happen(store, &format!("w-{writer}"), "Written");
                }
            });
        }
    });
}

fn versions_that_do_not_exist_yet_are_waited_for(store: &dyn EventStore) {
    happen(store, "a-1", "Happened");
    let mut events = store.follow(Query::stream("a-1").after_version(2));
    for _ in 0..3 {
        happen(store, "a-1", "Happened");
    }
    assert_eq!(next(&mut events).version(), 3);
}
