//! A store of any size has many compressed log files: they share their dictionaries, few of them
//! are open at a time, and to open one again is little work.

#![allow(clippy::unwrap_used, reason = "a story stops where it goes wrong")]

use std::collections::BTreeSet;
use std::sync::Arc;

use hitherto_store::{
    Append, DirectoryArchive, Disk, EmbeddedStore, EventStore, MemoryDisk, NewEvent, Options,
    Position, Query, SystemClock, verify_disk,
};

use crate::common::counting::{Asked, CountingDisk};
use crate::common::image::{all, disk_of, image_of};

/// More than are kept open.
const FILES: u64 = 230;
const OPEN_MAX: i64 = 200;
const HASH: std::ops::Range<usize> = 76..108;
const PAGE_BYTES: usize = 4096;

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

fn invoice(number: u64) -> String {
    let items: Vec<_> = (0..4)
        .map(|item| format!(r#"{{"article-number":{item},"net":"{}.20 EUR"}}"#, number * 31 % 887))
        .collect();
    format!(r#"{{"invoice":"2026/{number}","items":[{}]}}"#, items.join(","))
}

/// A store with more compressed files than are kept open.
fn fill_many_files(store: &EmbeddedStore) {
    while store.stat().unwrap().files.len() as u64 <= FILES {
        fill(store, 20, verse);
    }
    store.compress().unwrap();
}

fn compressed(disk: &MemoryDisk) -> Vec<Vec<u8>> {
    let image = image_of(disk).into_iter();
    image.filter(|(name, _)| name.contains(".zlog")).map(|(_, bytes)| bytes).collect()
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
fn files_of_like_events_share_a_dictionary_and_each_has_its_bytes() {
    let disk = MemoryDisk::new();
    let store = open(disk.clone(), 64 << 10);
    fill(&store, 4_000, verse);
    store.compress().unwrap();
    let files = compressed(&disk);
    let hashes: BTreeSet<_> = files.iter().map(|file| &file[HASH]).collect();
    assert!(files.len() >= 10 && hashes.len() <= 2, "{} of {}", hashes.len(), files.len());
    let same = files.iter().filter(|file| file[HASH] == files[0][HASH]);
    let contents: BTreeSet<_> = same.map(|file| &file[PAGE_BYTES..2 * PAGE_BYTES - 4]).collect();
    assert_eq!(contents.len(), 1, "the bytes are those that the hash is of");
}

#[test]
fn events_of_another_sort_get_a_dictionary_of_their_own() {
    let disk = MemoryDisk::new();
    let store = open(disk.clone(), 64 << 10);
    fill(&store, 1_500, verse);
    fill(&store, 1_500, invoice);
    let before = all(&store, Query::all());
    store.compress().unwrap();
    let files = compressed(&disk);
    assert_ne!(files[0][HASH], files[files.len() - 1][HASH]);
    assert!(all(&store, Query::all()) == before);
}

#[test]
fn a_damaged_dictionary_is_found_though_others_have_the_same() {
    let disk = MemoryDisk::new();
    let store = open(disk.clone(), 64 << 10);
    fill(&store, 2_000, verse);
    store.compress().unwrap();
    let before = all(&store, Query::all());
    store.close().unwrap();
    let mut image = image_of(&disk);
    let [first, third] = [1, 3].map(|number| format!("{number:012}.zlog"));
    assert_eq!(image[&first][HASH], image[&third][HASH], "they share it");
    image.get_mut(&third).unwrap()[PAGE_BYTES + 100] ^= 4;
    let disk = disk_of(&image);
    let store = open(disk.clone(), 64 << 10);
    assert!(all(&store, Query::all()) == before, "nothing is lost as long as there is another");
    store.close().unwrap();
    let damages = verify_disk(Arc::new(disk)).unwrap().damages;
    assert_eq!(damages.len(), 1, "{damages:?}");
    assert_eq!((&*damages[0].file, damages[0].positions), ("000000000003.log", None));
    assert!(damages[0].what.contains("dictionary"), "{damages:?}");
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
fn a_compressed_file_is_opened_again_with_one_look_and_one_read() {
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
    let Asked { opened, not_found, read } = disk.asked();
    let files = i64::try_from(firsts.len()).unwrap();
    assert_eq!((opened, not_found), (files, 0));
    // A header each, and the block that the event is in; few have a dictionary of their own.
    assert!((2 * files..2 * files + files / 4).contains(&read), "{read} reads of {files} files");
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
