//! At each limit an append is taken, one over it is refused by the limit's name.

use hitherto_store::limits::{
    APPEND_EVENTS_MAX, APPEND_STREAMS_MAX, EVENT_BYTES_MAX, EVENT_TAGS_MAX, KIND_BYTES_MAX,
    QUERY_ITEM_TERMS_MAX, QUERY_ITEMS_MAX, STREAM_NAME_BYTES_MAX, TAG_BYTES_MAX,
};
use hitherto_store::{
    Append, ContentType, ErrorKind, EventStore, NewEvent, Position, Query, QueryItem, Tag,
};

use super::case;
use crate::Case;
use crate::story::{event, refused};

pub(super) const CASES: &[Case] = &[
    case!(Limits, names_have_at_most_so_many_bytes),
    case!(Limits, names_are_not_empty_and_have_no_control_characters),
    case!(Limits, an_event_has_at_most_so_many_bytes_and_tags),
    case!(Limits, an_append_has_at_most_so_many_events_and_streams),
    case!(Limits, a_query_has_at_most_so_many_alternatives_and_terms),
];

/// At the limit it is taken; over it, refused with the number and some advice.
fn check(store: &dyn EventStore, limit: usize, append: impl Fn(usize) -> Append) {
    store.append(append(limit)).expect("it is at the limit");
    for over in [limit + 1, limit * 2] {
        let error = refused(store, append(over), ErrorKind::Invalid);
        let text = error.to_string();
        assert!(text.contains(&limit.to_string()) && text.contains(';'), "{text}");
    }
}

fn names_have_at_most_so_many_bytes(store: &dyn EventStore) {
    check(store, STREAM_NAME_BYTES_MAX, |n| Append::to("s".repeat(n)).event(event("Happened")));
    check(store, KIND_BYTES_MAX, |n| Append::to("a-1").event(NewEvent::json("K".repeat(n), "{}")));
    check(store, TAG_BYTES_MAX, |n| Append::to("a-1").event(event("Happened").tag("t".repeat(n))));
}

fn names_are_not_empty_and_have_no_control_characters(store: &dyn EventStore) {
    for bad in ["", "a\nb", "\0", "a\u{7f}"] {
        refused(store, Append::to(bad).event(event("Happened")), ErrorKind::Invalid);
        let kind = NewEvent::json(bad, "{}");
        refused(store, Append::to("a-1").event(kind), ErrorKind::Invalid);
        let tagged = event("Happened").tag(bad);
        refused(store, Append::to("a-1").event(tagged), ErrorKind::Invalid);
    }
}

fn an_event_has_at_most_so_many_bytes_and_tags(store: &dyn EventStore) {
    check(store, EVENT_BYTES_MAX, |n| {
        Append::to("a-1").event(NewEvent::new("Large", ContentType::Binary, vec![7; n]))
    });
    check(store, EVENT_TAGS_MAX, |n| {
        let tag = |event: NewEvent, number| event.tag(Tag::new("n", number));
        Append::to("a-1").event((0..n).fold(event("Happened"), tag))
    });
}

fn an_append_has_at_most_so_many_events_and_streams(store: &dyn EventStore) {
    check(store, APPEND_EVENTS_MAX, |n| Append::to("a-1").events((0..n).map(|_| event("Many"))));
    check(store, APPEND_STREAMS_MAX, |n| {
        let stream = |append: Append, number| {
            append.and(Append::to(format!("b-{number}")).event(event("Wide")))
        };
        (0..n).fold(Append::default(), stream)
    });
}

fn a_query_has_at_most_so_many_alternatives_and_terms(store: &dyn EventStore) {
    let wide = |n| Query { items: vec![QueryItem::default(); n], ..Query::default() };
    let long = |n| Query::of_kinds((0..n).map(|number| format!("K{number}")));
    let at = [wide(QUERY_ITEMS_MAX), long(QUERY_ITEM_TERMS_MAX)];
    let over = [wide(QUERY_ITEMS_MAX + 1), long(QUERY_ITEM_TERMS_MAX + 1)];
    for query in at {
        assert_eq!(store.read(query).count(), 0);
    }
    for query in over {
        let first = store.read(query.clone()).next().expect("it says why");
        assert_eq!(first.expect_err("it is refused").kind(), ErrorKind::Invalid);
        let append = Append::to("a-1").event(event("Happened"));
        refused(store, append.unless(query, Position::START), ErrorKind::Invalid);
    }
}
