//! A second process reads the store while the first one writes: it sees whole commits, in order,
//! and only what a power cut cannot take back.

use crate::common::{append, open};
use hitherto_sim::{History, Operation, SimClock, SimDisk, small_files};
use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, Query, Recorded, Result};

fn reader(disk: &SimDisk) -> Result<EmbeddedStore> {
    EmbeddedStore::read_only_on(disk.clone(), SimClock::default(), small_files())
}

fn read(store: &EmbeddedStore, query: Query) -> Result<Vec<Recorded>> {
    store.read(query).collect()
}

#[test]
fn at_every_moment_it_sees_what_was_acknowledged_and_whole_commits_only() {
    let disk = SimDisk::new();
    let writer = open(&disk).expect("a new store");
    let early = reader(&disk).expect("it can be read beside the writer");
    let mut history = History::default();
    for number in 0..60 {
        assert!(history.append(&writer, append(number)));
        for store in [&early, &reader(&disk).expect("it can be read beside the writer")] {
            let seen = history.check(store).expect("all that was acknowledged is seen, whole");
            assert_eq!(seen, read(&writer, Query::all()).expect("it can be read"));
        }
    }
}

/// The power goes in the middle of a write: the reader may have seen it in the cache already.
#[test]
fn what_it_saw_of_a_write_that_was_never_acknowledged_survives_a_power_cut() {
    for operation in 1..80 {
        let disk = SimDisk::new();
        let writer = open(&disk).expect("a new store");
        let mut history = History::default();
        let beside = reader(&disk).expect("it can be read beside the writer");
        disk.cut_power_at(disk.operations() + operation);
        (0..10).take_while(|&number| history.append(&writer, append(number))).count();
        // The writer was killed; the reader lives on, on the same cache, until the power goes.
        let restarted = disk.after_kill();
        let late = reader(&restarted).expect("it can be read");
        let seen = read(&late, Query::all()).expect("it can be read");
        assert!(seen.len() >= read(&beside, Query::all()).map_or(0, |events| events.len()));
        for seed in 0..6 {
            let after = open(&restarted.after_power_cut(seed)).expect("it opens");
            let found = history.check(&after).expect("what was acknowledged is there");
            assert_eq!(found, seen, "operation {operation}, seed {seed}");
        }
    }
}

/// The end of a log is read a mebibyte at a time.
#[test]
fn a_read_that_fails_once_is_only_one_error() {
    let mut options = small_files();
    options.log_file_bytes_min = 16 << 20;
    for failing in 1..12 {
        let disk = SimDisk::new();
        let writer = EmbeddedStore::on(disk.clone(), SimClock::default(), options.clone());
        let writer = writer.expect("a new store");
        let beside = reader(&disk).expect("it can be read beside the writer");
        for round in 1..=3 {
            for _ in 0..10 {
                let large = NewEvent::json("Large", "x".repeat(150_000));
                writer.append(Append::to("a-1").event(large)).expect("it is sound");
            }
            disk.fail_once(Operation::Read, failing);
            // It may fail or not, and whatever it is, the next one must be right.
            let _ = read(&beside, Query::all());
            disk.fail_no_more();
            let seen = read(&beside, Query::all());
            let seen = seen.unwrap_or_else(|error| panic!("read {failing}: {error}"));
            assert_eq!(seen.len(), round * 10, "read {failing}");
        }
    }
}
