//! Repeating an append has the effect of one.

use hitherto_store::{
    Append, ErrorKind, EventStore, ExpectedVersion, NewEvent, Position, Query, Saved,
};

use super::case;
use crate::Case;
use crate::story::{event, happen, read, refused};

pub(super) const CASES: &[Case] = &[
    case!(Repeats, a_repeat_is_answered_as_the_first_time_whatever_was_expected),
    case!(Repeats, a_repeat_over_several_streams_is_answered_as_the_first_time),
    case!(Repeats, a_repeat_with_a_condition_is_not_refused_by_itself),
    case!(Repeats, an_id_with_another_content_is_refused),
    case!(Repeats, an_append_that_is_repeated_in_part_is_refused),
    case!(Repeats, an_id_twice_in_one_append_is_refused),
    case!(Repeats, what_was_refused_may_be_tried_again_with_its_ids),
];

fn check_repeat(store: &dyn EventStore, append: &Append) -> Saved {
    let first = store.append(append.clone()).expect("it is sound");
    for _ in 0..3 {
        happen(store, "a-1", "Meanwhile");
        let again = store.append(append.clone()).expect("it was stored before");
        assert_eq!(again, Saved { repeated: true, ..first.clone() });
    }
    let ids: Vec<_> = append.event_ids().collect();
    let stored = read(store, Query::all());
    assert_eq!(stored.iter().filter(|event| ids.contains(&event.id())).count(), ids.len());
    first
}

fn a_repeat_is_answered_as_the_first_time_whatever_was_expected(store: &dyn EventStore) {
    let expectations = |version| {
        [ExpectedVersion::Any, ExpectedVersion::Exact(version), ExpectedVersion::StreamExists]
    };
    check_repeat(store, &Append::to("a-1").expect(ExpectedVersion::NoStream).event(event("First")));
    for index in 0..3 {
        let version = read(store, Query::stream("a-1")).len() as u64;
        let append = Append::to("a-1").expect(expectations(version)[index]);
        check_repeat(store, &append.events([event("One"), event("Two")]));
    }
}

fn a_repeat_over_several_streams_is_answered_as_the_first_time(store: &dyn EventStore) {
    let append = Append::to("a-1")
        .event(event("Left"))
        .and(Append::to("b-1").event(event("Right")))
        .and(Append::without_stream().event(event("Between")));
    assert_eq!(check_repeat(store, &append).versions, [1, 1, 0]);
}

fn a_repeat_with_a_condition_is_not_refused_by_itself(store: &dyn EventStore) {
    let append = Append::without_stream()
        .event(event("SeatTaken").tag("seat:1"))
        .unless(Query::tag("seat", 1), Position::START);
    check_repeat(store, &append);
}

fn an_id_with_another_content_is_refused(store: &dyn EventStore) {
    let first = event("Happened");
    store.append(Append::to("a-1").event(first.clone())).expect("it is new");
    let changed: [NewEvent; 5] = [
        NewEvent { kind: "Other".into(), ..first.clone() },
        NewEvent { payload: "1".into(), ..first.clone() },
        NewEvent { metadata: "1".into(), ..first.clone() },
        NewEvent { schema_version: 2, ..first.clone() },
        first.clone().tag("a:1"),
    ];
    for event in changed {
        refused(store, Append::to("a-1").event(event), ErrorKind::Invalid);
    }
    refused(store, Append::to("b-1").event(first), ErrorKind::Invalid);
}

fn an_append_that_is_repeated_in_part_is_refused(store: &dyn EventStore) {
    let (one, two, three) = (event("One"), event("Two"), event("Three"));
    let both = [one.clone(), two.clone()];
    store.append(Append::to("a-1").events(both)).expect("they are new");
    for events in [[one.clone(), three.clone()], [three, two.clone()], [two, one]] {
        refused(store, Append::to("a-1").events(events), ErrorKind::Invalid);
    }
}

fn an_id_twice_in_one_append_is_refused(store: &dyn EventStore) {
    let twice = event("Happened");
    let append = Append::to("a-1").events([twice.clone(), event("Between"), twice.clone()]);
    refused(store, append, ErrorKind::Invalid);
    let append = Append::to("a-1").event(twice.clone()).and(Append::to("b-1").event(twice));
    refused(store, append, ErrorKind::Invalid);
}

fn what_was_refused_may_be_tried_again_with_its_ids(store: &dyn EventStore) {
    let append = Append::to("a-1").expect(ExpectedVersion::Exact(1)).event(event("Happened"));
    refused(store, append.clone(), ErrorKind::Conflict);
    happen(store, "a-1", "First");
    assert!(!store.append(append).expect("it is at version 1 now").repeated);
}
