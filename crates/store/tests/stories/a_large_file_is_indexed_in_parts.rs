//! A log file that is much larger than what an index in memory is meant for has index files before
//! it is full: an open after a crash reads only what came since, and nothing of another history or
//! of what was removed comes in by them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hitherto_store::{
    Append, Disk, EmbeddedStore, EventId, EventStore, MemoryDisk, NewEvent, Options, Query,
    SystemClock, Tag, Target, verify_disk,
};

use crate::common::counting::CountingDisk;
use crate::common::hooked::HookedDisk;
use crate::common::image::{Image, all, disk_of, image_of};

const FILE_BYTES: u64 = 512 << 10;
const PART_BYTES: u64 = FILE_BYTES / 8;

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    (options.log_file_bytes_min, options.log_file_bytes_max) = (FILE_BYTES, FILE_BYTES);
    options
}

fn open(disk: impl Disk + 'static) -> EmbeddedStore {
    EmbeddedStore::on(disk, SystemClock, options()).expect("it opens")
}

/// Appends events with these numbers, each with a tag that no other has and one that says where it
/// was appended.
fn fill(store: &EmbeddedStore, numbers: std::ops::Range<u64>, place: &str) {
    for number in numbers {
        let event = NewEvent::json("Moved", "x".repeat(200))
            .id(EventId::from_u128(u128::from(number) + 1))
            .tag(Tag::new("number", format!("{number:06}")))
            .tag(Tag::new("place", place));
        store.append(Append::to(format!("parcel-{}", number % 7)).event(event)).expect("it fits");
    }
}

fn is_index(name: &str) -> bool {
    name.contains(".idx")
}

fn used_bytes(store: &EmbeddedStore) -> u64 {
    store.stat().expect("it is open").files.iter().map(|file| file.used_bytes).sum()
}

#[test]
fn what_was_indexed_of_the_last_file_is_not_read_after_a_crash() {
    let disk = MemoryDisk::new();
    let store = open(disk.clone());
    fill(&store, 0..1200, "here");
    assert!(used_bytes(&store) > 6 * PART_BYTES);
    assert_eq!(store.stat().expect("it is open").files.len(), 1);
    let crashed = CountingDisk::of(disk_of(&image_of(&disk)));
    let opened = open(crashed.clone());
    let read = crashed.asked().bytes["log"];
    let rest = FILE_BYTES - used_bytes(&store); // is it all zeros?
    // What is looked through stands in the file once, and twice where a window of a scan ends.
    assert!(read <= 2 * PART_BYTES + 2 * rest, "{read} bytes were read, {rest} were not used");
    assert_eq!(all(&opened, Query::all()), all(&store, Query::all()));
    for number in [0, 500, 1199] {
        let found = all(&opened, Query::tag("number", format!("{number:06}")));
        assert_eq!(found.len(), 1, "event {number}");
    }
    fill(&opened, 1200..2200, "here");
    assert_eq!(all(&opened, Query::stream("parcel-3")).len(), 314);
    let report = verify_disk(Arc::new(crashed.disk.clone())).expect("it can be read");
    assert_eq!(report.damages, []);
}

#[test]
fn without_its_index_files_a_large_file_is_indexed_in_parts_again() {
    let disk = MemoryDisk::new();
    let store = open(disk.clone());
    fill(&store, 0..6000, "here");
    let mut image = image_of(&disk);
    image.retain(|name, _| !is_index(name));
    let opened = open(disk_of(&image));
    let stat = opened.stat().expect("it is open");
    let indexed: u64 = stat.indexes.iter().map(|index| index.events).sum();
    assert!(stat.files.len() > 4 && indexed > 5500, "{indexed} of 6,000 are indexed");
    assert_eq!(all(&opened, Query::all()), all(&store, Query::all()));
    assert_eq!(all(&opened, Query::tag("number", "003210")).len(), 1);
}

/// A copy of the store went on by itself: events of the same sizes at the same places.
#[test]
fn an_index_of_a_part_of_another_history_is_not_used() {
    let disk = MemoryDisk::new();
    let store = open(disk.clone());
    fill(&store, 0..100, "here");
    let copied = image_of(&disk);
    fill(&store, 100..1100, "here");
    let copy = disk_of(&copied);
    let other = open(copy.clone());
    other.append(Append::to("parcel-0").event(NewEvent::json("Moved", "y"))).expect("it fits");
    drop(other);
    let other = open(copy.clone());
    fill(&other, 101..1100, "away");
    let mut mixed: Image = image_of(&copy);
    mixed.retain(|name, _| !is_index(name));
    mixed.extend(image_of(&disk).into_iter().filter(|(name, _)| is_index(name)));
    let opened = open(disk_of(&mixed));
    assert_eq!(all(&opened, Query::all()), all(&other, Query::all()));
    for place in ["here", "away"] {
        let query = || Query::tag("place", place);
        assert_eq!(all(&opened, query()), all(&other, query()), "{place}");
    }
}

