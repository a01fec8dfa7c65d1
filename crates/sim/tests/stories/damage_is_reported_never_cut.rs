//! Acknowledged events are damaged: the store does not open for writing and says where, and a store
//! that is opened read-only serves the rest. Whatever is asked, nothing that is there is left out
//! without a word.

use crate::common::{append, open};
use hitherto_sim::{Bank, Random, SimClock, SimDisk, small_files};
use hitherto_store::{
    Disk, EmbeddedStore, ErrorKind, EventStore, Position, Query, Recorded, Result, verify_disk,
};

const FRAMES: usize = 4096;

/// A store of some files, and all its events.
fn sound_store(seed: u64) -> (SimDisk, Vec<Recorded>) {
    let disk = SimDisk::new();
    let store = open(&disk).expect("a new store");
    let mut bank = Bank::new(seed);
    for _ in 0..120 {
        // Some are refused on purpose.
        let _ = store.append(bank.append(store.head().wait().expect("it is there"), |_| 0));
    }
    let events = store.read(Query::all()).collect::<Result<Vec<_>>>().expect("it can be read");
    store.close().expect("it closes");
    (disk, events)
}

fn data_files(disk: &SimDisk) -> Vec<String> {
    let mut names = disk.list().expect("it can be listed");
    names.retain(|name| [".log", ".zlog", ".idx"].iter().any(|kind| name.contains(kind)));
    names.sort();
    names
}

fn length_of(disk: &SimDisk, name: &str) -> usize {
    let file = disk.open(name).expect("it is there");
    file.len().expect("it has a length").try_into().expect("it is small")
}

/// The file that holds an event's payload, and where in it.
fn place_of(disk: &SimDisk, event: &Recorded) -> (String, usize) {
    let find = |name: String| {
        let mut bytes = vec![0; length_of(disk, &name)];
        disk.open(&name).expect("it is there").read_at(&mut bytes, 0).expect("it can be read");
        let place = bytes.windows(16).position(|window| window == event.id().as_bytes())?;
        Some((name, place))
    };
    data_files(disk).into_iter().find_map(find).expect("it is stored")
}

fn first_error(store: &EmbeddedStore) -> Option<hitherto_store::Error> {
    store.read(Query::all()).find_map(Result::err)
}

fn read(store: &EmbeddedStore, query: Query) -> (Vec<Recorded>, bool) {
    let mut events = Vec::new();
    for event in store.read(query) {
        match event {
            Ok(event) => events.push(event),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
                return (events, true);
            }
        }
    }
    (events, false)
}

#[test]
fn a_damaged_event_is_named_by_file_offset_and_position_and_nothing_is_changed() {
    for number in [0, 1, 7, 20, 28] {
        let disk = SimDisk::new();
        let store = open(&disk).expect("a new store");
        for appended in 0..30 {
            store.append(append(appended % 3 * 3)).expect("it is sound");
        }
        let events = store.read(Query::all()).collect::<Result<Vec<_>>>().expect("it is well");
        drop(store);
        let (file, offset) = place_of(&disk, &events[number]);
        disk.flip(&file, offset, 2);
        let before = disk.operations();
        let error = match open(&disk) {
            Err(error) => {
                assert_eq!(disk.operations(), before, "nothing was written");
                error
            }
            // What has an index file is only read when somebody asks for it.
            Ok(store) => first_error(&store).expect("it is damaged"),
        };
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let text = error.to_string();
        let position = format!("event {}", events[number].position());
        for part in [file.as_str(), "at offset", position.as_str()] {
            assert!(text.contains(part), "{text} does not name {part}");
        }
        let reader = EmbeddedStore::read_only_on(disk, SimClock::default(), small_files());
        let reader = reader.expect("it can be read");
        assert_eq!(read(&reader, Query::all()), (events[..number].to_vec(), true));
        let behind = Query::all().after(events[number].position());
        assert_eq!(read(&reader, behind), (events[number + 1..].to_vec(), false));
    }
}

