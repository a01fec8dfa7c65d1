//! Events of a stream that stand one behind the other are read ahead without being looked for, one
//! by one. What is read, and where it begins and ends, must not depend on that.

use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, Position, Query, Recorded};

const STREAMS: [&str; 3] = ["long-1", "short-1", "short-2"];

/// Runs of many lengths, some longer than a block of postings, and events that stand alone.
fn fill(store: &EmbeddedStore) {
    for (round, length) in [1, 300, 2, 7, 8, 9, 128, 1, 1000, 3].into_iter().enumerate() {
        let kind = if round % 2 == 0 { "Even" } else { "Odd" };
        let events = (0..length).map(|number| NewEvent::json(kind, format!("[{number}]")));
        store.append(Append::to(STREAMS[0]).events(events)).expect("it is stored");
        for stream in &STREAMS[1..] {
            let event = NewEvent::json("Even", "[]");
            store.append(Append::to(*stream).event(event)).expect("it is stored");
        }
    }
}

fn queries() -> Vec<Query> {
    let mut queries = vec![Query::all(), Query::of_kinds(["Even"]), Query::category("long")];
    queries.extend(STREAMS.map(Query::stream));
    queries.push(Query::stream(STREAMS[0]).kinds(["Odd"]));
    queries.push(Query::stream(STREAMS[0]).or(Query::stream(STREAMS[2])));
    queries
}

fn check(store: &EmbeddedStore) {
    let all: Vec<Recorded> =
        store.read(Query::all()).collect::<Result<_, _>>().expect("it is read");
    for query in queries() {
        let expected: Vec<u64> = all
            .iter()
            .filter(|event| query.matches(event))
            .map(|event| event.position().0)
            .collect();
        for (after, last) in [(0, 2000), (1, 1400), (150, 303), (301, 302), (330, 1200)] {
            let bounded = query.clone().after(Position(after)).up_to(Position(last));
            let within: Vec<u64> =
                expected.iter().copied().filter(|at| (after + 1..=last).contains(at)).collect();
            assert_eq!(positions(store, bounded.clone()), within, "{bounded:?}");
            let mut backward = positions(store, bounded.clone().backward());
            backward.reverse();
            assert_eq!(backward, within, "{bounded:?}, backward");
            let first = &within[..within.len().min(140)];
            assert_eq!(positions(store, bounded.limit(140)), first, "the first of {query:?}");
        }
    }
}

fn positions(store: &EmbeddedStore, query: Query) -> Vec<u64> {
    store.read(query).map(|event| event.expect("it is read").position().0).collect()
}

#[test]
fn in_growing_and_in_sealed_files() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    fill(&store);
    check(&store);
    store.close().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    check(&store);
    fill(&store);
    check(&store);
    store.compress().unwrap();
    check(&store);
}

#[test]
fn versions_end_a_read_within_a_run() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    fill(&store);
    store.close().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    for (after, last) in [(0, 1), (5, 250), (299, 302), (1, 1459)] {
        let query = Query::stream(STREAMS[0]).after_version(after).up_to_version(last);
        let versions = store.read(query).map(|event| event.unwrap().version());
        assert_eq!(versions.collect::<Vec<_>>(), (after + 1..=last).collect::<Vec<_>>());
    }
}
