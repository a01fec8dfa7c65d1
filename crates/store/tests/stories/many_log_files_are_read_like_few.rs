//! A store of any size has many compressed log files: few of them are open at a time, and to open
//! one again is little work.

#![allow(clippy::unwrap_used, reason = "a story stops where it goes wrong")]

use hitherto_store::{
    Append, DirectoryArchive, Disk, EmbeddedStore, EventStore, NewEvent, Options, Position, Query,
    SystemClock,
};

use crate::common::counting::{Asked, CountingDisk};
use crate::common::image::all;

/// More than are kept open.
const FILES: u64 = 230;
const OPEN_MAX: i64 = 200;

fn options(file_bytes: u64) -> Options {
    let mut options = Options::default();
    options.background = false;
    (options.log_file_bytes_min, options.log_file_bytes_max) = (file_bytes, file_bytes);
    options
}

fn open(disk: impl Disk + 'static, file_bytes: u64) -> EmbeddedStore {
    EmbeddedStore::on(disk, SystemClock, options(file_bytes)).unwrap()
}

fn append(store: &EmbeddedStore, text: impl Fn(u64) -> String) {
    let number = store.head().wait().unwrap().0;
    let event = NewEvent::json("Said", text(number));
    store.append(Append::to(format!("play-{}", number % 7)).event(event)).unwrap();
}

fn fill(store: &EmbeddedStore, events: u64, text: impl Fn(u64) -> String) {
    (0..events).for_each(|_| append(store, &text));
}

fn verse(number: u64) -> String {
    let words = "to be or not to be that is the question";
    format!(r#"{{"line":{number},"speaker":"{}","words":"{words}"}}"#, number * number % 9973)
}

/// A store with more compressed files than are kept open.
fn fill_many_files(store: &EmbeddedStore) {
    while store.stat().unwrap().files.len() as u64 <= FILES {
        fill(store, 20, verse);
    }
    store.compress().unwrap();
}

/// The first event of each log file.
fn firsts(store: &EmbeddedStore) -> Vec<Position> {
    store.stat().unwrap().files.iter().map(|file| file.first_position).collect()
}

fn read_one(store: &EmbeddedStore, position: Position) {
    let query = Query::all().after(Position(position.0 - 1)).limit(1);
    assert_eq!(store.read(query).next().unwrap().unwrap().position(), position);
}

#[test]
fn however_many_files_are_read_few_are_open() {
    let disk = CountingDisk::default();
    let store = open(disk.clone(), 16 << 10);
    fill_many_files(&store);
    let others = disk.open_files();
    let firsts = firsts(&store);
    assert!(firsts.len() as u64 > FILES);
    for &position in firsts.iter().chain(firsts.iter().rev()) {
        read_one(&store, position);
        assert!(disk.open_files() <= OPEN_MAX + others, "{} are", disk.open_files());
    }
}

#[test]
fn a_compressed_file_is_opened_again_with_one_look_and_two_reads() {
    let disk = CountingDisk::default();
    let store = open(disk.clone(), 16 << 10);
    fill_many_files(&store);
    let mut firsts = firsts(&store);
    firsts.pop(); // it is not compressed
    for &position in &firsts {
        read_one(&store, position);
    }
    disk.asked();
    for &position in &firsts {
        read_one(&store, position);
    }
    let Asked { opened, not_found, reads, .. } = disk.asked();
    let files = firsts.len() as u64;
    assert_eq!((opened, not_found), (files, 0));
    assert_eq!(reads, 3 * files, "a header and a dictionary each, and the block of the event");
}

#[test]
fn a_file_that_went_to_an_archive_since_it_was_closed_is_found_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let store = EmbeddedStore::open_with(path("store"), options(16 << 10)).unwrap();
    fill_many_files(&store);
    let beside = EmbeddedStore::open_read_only(path("store")).unwrap();
    let before = all(&beside, Query::all());
    let cold = DirectoryArchive::create(path("cold")).unwrap();
    assert!(store.archive(&cold, 0).unwrap().files >= FILES - 1);
    assert!(all(&beside, Query::all()) == before);
    assert!(all(&store, Query::all()) == before);
}
