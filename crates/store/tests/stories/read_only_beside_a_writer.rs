//! A reader in another process sees what is committed there, and nothing else.

use std::time::Duration;

use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, Query};

/// Nothing takes so long; it only keeps a broken test from hanging.
const LONG: Duration = Duration::from_secs(30);

fn event(bytes: usize) -> NewEvent {
    NewEvent::json("Happened", "x".repeat(bytes))
}

#[test]
fn each_read_sees_what_was_committed_before_it_also_in_new_files() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let writer = EmbeddedStore::open(directory.path()).expect("a new store");
    let reader = EmbeddedStore::open_read_only(directory.path()).expect("beside the writer");
    for count in 1..=60 {
        writer.append(Append::to("a-1").event(event(100_000))).expect("it fits");
        assert_eq!(reader.head().wait().expect("it can be read").0, count);
        assert_eq!(reader.read(Query::stream("a-1")).count() as u64, count);
    }
    assert!(reader.stat().expect("it can be read").files.len() > 2);
}

#[test]
fn a_follower_in_another_process_is_told_without_a_gap() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let writer = EmbeddedStore::open(directory.path()).expect("a new store");
    let reader = EmbeddedStore::open_read_only(directory.path()).expect("beside the writer");
    let mut follower = reader.follow(Query::all());
    let writing = std::thread::spawn(move || {
        for _ in 0..500 {
            writer.append(Append::to("a-1").event(event(5_000))).expect("it fits");
        }
    });
    for position in 1..=500 {
        let next = follower.next_within(LONG).expect("in time").expect("it goes on");
        assert_eq!(next.expect("it can be read").position().0, position);
    }
    writing.join().expect("the writer is well");
}

#[test]
fn opening_and_verifying_while_another_process_writes_finds_no_damage() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let writer = EmbeddedStore::open(directory.path()).expect("a new store");
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for _ in 0..2_000 {
                writer.append(Append::to("a-1").event(event(3_000))).expect("it fits");
            }
        });
        while !writing.is_finished() {
            let report = hitherto_store::verify(directory.path()).expect("it can be read");
            assert_eq!(report.damages, []);
        }
    });
}
