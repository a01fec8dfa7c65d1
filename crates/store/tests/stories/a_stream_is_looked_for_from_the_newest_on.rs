//! A large store has several index files: who loads a stream asks those that have it, and not those
//! from before it began or behind its last event.

#![allow(clippy::unwrap_used, reason = "a story stops where it goes wrong")]

use hitherto_store::{
    Append, Disk, EmbeddedStore, EventId, EventStore, MemoryDisk, NewEvent, Options, Query,
    Recorded, SystemClock, Tag,
};

use crate::common::counting::CountingDisk;
use crate::common::image::{all, read};

const PAGE_BYTES: u64 = 4096;
const STREAM_EVENTS: u64 = 5;
const FILES: usize = 6;
const TAGS: u64 = 30;

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.store_id = Some(EventId::from_u128(7)); // the same hashes each time
    (options.log_file_bytes_min, options.log_file_bytes_max) = (1 << 20, 1 << 20);
    options
}

/// The names of index files, oldest first.
fn index_files(disk: &MemoryDisk) -> Vec<String> {
    let mut names = disk.list().unwrap();
    names.retain(|name| name.rsplit('.').next() == Some("idx"));
    names.sort_unstable();
    names
}

fn stream_of(position: u64) -> String {
    format!("play-{}", (position - 1) / STREAM_EVENTS)
}

/// A closed store of several index files, of streams that follow one another.
fn filled() -> MemoryDisk {
    let disk = MemoryDisk::new();
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options()).unwrap();
    let mut position = 0;
    while index_files(&disk).len() < FILES {
        position += 1;
        // So many keys that who looks for one reads another page of an index than who looked last.
        let tags = (0..TAGS).map(|tag| Tag::new("line", position * TAGS + tag));
        let event = tags.fold(NewEvent::json("Said", "{}"), NewEvent::tag);
        store.append(Append::to(stream_of(position)).event(event)).unwrap();
    }
    store.close().unwrap();
    disk
}

#[test]
fn only_index_files_that_have_a_stream_are_read_for_it() {
    let disk = filled();
    for (newer, name) in index_files(&disk).iter().skip(1).rev().enumerate() {
        let first: u64 = name.split('-').next().unwrap().parse().unwrap();
        let stream = stream_of(first + 2 * STREAM_EVENTS);
        for query in [Query::stream(stream.as_str()), Query::stream(stream.as_str()).backward()] {
            let disk = CountingDisk::of(disk.clone());
            let store = EmbeddedStore::on(disk.clone(), SystemClock, options()).unwrap();
            disk.asked();
            assert_eq!(store.read(query).map(Result::unwrap).count() as u64, STREAM_EVENTS);
            let pages = disk.asked().bytes["idx"] / PAGE_BYTES;
            // A newer file's filter says that the stream is not there; then come the filter of this
            // one and the stream's key, or two pages of keys.
            assert!(pages <= newer as u64 + 3, "{pages} pages with {newer} newer index files");
        }
    }
}

/// How many events of its own each of the scattered streams has, and how many others are between
/// two of them: more than one page tells the places of.
const SCATTERED_EVENTS: u64 = 20;
const BETWEEN: u64 = 1100;

