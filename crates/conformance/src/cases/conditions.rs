//! Appends that depend on what else happened: expected versions, and conditions over any query.

use hitherto_store::{
    Append, Conflict, ErrorKind, EventStore, ExpectedVersion, NewEvent, Position, Query,
};

use super::case;
use crate::Case;
use crate::story::{event, expecting, happen, refused};

pub(super) const CASES: &[Case] = &[
    case!(Conditions, any_version_is_always_right),
    case!(Conditions, no_stream_means_that_nothing_happened_to_it),
    case!(Conditions, stream_exists_means_that_something_did),
    case!(Conditions, an_exact_version_is_exact_and_zero_means_no_stream),
    case!(Conditions, a_conflict_says_where_the_stream_is),
    case!(Conditions, a_condition_fails_on_what_matches_after_its_position),
    case!(Conditions, a_condition_does_not_look_at_what_stands_before),
    case!(Conditions, all_tags_of_an_alternative_must_meet_in_one_event),
    case!(Conditions, any_alternative_makes_a_condition_fail),
    case!(Conditions, a_condition_over_everything_sees_every_event),
    case!(Conditions, an_append_may_have_a_condition_and_expectations),
];

fn any_version_is_always_right(store: &dyn EventStore) {
    for version in 1..4 {
        let saved = expecting(store, "a-1", ExpectedVersion::Any).expect("it is always right");
        assert_eq!(saved.version, version);
    }
}

fn append_at(expected: ExpectedVersion) -> Append {
    Append::to("a-1").expect(expected).event(event("Happened"))
}

fn no_stream_means_that_nothing_happened_to_it(store: &dyn EventStore) {
    expecting(store, "a-1", ExpectedVersion::NoStream).expect("nothing happened yet");
    refused(store, append_at(ExpectedVersion::NoStream), ErrorKind::Conflict);
}

fn stream_exists_means_that_something_did(store: &dyn EventStore) {
    refused(store, append_at(ExpectedVersion::StreamExists), ErrorKind::Conflict);
    happen(store, "a-1", "Happened");
    expecting(store, "a-1", ExpectedVersion::StreamExists).expect("it exists");
}

fn an_exact_version_is_exact_and_zero_means_no_stream(store: &dyn EventStore) {
    refused(store, append_at(ExpectedVersion::Exact(1)), ErrorKind::Conflict);
    expecting(store, "a-1", ExpectedVersion::Exact(0)).expect("nothing happened yet");
    expecting(store, "a-1", ExpectedVersion::Exact(1)).expect("it is at version 1");
    for wrong in [0, 1, 3, u64::MAX] {
        refused(store, append_at(ExpectedVersion::Exact(wrong)), ErrorKind::Conflict);
    }
}

fn a_conflict_says_where_the_stream_is(store: &dyn EventStore) {
    happen(store, "a-1", "Happened");
    let error = refused(store, append_at(ExpectedVersion::Exact(5)), ErrorKind::Conflict);
    let expected = Conflict::WrongVersion { stream: "a-1".to_owned(), actual: 1 };
    assert_eq!(error.as_conflict(), Some(&expected));
    assert!(error.is_retryable());
}

fn tagged(tags: &[&str]) -> NewEvent {
    tags.iter().fold(event("Tagged"), |event, tag| event.tag(*tag))
}

fn append_tagged(store: &dyn EventStore, tags: &[&str]) -> Position {
    let append = Append::without_stream().event(tagged(tags));
    store.append(append).expect("it is sound").position
}

fn unless(query: Query, after: Position) -> Append {
    Append::without_stream().event(tagged(&["x:1"])).unless(query, after)
}

fn a_condition_fails_on_what_matches_after_its_position(store: &dyn EventStore) {
    append_tagged(store, &["seat:1"]);
    let seat = || Query::tag("seat", 1);
    let error = refused(store, unless(seat(), Position::START), ErrorKind::Conflict);
    let position = Position(1);
    assert_eq!(error.as_conflict(), Some(&Conflict::ConditionFailed { position }));
    store.append(unless(seat(), position)).expect("it has seen the event");
}

fn a_condition_does_not_look_at_what_stands_before(store: &dyn EventStore) {
    append_tagged(store, &["seat:1"]);
    append_tagged(store, &["seat:2"]);
    store.append(unless(Query::tag("seat", 1), Position(1))).expect("only the second came after");
    refused(store, unless(Query::tag("seat", 2), Position(1)), ErrorKind::Conflict);
}

fn all_tags_of_an_alternative_must_meet_in_one_event(store: &dyn EventStore) {
    append_tagged(store, &["a:1"]);
    append_tagged(store, &["b:1"]);
    let both = || Query::tag("a", 1).with_tag("b:1");
    store.append(unless(both(), Position::START)).expect("no event has both");
    append_tagged(store, &["b:1", "c:1", "a:1"]);
    refused(store, unless(both(), Position::START), ErrorKind::Conflict);
    let with_kind = both().kinds(["Other"]);
    store.append(unless(with_kind, Position::START)).expect("of no such kind");
}

fn any_alternative_makes_a_condition_fail(store: &dyn EventStore) {
    happen(store, "account-1", "Opened");
    let queries = [
        Query::tag("none", 1).or(Query::stream("account-1")),
        Query::tag("none", 1).or(Query::category("account")),
        Query::of_kinds(["None", "Opened"]),
        Query::tag("none", 1).or(Query::all()),
    ];
    for query in queries {
        refused(store, unless(query, Position::START), ErrorKind::Conflict);
    }
    let none = Query::tag("none", 1).or(Query::stream("account-2")).or(Query::category("acc"));
    store.append(unless(none, Position::START)).expect("nothing matches");
}

fn a_condition_over_everything_sees_every_event(store: &dyn EventStore) {
    store.append(unless(Query::all(), Position::START)).expect("the store is empty");
    refused(store, unless(Query::all(), Position::START), ErrorKind::Conflict);
    store.append(unless(Query::all(), Position(1))).expect("nothing came after");
    store.append(unless(Query::all(), Position(99))).expect("nothing can have come after");
}

fn an_append_may_have_a_condition_and_expectations(store: &dyn EventStore) {
    append_tagged(store, &["seat:1"]);
    let append = |expected, after| append_at(expected).unless(Query::tag("seat", 1), after);
    refused(store, append(ExpectedVersion::NoStream, Position::START), ErrorKind::Conflict);
    refused(store, append(ExpectedVersion::StreamExists, Position(1)), ErrorKind::Conflict);
    store.append(append(ExpectedVersion::NoStream, Position(1))).expect("both hold");
}
