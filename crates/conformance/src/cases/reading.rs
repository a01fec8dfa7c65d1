//! One way to read: by what, between which bounds, in which direction, and how many.

use hitherto_store::{
    Append, Direction, ErrorKind, EventStore, Position, Query, Recorded, Tag, Timestamp,
};

use super::case;
use crate::Case;
use crate::story::{event, happen, positions, read};

pub(super) const CASES: &[Case] = &[
    case!(Reading, an_empty_store_and_what_does_not_exist_read_as_nothing),
    case!(Reading, a_stream_is_read_from_and_to_versions),
    case!(Reading, everything_is_read_between_positions_in_both_directions),
    case!(Reading, a_category_is_what_stands_before_the_first_dash),
    case!(Reading, kinds_and_tags_narrow_and_alternatives_widen),
    case!(Reading, an_event_that_fulfils_two_alternatives_is_read_once),
    case!(Reading, times_bound_from_both_sides),
    case!(Reading, a_limit_ends_a_read_in_its_direction),
    case!(Reading, versions_of_more_than_one_stream_are_refused_as_bounds),
    case!(Reading, a_read_does_not_see_what_is_appended_after_it_began),
    case!(Reading, random_queries_agree_with_a_look_at_every_event),
];

fn an_empty_store_and_what_does_not_exist_read_as_nothing(store: &dyn EventStore) {
    let queries = || {
        [
            Query::stream("none-1"),
            Query::category("none"),
            Query::of_kinds(["None"]),
            Query::tag("none", 1),
            Query::all().after(Position(10)),
            Query::all().after(Position(u64::MAX)),
            Query::all().since(Timestamp::from_nanos(i64::MAX)),
            Query::stream("a-1").after_version(u64::MAX),
        ]
    };
    assert!(read(store, Query::all()).is_empty());
    assert_eq!(store.head().wait().expect("it can be read"), Position::START);
    happen(store, "a-1", "Happened");
    for query in queries() {
        assert!(read(store, query.clone()).is_empty(), "{query:?}");
        assert!(read(store, query.clone().backward()).is_empty(), "{query:?}");
    }
}

fn a_stream_is_read_from_and_to_versions(store: &dyn EventStore) {
    for number in 0..30 {
        happen(store, ["a-1", "b-1", "a-2"][number % 3], "Happened");
    }
    let versions =
        |query| -> Vec<u64> { read(store, query).iter().map(Recorded::version).collect() };
    let stream = || Query::stream("a-2");
    assert_eq!(versions(stream()), (1..=10).collect::<Vec<_>>());
    assert_eq!(versions(stream().after_version(7)), [8, 9, 10]);
    assert_eq!(versions(stream().up_to_version(2)), [1, 2]);
    assert_eq!(versions(stream().after_version(3).up_to_version(5)), [4, 5]);
    assert_eq!(versions(stream().after_version(3).up_to_version(5).backward()), [5, 4]);
    assert_eq!(versions(stream().after_version(10)), []);
    assert_eq!(versions(stream().up_to_version(0)), []);
    assert_eq!(versions(stream().up_to_version(99)).len(), 10);
}

fn everything_is_read_between_positions_in_both_directions(store: &dyn EventStore) {
    for _ in 0..20 {
        happen(store, "a-1", "Happened");
    }
    let between = || Query::all().after(Position(5)).up_to(Position(8));
    assert_eq!(positions(store, between()), [6, 7, 8]);
    assert_eq!(positions(store, between().backward()), [8, 7, 6]);
    assert_eq!(positions(store, Query::all().after(Position(18))), [19, 20]);
    assert_eq!(positions(store, Query::all().up_to(Position(2)).backward()), [2, 1]);
    assert_eq!(positions(store, Query::all().after(Position(8)).up_to(Position(5))), []);
}

fn a_category_is_what_stands_before_the_first_dash(store: &dyn EventStore) {
    for name in ["account-1", "accounting-1", "account-2-a", "account", "-1"] {
        happen(store, name, "Happened");
    }
    assert_eq!(positions(store, Query::category("account")), [1, 3, 4]);
    assert_eq!(positions(store, Query::category("accounting")), [2]);
    assert_eq!(positions(store, Query::category("acc")), []);
}

fn kinds_and_tags_narrow_and_alternatives_widen(store: &dyn EventStore) {
    let append = |stream: &str, kind, tags: &[&str]| {
        let event = tags.iter().fold(event(kind), |event, tag| event.tag(*tag));
        store.append(Append::to(stream).event(event)).expect("it is sound");
    };
    append("a-1", "One", &["x:1", "y:1"]);
    append("a-1", "Two", &["x:1"]);
    append("b-1", "One", &["y:1", "x:2"]);
    append("b-1", "Three", &[]);
    assert_eq!(positions(store, Query::of_kinds(["One"])), [1, 3]);
    assert_eq!(positions(store, Query::of_kinds(["One", "Three"])), [1, 3, 4]);
    assert_eq!(positions(store, Query::tag("x", 1)), [1, 2]);
    assert_eq!(positions(store, Query::tag("x", 1).with_tag("y:1")), [1]);
    assert_eq!(positions(store, Query::tag("x", 1).kinds(["Two"])), [2]);
    assert_eq!(positions(store, Query::stream("b-1").kinds(["One"])), [3]);
    assert_eq!(positions(store, Query::stream("a-1").with_tag("y:1")), [1]);
    assert_eq!(positions(store, Query::tag("x", 2).or(Query::of_kinds(["Two"]))), [2, 3]);
    assert_eq!(positions(store, Query::tag("x", 2).or(Query::all())), [1, 2, 3, 4]);
}

