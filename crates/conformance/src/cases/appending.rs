//! One way to write: streams, versions, positions, and all or nothing.

use hitherto_store::{
    Append, ContentType, ErrorKind, EventId, EventStore, ExpectedVersion, NewEvent, Query,
    Recorded, Tag,
};

use super::case;
use crate::Case;
use crate::story::{event, happen, positions, read, refused};

pub(super) const CASES: &[Case] = &[
    case!(Streams, versions_and_positions_count_from_one_without_gaps),
    case!(Streams, every_field_of_an_event_comes_back),
    case!(Streams, an_event_may_belong_to_no_stream),
    case!(Streams, an_event_may_be_empty_but_for_its_kind),
    case!(Streams, names_may_be_any_printable_text_and_are_compared_exactly),
    case!(Streams, recorded_times_never_go_back),
    case!(AtomicAppends, several_streams_are_written_at_once),
    case!(AtomicAppends, one_wrong_expectation_refuses_all_streams),
    case!(AtomicAppends, a_write_without_events_is_an_expectation),
    case!(AtomicAppends, one_stream_named_twice_is_refused),
    case!(AtomicAppends, an_append_without_events_is_refused),
];

fn versions_and_positions_count_from_one_without_gaps(store: &dyn EventStore) {
    for number in 1..=20_u64 {
        let saved = happen(store, if number % 2 == 0 { "a-1" } else { "b-1" }, "Happened");
        assert_eq!((saved.position.0, saved.version), (number, number.div_ceil(2)));
        assert_eq!(saved.first_position, saved.position);
        assert!(!saved.repeated);
    }
    assert_eq!(store.head().wait().expect("it can be read").0, 20);
    let versions: Vec<_> =
        read(store, Query::stream("a-1")).iter().map(Recorded::version).collect();
    assert_eq!(versions, (1..=10).collect::<Vec<_>>());
}

fn every_field_of_an_event_comes_back(store: &dyn EventStore) {
    let (id, correlation, causation) = (EventId::new(), EventId::new(), EventId::new());
    let new = NewEvent::new("Weighed", ContentType::Binary, vec![0, 1, 255])
        .id(id)
        .schema_version(7)
        .tag(Tag::new("scale", 3))
        .tag("plain")
        .metadata(r#"{"user":"zoe"}"#)
        .correlation(correlation)
        .causation(causation);
    store.append(Append::to("parcel-a-b").event(new.clone())).expect("it is sound");
    let found = store.find(id).wait().expect("it can be read").expect("it is there");
    assert_eq!(found, read(store, Query::all())[0]);
    assert_eq!(found.to_new_event(), new);
    assert_eq!((found.category(), found.stream_id()), (Some("parcel"), "a-b"));
    assert_eq!((found.stream(), found.version()), (Some("parcel-a-b"), 1));
    assert_eq!((found.kind(), found.schema_version()), ("Weighed", 7));
    assert_eq!(found.tags().collect::<Vec<_>>(), ["scale:3", "plain"]);
    assert_eq!((found.correlation(), found.causation()), (Some(correlation), Some(causation)));
    assert!(store.find(EventId::new()).wait().expect("it can be read").is_none());
}

fn an_event_may_belong_to_no_stream(store: &dyn EventStore) {
    let new = event("Announced").tag("topic:rust");
    let saved = store.append(Append::without_stream().event(new)).expect("it is sound");
    assert_eq!(saved.version, 0);
    let found = &read(store, Query::tag("topic", "rust"))[0];
    assert_eq!((found.stream(), found.category(), found.version()), (None, None, 0));
}

fn an_event_may_be_empty_but_for_its_kind(store: &dyn EventStore) {
    let new = NewEvent::new("Nothing", ContentType::Text, "");
    store.append(Append::to("a-1").event(new)).expect("it is sound");
    let found = &read(store, Query::all())[0];
    assert!(found.payload().is_empty() && found.metadata().is_empty());
    assert!(found.correlation().is_none() && found.causation().is_none());
}

fn names_may_be_any_printable_text_and_are_compared_exactly(store: &dyn EventStore) {
    let names = [
        "straße-1",
        "strasse-1",
        "日本-1",
        "a b/../c-1",
        "no dash",
        "-",
        "A-1",
        "a-1",
        "é",
        "e\u{301}",
    ];
    for name in names {
        assert_eq!(happen(store, name, "Happened").version, 1, "{name}");
    }
    for name in names {
        assert_eq!(read(store, Query::stream(name)).len(), 1, "{name}");
    }
}

fn recorded_times_never_go_back(store: &dyn EventStore) {
    for _ in 0..50 {
        happen(store, "a-1", "Happened");
    }
    let events = read(store, Query::all());
    assert!(events.is_sorted_by_key(Recorded::recorded_at));
}

fn several_streams_are_written_at_once(store: &dyn EventStore) {
    happen(store, "a-1", "Happened");
    let append = Append::to("a-1")
        .expect(ExpectedVersion::Exact(1))
        .events([event("One"), event("Two")])
        .and(Append::to("b-1").expect(ExpectedVersion::NoStream).event(event("Three")))
        .and(Append::without_stream().event(event("Four")));
    let saved = store.append(append).expect("everything fits");
    assert_eq!((saved.first_position.0, saved.position.0), (2, 5));
    assert_eq!((saved.versions, saved.version), (vec![3, 1, 0], 0));
    let kinds: Vec<_> = read(store, Query::all()).iter().map(|e| e.kind().to_owned()).collect();
    assert_eq!(kinds, ["Happened", "One", "Two", "Three", "Four"]);
}

fn one_wrong_expectation_refuses_all_streams(store: &dyn EventStore) {
    happen(store, "a-1", "Happened");
    let append = Append::to("b-1")
        .event(event("Lost"))
        .and(Append::to("a-1").expect(ExpectedVersion::NoStream).event(event("Lost")));
    refused(store, append, ErrorKind::Conflict);
    assert_eq!(happen(store, "b-1", "Happened").version, 1);
}

fn a_write_without_events_is_an_expectation(store: &dyn EventStore) {
    happen(store, "a-1", "Happened");
    let only_if = |expected| {
        Append::to("b-1").event(event("Happened")).and(Append::to("a-1").expect(expected))
    };
    refused(store, only_if(ExpectedVersion::Exact(2)), ErrorKind::Conflict);
    let saved = store.append(only_if(ExpectedVersion::Exact(1))).expect("it is at version 1");
    assert_eq!(saved.versions, [1, 1]);
    assert_eq!(positions(store, Query::stream("a-1")), [1]);
}

fn one_stream_named_twice_is_refused(store: &dyn EventStore) {
    let append = Append::to("a-1").event(event("One")).and(Append::to("a-1").event(event("Two")));
    refused(store, append, ErrorKind::Invalid);
}

fn an_append_without_events_is_refused(store: &dyn EventStore) {
    refused(store, Append::to("a-1"), ErrorKind::Invalid);
    refused(store, Append::default(), ErrorKind::Invalid);
}
