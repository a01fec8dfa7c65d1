//! A reader in another process sees what is committed there, and nothing else.

use std::time::Duration;

use hitherto_store::{
    Append, Disk, EmbeddedStore, ErrorKind, EventStore, MemoryDisk, NewEvent, Options, Query,
    SystemClock,
};

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

/// Bytes that rot before the reader has looked at them: it once waited for ever for what it took
/// for a frame that is being written, and said that nothing had happened since.
#[test]
fn damage_that_comes_before_the_reader_has_looked_is_told() {
    let (disk, options) = (MemoryDisk::new(), small_files());
    let writer = EmbeddedStore::on(disk.clone(), SystemClock, options.clone()).expect("it opens");
    let append = || writer.append(Append::to("a-1").event(event(300))).expect("it fits");
    append();
    let reader = EmbeddedStore::read_only_on(disk.clone(), SystemClock, options).expect("beside");
    assert_eq!(reader.head().wait().expect("it can be read").0, 1);
    let end = writer.stat().expect("it is open").files[0].used_bytes;
    append();
    let log = disk.open("000000000001.log").expect("it is there");
    log.write_at(b"rot", end + 100).expect("it is there");
    while writer.stat().expect("it is open").files.len() == 1 {
        append();
    }
    let error = reader.head().wait().expect_err("events are missing");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains(&format!("000000000001.log at offset {end}")), "{error}");
    let read = reader.read(Query::all()).last().expect("it is told");
    assert_eq!(read.expect_err("events are missing").kind(), ErrorKind::Corrupt);
}

/// What a reader had taken in since it was opened was once in its memory for good.
#[test]
fn a_reader_that_stays_open_takes_no_more_memory_than_it_may() {
    let (disk, mut options) = (MemoryDisk::new(), small_files());
    options.memory_bytes_max = 0; // the least that is possible: 8 MiB
    let writer = EmbeddedStore::on(disk.clone(), SystemClock, options.clone()).expect("it opens");
    let reader = EmbeddedStore::read_only_on(disk, SystemClock, options).expect("beside");
    for round in 1..=200_u64 {
        let events = (0..1_000).map(|_| event(1).tag("a:1"));
        writer.append(Append::to(format!("a-{}", round % 7)).events(events)).expect("it fits");
        assert_eq!(reader.head().wait().expect("it can be read").0, round * 1_000);
        let memory = reader.stat().expect("it can be read").memory_bytes;
        assert!(memory < 8 << 20, "{memory} bytes after {round} rounds");
    }
    let found = reader.read(Query::stream("a-3")).map(|event| event.expect("it can be read"));
    assert_eq!(found.count(), 29_000);
    let all = reader.read(Query::all().backward()).map(|event| event.expect("it can be read"));
    assert!(all.map(|event| event.position().0).eq((1..=200_000).rev()));
}

fn small_files() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 16 << 10;
    options.log_file_bytes_max = 1 << 20;
    options
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
