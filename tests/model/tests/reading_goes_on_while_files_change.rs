//! Readers see every event once and in order while the files under them are begun, sealed, merged
//! and compressed, in any order of the threads.

mod common;

use std::sync::OnceLock;

use common::{event, explore, finds, open, options, positions};
use modelled_store::planted::PlantedBug;
use modelled_store::{Append, Disk, EmbeddedStore, EventStore, MemoryDisk, NewEvent, Query};
use shuttle::thread;

/// Large enough that a file has room for one of them.
const PAYLOAD_BYTES: usize = 3000;

fn large(number: u64) -> NewEvent {
    let mut payload = vec![b'0' + (number % 10) as u8; PAYLOAD_BYTES];
    payload[0] = b'x';
    NewEvent { payload: payload.into(), ..event(number) }
}

fn read_both_ways(store: &EmbeddedStore, at_least: u64) {
    let all = Query::all();
    let stream = Query::stream("a-1");
    for query in [all.clone(), all.backward(), stream.clone(), stream.backward()] {
        let events = store.read(query).map(|event| event.expect("nothing is damaged"));
        let mut found = positions(&events.collect::<Vec<_>>());
        found.sort_unstable();
        assert!(found.len() as u64 >= at_least, "{found:?}, {at_least} are there");
        assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>());
    }
}

fn append(store: &EmbeddedStore, number: u64) {
    store.append(Append::to("a-1").event(large(number))).expect("it fits");
}

/// A writer that begins a file with each event; in the background they are sealed and compressed.
fn rolling() {
    let mut options = options(true);
    options.raw_bytes_max = 0;
    let store = open(MemoryDisk::new(), options);
    append(&store, 0);
    let beside = store.clone();
    let reader = thread::spawn(move || {
        read_both_ways(&beside, 1);
        let followed = beside.follow(Query::stream("a-1")).take(4);
        let followed: Vec<_> = followed.map(|event| event.expect("it is sound")).collect();
        assert_eq!(positions(&followed), [1, 2, 3, 4]);
    });
    (1..4).for_each(|number| append(&store, number));
    reader.join().expect("it ends");
    read_both_ways(&store, 4);
    store.close().expect("it closes");
}

type Image = Vec<(String, Vec<u8>)>;

/// A store of some files, as it was closed.
fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let disk = MemoryDisk::new();
        let store = open(disk.clone(), options(false));
        (0..3).for_each(|number| append(&store, number));
        store.close().expect("it closes");
        let content = |name: String| {
            let file = disk.open(&name).expect("it is there");
            let mut bytes = vec![0; file.len().expect("it has a length") as usize];
            file.read_at(&mut bytes, 0).expect("it can be read");
            (name, bytes)
        };
        disk.list().expect("it can be listed").into_iter().map(content).collect()
    })
}

/// Files that are opened for the first time while they are compressed.
fn compressing() {
    let disk = MemoryDisk::new();
    for (name, bytes) in image() {
        disk.create(name).expect("it is new").write_at(bytes, 0).expect("there is room");
    }
    let store = open(disk, options(false));
    let beside = store.clone();
    let compressing = thread::spawn(move || beside.compress().expect("there is room"));
    read_both_ways(&store, 3);
    let files = store.stat().expect("it is sound").files;
    assert_eq!(files.iter().map(|file| file.events).sum::<u64>(), 3);
    assert!(files.iter().all(|file| file.allocated_bytes > 0), "none is taken for damaged");
    compressing.join().expect("it ends");
    read_both_ways(&store, 3);
    store.close().expect("it closes");
}

#[test]
fn while_files_are_begun_sealed_and_compressed() {
    explore(rolling);
}

#[test]
fn while_files_that_nobody_opened_yet_are_compressed() {
    explore(compressing);
}

#[test]
fn taking_a_file_for_missing_that_was_just_compressed_is_found() {
    assert!(finds(PlantedBug::LookForFilesOnce, compressing));
}