fn an_event_that_fulfils_two_alternatives_is_read_once(store: &dyn EventStore) {
    let twice = event("One").tag("x:1").tag("y:1").tag("x:1");
    store.append(Append::to("a-1").event(twice)).expect("it is sound");
    let query = Query::tag("x", 1).or_tag("y", 1).or(Query::stream("a-1"));
    assert_eq!(positions(store, query), [1]);
}

fn times_bound_from_both_sides(store: &dyn EventStore) {
    for _ in 0..10 {
        happen(store, "a-1", "Happened");
    }
    let events = read(store, Query::all());
    let (third, seventh) = (events[2].recorded_at(), events[6].recorded_at());
    let query = Query::all().since(third).until(seventh);
    let expected: Vec<_> = events.iter().filter(|event| query.matches(event)).cloned().collect();
    assert!(expected.contains(&events[2]) && expected.contains(&events[6]));
    assert_eq!(read(store, query.clone()), expected);
    assert_eq!(read(store, query.backward()).len(), expected.len());
    let before = Timestamp::from_nanos(events[0].recorded_at().as_nanos() - 1);
    assert_eq!(positions(store, Query::all().until(before)), []);
    assert_eq!(positions(store, Query::stream("a-1").since(before)).len(), 10);
}

fn a_limit_ends_a_read_in_its_direction(store: &dyn EventStore) {
    for number in 0..10 {
        happen(store, ["a-1", "b-1"][number % 2], "Happened");
    }
    assert_eq!(positions(store, Query::all().limit(2)), [1, 2]);
    assert_eq!(positions(store, Query::all().limit(2).backward()), [10, 9]);
    assert_eq!(positions(store, Query::stream("b-1").after(Position(3)).limit(2)), [4, 6]);
    assert_eq!(positions(store, Query::all().limit(0)), []);
}

fn versions_of_more_than_one_stream_are_refused_as_bounds(store: &dyn EventStore) {
    for query in [Query::all(), Query::category("a"), Query::stream("a-1").or(Query::stream("a-2"))]
    {
        let first = store.read(query.after_version(1)).next().expect("it says why");
        assert_eq!(first.expect_err("it is refused").kind(), ErrorKind::Invalid);
    }
}

fn a_read_does_not_see_what_is_appended_after_it_began(store: &dyn EventStore) {
    happen(store, "a-1", "Happened");
    let reading = store.read(Query::all());
    happen(store, "a-1", "Happened");
    assert_eq!(reading.count(), 1);
}

/// A few numbers that look random and are always the same.
fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |end| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % end
    }
}

fn random_queries_agree_with_a_look_at_every_event(store: &dyn EventStore) {
    let mut below = numbers(1);
    for _ in 0..300 {
        let mut new = event(["One", "Two", "Three"][below(3) as usize]);
        for key in ["x", "y", "z"] {
            if below(2) == 0 {
                new.tags.push(Tag::new(key, below(3)));
            }
        }
        let append = match below(5) {
            0 => Append::without_stream(),
            _ => Append::to(format!("{}-{}", ["a", "b"][below(2) as usize], below(4))),
        };
        store.append(append.event(new)).expect("it is sound");
    }
    let all = read(store, Query::all());
    for _ in 0..400 {
        let query = random_query(&mut below, &all);
        let mut expected: Vec<_> =
            all.iter().filter(|event| query.matches(event)).cloned().collect();
        if query.direction == Direction::Backward {
            expected.reverse();
        }
        expected.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
        assert_eq!(read(store, query.clone()), expected, "{query:?}");
    }
}

fn random_query(below: &mut impl FnMut(u64) -> u64, all: &[Recorded]) -> Query {
    let mut query = random_alternative(below);
    for _ in 0..below(4) {
        query = query.or(random_alternative(below));
    }
    if below(2) == 0 {
        query = query.after(Position(below(310)));
    }
    if below(3) == 0 {
        query = query.up_to(Position(below(310)));
    }
    if below(4) == 0 {
        query = query.since(all[below(300) as usize].recorded_at());
    }
    if below(4) == 0 {
        query = query.until(all[below(300) as usize].recorded_at());
    }
    if below(4) == 0 {
        query = query.limit(below(20));
    }
    if below(2) == 0 { query.backward() } else { query }
}

fn random_alternative(below: &mut impl FnMut(u64) -> u64) -> Query {
    let mut query = match below(5) {
        0 => Query::stream(format!("a-{}", below(5))),
        1 => Query::category(["a", "b", "c"][below(3) as usize]),
        2 => Query::of_kinds(["One", "Four"]),
        _ => Query::tag("x", below(4)),
    };
    if below(3) == 0 {
        query = query.kinds(["Two", "Three"]);
    }
    for key in ["y", "z"] {
        if below(3) == 0 {
            query = query.with_tag(Tag::new(key, below(3)));
        }
    }
    query
}