/// Two index files of one log file, of which one was built anew after something had been removed,
/// became one: it was taken for one that has nothing of what is gone.
#[test]
fn names_of_removed_events_do_not_survive_where_index_files_are_merged() {
    let disk = HookedDisk::default();
    let store = open(disk.clone());
    fill(&store, 0..300, "here");
    let secret = |number: u64| {
        let event = NewEvent::json("Said", "z".repeat(300)).tag(Tag::new("secret", number));
        Append::to("gone-1").event(event)
    };
    (0..700).for_each(|number| drop(store.append(secret(number)).expect("it fits")));
    fill(&store, 300..400, "here");
    store.delete(Target::stream("gone-1")).expect("it is there");
    let indexes = store.stat().expect("it is open").indexes;
    assert!(indexes.len() > 1, "{indexes:?}");
    let first_events = indexes[0].events;
    let is_rewritten = AtomicBool::new(false);
    disk.on_every_create(move |name| {
        is_rewritten.fetch_or(name == "compressed.tmp", Ordering::Relaxed);
        let first = name.split_once('-').and_then(|(first, _)| first.parse::<u64>().ok());
        let is_other = first.is_some_and(|first| first > first_events);
        if is_other && is_rewritten.load(Ordering::Relaxed) {
            Err(std::io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    });
    store.scavenge().expect_err("there is no room for all indexes");
    disk.on_every_create(|_| Ok(()));
    fill(&store, 400..4000, "here"); // index files are merged meanwhile
    store.scavenge().expect("there is room");
    store.close().expect("it closes");
    let has = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    let image = image_of(&disk.disk);
    let left = image.iter().filter(|(_, bytes)| has(bytes, b"secret:"));
    let left: Vec<_> = left.map(|(name, _)| name).collect();
    assert_eq!(left, [""; 0]);
    assert!(image.values().any(|bytes| has(bytes, b"number:000399")), "what stays is found");
}

/// All log files of an index were read again where something had been removed from one of them.
#[test]
fn an_index_is_built_anew_from_the_log_only_where_something_was_removed() {
    let disk = CountingDisk::default();
    let store = open(disk.clone());
    fill(&store, 0..4000, "here");
    for number in 0..500_u64 {
        let event = NewEvent::json("Said", "z".repeat(300)).tag(Tag::new("secret", number));
        store.append(Append::to("gone-1").event(event)).expect("it fits");
        fill(&store, 4000 + number..4001 + number, "here");
    }
    fill(&store, 4500..16_000, "here");
    let before = all(&store, Query::stream("parcel-2"));
    store.delete(Target::stream("gone-1")).expect("it is there");
    disk.asked();
    let done = store.scavenge().expect("there is room");
    assert!(done.files < 3, "{done:?}");
    let read = disk.asked().bytes;
    let read: u64 = ["log", "zlog"].iter().filter_map(|sort| read.get(*sort)).sum();
    assert!(read < 5 * done.files * FILE_BYTES, "{read} of {}", used_bytes(&store));
    assert!(5 * done.files * FILE_BYTES < used_bytes(&store));
    assert_eq!(all(&store, Query::stream("parcel-2")), before);
    for (number, place) in [(0, 1), (3999, 1), (4250, 1), (4499, 1), (15_999, 1)] {
        let found = all(&store, Query::tag("number", format!("{number:06}")));
        assert_eq!(found.len(), place, "event {number}");
    }
    assert_eq!(all(&store, Query::tag("secret", "77")), []);
    assert_eq!(all(&store, Query::tag("place", "here")).len(), 16_000);
    let saved = store.append(Append::to("gone-1").event(NewEvent::json("Said", "again")));
    assert_eq!(saved.expect("it fits").version, 501, "versions go on");
    store.close().expect("it closes");
    let report = verify_disk(Arc::new(disk.disk.clone())).expect("it can be read");
    assert_eq!((report.damages, report.removed), (vec![], 500));
}

/// A process that was killed may have left its last batch in the page cache only, and an open makes
/// that durable last. An index file that had it was durable before: a power cut between the two
/// left an index with events that the log had lost.
#[test]
fn an_open_writes_no_index_of_a_batch_that_may_not_be_on_disk() {
    for events in 900..960 {
        let disk = MemoryDisk::new();
        fill(&open(disk.clone()), 0..events, "here");
        let mut image = image_of(&disk);
        image.retain(|name, _| !is_index(name));
        let opened = EmbeddedStore::read_only_on(disk_of(&image), SystemClock, options());
        let stat = opened.expect("it opens").stat().expect("it is open");
        let indexed: u64 = stat.indexes.iter().map(|index| index.events).sum();
        assert!(stat.head.0 == events && indexed < events, "{indexed} of {events}");
    }
}