/// Damages a file somewhere; what that was.
fn damage(disk: &SimDisk, random: &mut Random) -> String {
    let names = data_files(disk);
    let name = &names[random.below(names.len() as u64) as usize];
    let length = length_of(disk, name);
    let place = random.below(length as u64) as usize;
    match random.below(4) {
        0 => {
            disk.remove(name).expect("it is there");
            format!("{name} is missing")
        }
        1 => {
            disk.flip(name, random.below(FRAMES as u64) as usize, 1);
            format!("the header of {name}")
        }
        // Where the last batch and its proof go together, it looks like a torn tail.
        2 if names.last() != Some(name) => {
            let start = place / 512 * 512;
            let zeros = vec![0; 512.min(length - start)];
            disk.open(name).expect("it is there").write_at(&zeros, start as u64).expect("it is on");
            format!("{name}, the sector at {start}")
        }
        _ => {
            disk.flip(name, place.max(FRAMES), 5);
            format!("{name} at {}", place.max(FRAMES))
        }
    }
}

fn expected_of(all: &[Recorded], query: &Query) -> Vec<Recorded> {
    let mut found: Vec<_> = all.iter().filter(|event| query.matches(event)).cloned().collect();
    if query.direction == hitherto_store::Direction::Backward {
        found.reverse();
    }
    found.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
    found
}

/// Asks a damaged store many questions: a prefix of the truth and an error, or all of it.
fn check_queries(seed: u64, questions: impl Fn(&mut Bank, &[Recorded]) -> Query) {
    let (disk, events) = sound_store(seed);
    let (mut random, mut bank) = (Random::new(seed), Bank::new(seed));
    for _ in 0..=random.below(2) {
        let what = format!("seed {seed}: {}", damage(&disk, &mut random));
        let reader = EmbeddedStore::read_only_on(disk.clone(), SimClock::default(), small_files());
        let reader = reader.unwrap_or_else(|error| panic!("{what}: {error}"));
        for _ in 0..40 {
            let query = questions(&mut bank, &events);
            let (found, failed) = read(&reader, query.clone());
            let expected = expected_of(&events, &query);
            assert!(expected.starts_with(&found), "{what}: {query:?} gives something else");
            assert!(failed || found == expected, "{what}: {query:?} leaves something out");
        }
        let report = verify_disk(std::sync::Arc::new(disk.clone())).expect("it can be read");
        let (found, failed) = read(&reader, Query::all());
        assert!(!failed || !report.damages.is_empty(), "{what}: verify does not notice");
        assert!(failed || found == events, "{what}");
    }
}

#[test]
fn queries_with_positions_leave_nothing_out_without_a_word() {
    for seed in 0..150 {
        check_queries(seed, |bank, events| {
            let mut query = bank.query(Position(events.len() as u64), events);
            (query.bounds.since, query.bounds.until) = (None, None);
            query
        });
    }
}

#[test]
fn queries_with_times_leave_nothing_out_without_a_word() {
    for seed in 0..150 {
        check_queries(seed, |bank, events| bank.query(Position(events.len() as u64), events));
    }
}

#[test]
fn queries_with_versions_leave_nothing_out_without_a_word() {
    for seed in 0..150 {
        check_queries(seed, |bank, _| bank.history());
    }
}

#[test]
fn an_event_that_may_be_damaged_is_not_said_to_be_missing() {
    for seed in 0..50 {
        let (disk, events) = sound_store(seed);
        let what = damage(&disk, &mut Random::new(seed));
        let reader = EmbeddedStore::read_only_on(disk, SimClock::default(), small_files());
        let reader = reader.unwrap_or_else(|error| panic!("{what}: {error}"));
        for event in &events {
            match reader.find(event.id()).wait() {
                Ok(Some(found)) => assert_eq!(found, *event),
                Ok(None) => panic!("{what}: event {} is said to be missing", event.position()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}"),
            }
        }
    }
}
