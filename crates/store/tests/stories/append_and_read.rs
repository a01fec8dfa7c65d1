//! What is appended is read again: in every order, by every key, after every reopening.

use hitherto_store::{
    Append, EmbeddedStore, EventStore, ExpectedVersion, NewEvent, Position, Query, Recorded,
};

fn deposit(amount: u64) -> NewEvent {
    NewEvent::json("MoneyDeposited", format!(r#"{{"amount":{amount}}}"#))
}

fn read(store: &EmbeddedStore, query: Query) -> Vec<Recorded> {
    store.read(query).collect::<Result<_, _>>().expect("a sound store can be read")
}

fn positions(store: &EmbeddedStore, query: Query) -> Vec<u64> {
    read(store, query).iter().map(|event| event.position().0).collect()
}

#[test]
fn a_store_on_disk_gives_back_what_was_appended_also_after_reopening() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for round in 0..5u64 {
        let store = EmbeddedStore::open(directory.path()).expect("the store opens");
        assert_eq!(positions(&store, Query::all()).len() as u64, round * 10);
        for number in 0..10 {
            let version = ExpectedVersion::Exact(round * 5 + number / 2);
            let stream = format!("account-{}", number % 2);
            let saved = store.append(Append::to(stream).expect(version).event(deposit(number)));
            assert_eq!(saved.expect("the version is right").position.0, round * 10 + number + 1);
        }
        let forward = positions(&store, Query::stream("account-1"));
        let mut backward = positions(&store, Query::stream("account-1").backward());
        backward.reverse();
        assert_eq!(forward, backward);
        assert_eq!(forward.len() as u64, (round + 1) * 5);
        if round % 2 == 0 {
            store.close().expect("the store closes");
        }
    }
    let report = hitherto_store::verify(directory.path()).expect("the store can be read");
    assert_eq!((report.events, report.streams), (50, 2));
    assert_eq!(report.damages, []);
}

#[test]
fn a_log_of_many_files_is_read_as_one() {
    let store = EmbeddedStore::in_memory();
    let payload = "x".repeat(100_000);
    for number in 0..200u64 {
        let event =
            NewEvent::json(if number % 10 == 0 { "Rare" } else { "Common" }, payload.clone());
        store.append(Append::to(format!("s-{}", number % 7)).event(event)).expect("it fits");
    }
    assert!(store.stat().expect("a sound store").files.len() > 2);
    assert_eq!(positions(&store, Query::all()), (1..=200).collect::<Vec<_>>());
    assert_eq!(positions(&store, Query::all().backward()), (1..=200).rev().collect::<Vec<_>>());
    let rare: Vec<_> = (0..20).map(|n| n * 10 + 1).collect();
    assert_eq!(positions(&store, Query::of_kinds(["Rare"])), rare);
    let versions = positions(&store, Query::stream("s-3").after_version(10).up_to_version(12));
    assert_eq!(versions, [74, 81]);
    assert_eq!(positions(&store, Query::all().after(Position(198))), [199, 200]);
}