/// Appends events of streams that are scattered, one longer and with larger events than the others.
fn fill_scattered(store: &EmbeddedStore) {
    let said = |payload: String| NewEvent::json("Said", payload);
    for round in 0..SCATTERED_EVENTS {
        for numbers in [0..BETWEEN / 2, BETWEEN / 2..BETWEEN] {
            let append = numbers.fold(Append::default(), |append, number| {
                let event = said(format!(r#"{{"round":{round}}}"#));
                append.and(Append::to(format!("play-{number}")).event(event))
            });
            store.append(append).unwrap();
        }
        let lengths = [10, 4000, 4080, 5000, 40_000];
        let long = lengths.map(|length| said(format!(r#""{}""#, "x".repeat(length))));
        store.append(long.into_iter().fold(Append::to("long-1"), Append::event)).unwrap();
    }
}

/// What each stream has, as a replay of everything gives it, in the order of its first event.
fn by_stream(store: &EmbeddedStore) -> Vec<(String, Vec<Recorded>)> {
    let mut streams: Vec<(String, Vec<Recorded>)> = Vec::new();
    let mut numbers = std::collections::HashMap::new();
    for event in all(store, Query::all()) {
        let name = event.stream().unwrap().to_owned();
        let number = *numbers.entry(name.clone()).or_insert_with(|| {
            streams.push((name, Vec::new()));
            streams.len() - 1
        });
        streams[number].1.push(event);
    }
    streams
}

fn assert_streams_are_read_as_they_are_replayed(store: &EmbeddedStore) {
    for (name, events) in by_stream(store) {
        let stream = || Query::stream(name.as_str());
        assert!(all(store, stream()) == events, "{name}");
        let backward: Vec<_> = events.iter().rev().cloned().collect();
        assert!(all(store, stream().backward()) == backward, "{name}, backward");
        let later = all(store, stream().after_version(7));
        assert!(later == events[7..], "{name}, from its middle on");
    }
}

/// Of the index files of a closed store few pages are read for a stream that is scattered over all
/// of them: a filter and a key each.
fn assert_few_pages_are_read(disk: &MemoryDisk) {
    let counted = CountingDisk::of(disk.clone());
    let store = EmbeddedStore::on(counted.clone(), SystemClock, options()).unwrap();
    let files = index_files(disk).len() as u64;
    assert!(files * 4 < SCATTERED_EVENTS, "they were merged");
    counted.asked();
    assert_eq!(all(&store, Query::stream("play-500")).len() as u64, SCATTERED_EVENTS);
    let pages = counted.asked().bytes["idx"] / PAGE_BYTES;
    assert!(pages <= 3 * files, "{pages} pages of {files} index files");
}

#[test]
fn where_a_few_events_of_a_stream_stand_is_told_with_its_key() {
    let disk = MemoryDisk::new();
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options()).unwrap();
    fill_scattered(&store);
    assert_streams_are_read_as_they_are_replayed(&store);
    store.close().unwrap();
    assert_few_pages_are_read(&disk);
    let store = EmbeddedStore::on(disk, SystemClock, options()).unwrap();
    assert_streams_are_read_as_they_are_replayed(&store);
    store.compress().unwrap();
    assert_streams_are_read_as_they_are_replayed(&store);
}

/// It holds none of the segments that it has found, so that it finds others in their place.
#[test]
fn a_read_goes_on_where_segments_were_sealed_and_merged_meanwhile() {
    let disk = MemoryDisk::new();
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options()).unwrap();
    fill_scattered(&store);
    let wanted = all(&store, Query::stream("play-500"));
    let mut forward = store.read(Query::stream("play-500"));
    let mut backward = store.read(Query::stream("play-500").backward());
    let mut found = vec![forward.next().unwrap().unwrap()];
    let mut found_backward = vec![backward.next().unwrap().unwrap()];
    let before = index_files(&disk);
    (0..3).for_each(|_| fill_scattered(&store));
    assert!(before.iter().all(|name| !index_files(&disk).contains(name)), "all were merged");
    found.extend(forward.map(Result::unwrap));
    found_backward.extend(backward.map(Result::unwrap));
    found_backward.reverse();
    assert!(found == wanted && found_backward == wanted);
}

fn damage_pages(disk: &MemoryDisk, name: &str, first: u64) {
    let file = disk.open(name).unwrap();
    for page in first..file.len().unwrap() / PAGE_BYTES {
        let mut byte = [0];
        file.read_at(&mut byte, page * PAGE_BYTES + 9).unwrap();
        file.write_at(&[!byte[0]], page * PAGE_BYTES + 9).unwrap();
    }
}

/// The newest index is asked first, but what comes before it is read all the same.
#[test]
fn an_index_that_is_lost_with_its_log_hides_no_event_before_it() {
    let disk = MemoryDisk::new();
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options()).unwrap();
    fill_scattered(&store);
    store.close().unwrap();
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options()).unwrap();
    let name = index_files(&disk).pop().unwrap();
    let first: u64 = name.split('-').next().unwrap().parse().unwrap();
    let newest = store.stat().unwrap().files.iter().map(|file| file.name.clone()).max().unwrap();
    damage_pages(&disk, &name, 2);
    damage_pages(&disk, &newest, 0);
    let (events, error) = read(&store, Query::stream("play-500"));
    let whole = events.iter().filter(|event| event.position().0 < first).count();
    assert!(error.is_some() && whole > 10 && whole == events.len(), "{whole}, {error:?}");
    assert_eq!(all(&store, Query::stream("play-500").limit(10)), events[..10]);
}

/// Only whoever reads comes across a damaged page of an index that was opened.
#[test]
fn an_index_that_is_built_anew_tells_where_events_stand_as_well() {
    let disk = MemoryDisk::new();
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options()).unwrap();
    fill_scattered(&store);
    store.close().unwrap();
    for name in index_files(&disk) {
        damage_pages(&disk, &name, 2);
    }
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options()).unwrap();
    assert_streams_are_read_as_they_are_replayed(&store);
    store.close().unwrap();
    assert_few_pages_are_read(&disk);
}
