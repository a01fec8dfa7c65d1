//! A large store has several index files: who loads a stream asks those that have it, and not those
//! from before it began or behind its last event.

#![allow(clippy::unwrap_used, reason = "a story stops where it goes wrong")]

use hitherto_store::{
    Append, Disk, EmbeddedStore, EventId, EventStore, MemoryDisk, NewEvent, Options, Query,
    SystemClock, Tag,
};

use crate::common::counting::CountingDisk;

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
            // one, the stream's key, and where its events stand.
            assert!(pages <= newer as u64 + 3, "{pages} pages with {newer} newer index files");
        }
    }
}
