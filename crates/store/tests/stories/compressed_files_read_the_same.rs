//! Compressing changes nothing that can be read, and what it writes is damaged like everything
//! else: noticed, never returned.

use std::sync::Arc;

use hitherto_store::{
    Append, Disk, EmbeddedStore, ErrorKind, EventStore, MemoryDisk, NewEvent, Options, Position,
    Query, Recorded, Result, SystemClock, Tag, verify_disk,
};

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 64 << 10;
    options.log_file_bytes_max = 256 << 10;
    options
}

fn open(disk: &MemoryDisk) -> EmbeddedStore {
    EmbeddedStore::on(disk.clone(), SystemClock, options()).expect("it opens")
}

fn fill(store: &EmbeddedStore, events: usize) {
    for number in 0..events {
        let text =
            format!(r#"{{"number":{number},"text":"{}"}}"#, "to be or not ".repeat(number % 9));
        let event = NewEvent::json("Said", text).tag(Tag::new("seventh", number % 7));
        store.append(Append::to(format!("play-{}", number % 50)).event(event)).expect("it fits");
    }
}

fn all(store: &EmbeddedStore, query: Query) -> Vec<Recorded> {
    store.read(query).collect::<Result<_>>().expect("it can be read")
}

fn names(disk: &MemoryDisk, part: &str) -> Vec<String> {
    let mut names = disk.list().expect("it can be listed");
    names.retain(|name| name.contains(part));
    names
}

#[test]
fn everything_reads_the_same_before_and_after_and_after_opening_again() {
    let disk = MemoryDisk::new();
    let store = open(&disk);
    fill(&store, 6_000);
    let queries = [
        Query::all(),
        Query::all().backward(),
        Query::stream("play-7"),
        Query::tag("seventh", 3).backward(),
        Query::of_kinds(["Said"]).after(Position(1_234)),
    ];
    let before: Vec<_> = queries.iter().map(|query| all(&store, query.clone())).collect();
    let raw: u64 = store.stat().expect("it is open").files.iter().map(|f| f.allocated_bytes).sum();
    store.compress().expect("there is room");
    let stat = store.stat().expect("it is open");
    let compressed: u64 = stat.files.iter().map(|file| file.allocated_bytes).sum();
    assert!(stat.files.iter().rev().skip(1).all(|file| file.is_compressed));
    // Also though they have all of these streams twice.
    assert!(3 * compressed < 2 * raw, "{compressed} of {raw} bytes");
    assert_eq!(names(&disk, ".log").len(), 1, "the raw files are gone");
    for (query, before) in queries.iter().zip(&before) {
        assert_eq!(all(&store, query.clone()), *before);
    }
    store.close().expect("it closes");
    let store = open(&disk);
    for (query, before) in queries.iter().zip(&before) {
        assert_eq!(all(&store, query.clone()), *before);
    }
    fill(&store, 10);
    assert_eq!(verify_disk(Arc::new(disk.clone())).expect("it can be read").damages, []);
    // Index files are built from compressed files as well as from others.
    drop(store);
    for name in names(&disk, ".idx") {
        disk.remove(&name).expect("it is there");
    }
    assert!(all(&open(&disk), Query::stream("play-7")).starts_with(&before[2]));
}

#[test]
fn damage_to_a_compressed_file_is_an_error_that_names_it() {
    let disk = MemoryDisk::new();
    let store = open(&disk);
    fill(&store, 1_000);
    store.compress().expect("there is room");
    let events = all(&store, Query::all());
    store.close().expect("it closes");
    let name = names(&disk, ".zlog").into_iter().min().expect("there is one");
    let file = disk.open(&name).expect("it is there");
    let length = file.len().expect("it has a length");
    let mut noticed = 0;
    for place in (0..length).step_by(1311) {
        let mut byte = [0];
        file.read_at(&mut byte, place).expect("it can be read");
        file.write_at(&[byte[0] ^ 4], place).expect("it is there");
        let store = EmbeddedStore::read_only_on(disk.clone(), SystemClock, options());
        let read = store.expect("the end of the log is whole").read(Query::all());
        for (found, event) in read.enumerate() {
            match event {
                Ok(event) => assert_eq!(event, events[found], "byte {place}"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Corrupt, "byte {place}: {error}");
                    noticed += 1;
                    break;
                }
            }
        }
        file.write_at(&byte, place).expect("it is there");
    }
    assert!(noticed > 10, "only {noticed} flips were in anything that matters");
}

/// A block that does not decode was once an error of the whole open, where its file had to be read
/// because there was no index.
#[test]
fn a_damaged_block_without_an_index_costs_only_what_is_in_it() {
    let disk = MemoryDisk::new();
    let store = open(&disk);
    fill(&store, 3_000);
    store.compress().expect("there is room");
    let events = all(&store, Query::all());
    store.close().expect("it closes");
    let log = &names(&disk, ".zlog").into_iter().min().expect("there is one");
    for index in names(&disk, ".idx") {
        disk.remove(&index).expect("it is there");
    }
    damage_middle_of(&disk, log);
    let store = EmbeddedStore::read_only_on(disk.clone(), SystemClock, options());
    let store = store.expect("all other blocks are whole");
    let report = verify_disk(Arc::new(disk.clone())).expect("it can be read");
    let [damage] = &report.damages[..] else { panic!("{report:?}") };
    let (first, last) = damage.positions.expect("events are lost");
    assert!(log.starts_with(damage.file.trim_end_matches("log")), "{damage}");
    assert!(last.0 - first.0 < 50, "{damage}");
    let before = Query::all().up_to(Position(first.0 - 1));
    assert_eq!(all(&store, before), events[..first.0 as usize - 1]);
    assert_eq!(all(&store, Query::all().after(last)), events[last.0 as usize..]);
    let error = store.read(Query::all()).find_map(Result::err).expect("events are missing");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

fn damage_middle_of(disk: &MemoryDisk, name: &str) {
    let file = disk.open(name).expect("it is there");
    let middle = file.len().expect("it has a length") / 2;
    file.write_at(&[0xA5; 64], middle).expect("it is there");
}

/// Events before a block that does not decode were once not given to who read several at once.
#[test]
fn events_before_a_damaged_block_are_read_in_a_row_as_one_by_one() {
    let disk = MemoryDisk::new();
    let store = open(&disk);
    fill(&store, 1_000);
    store.compress().expect("there is room");
    let events = all(&store, Query::all());
    store.close().expect("it closes");
    damage_middle_of(&disk, &names(&disk, ".zlog").into_iter().min().expect("there is one"));
    let store = EmbeddedStore::read_only_on(disk.clone(), SystemClock, options());
    let store = store.expect("it can be read");
    let is_lost = |event: &&Recorded| {
        let before = Query::all().after(Position(event.position().0 - 1));
        store.read(before.limit(1)).any(|event| event.is_err())
    };
    let lost: Vec<_> = events.iter().filter(is_lost).map(Recorded::position).collect();
    assert!((1..20).contains(&lost.len()), "{lost:?}");
    let given: Vec<_> = store.read(Query::all()).map_while(Result::ok).collect();
    assert_eq!(given.last().map(|event| event.position().next()), lost.first().copied());
}
