//! A store that was killed while it was filled is opened again: what is read of log files and index
//! files is counted, and it is the same however large the store is.

use std::collections::BTreeMap;

use crate::common::counting::CountingDisk;
use crate::common::image::{disk_of, image_of};
use hitherto_store::{
    Append, EmbeddedStore, EventStore, MemoryDisk, NewEvent, Options, SystemClock, Tag,
};

const FILE_BYTES: u64 = 128 << 10;

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = FILE_BYTES;
    options.log_file_bytes_max = FILE_BYTES;
    options.raw_bytes_max = 4 * FILE_BYTES;
    options
}

/// What is read when a store of so many events is opened that was killed while it was filled, and
/// how many bytes of log it has.
fn read_at_open(events: u64) -> (BTreeMap<String, u64>, u64) {
    let filled = MemoryDisk::new();
    let store = EmbeddedStore::on(filled.clone(), SystemClock, options()).expect("a new store");
    for number in 0..events {
        let event = NewEvent::json("Moved", "x".repeat(200)).tag(Tag::new("item", number % 500));
        store.append(Append::to(format!("parcel-{}", number % 900)).event(event)).expect("it fits");
    }
    let log_bytes = store.stat().expect("it is open").files.iter().map(|it| it.used_bytes).sum();
    let disk = CountingDisk::of(disk_of(&image_of(&filled)));
    let opened = EmbeddedStore::on(disk.clone(), SystemClock, options()).expect("it opens");
    let read = disk.asked().bytes;
    assert_eq!(opened.head().wait().expect("it is open").0, events);
    (read, log_bytes)
}

#[test]
fn an_open_after_a_crash_reads_only_the_active_part() {
    for events in [4_000, 16_000] {
        let (read, log_bytes) = read_at_open(events);
        let bytes = |sort: &str| read.get(sort).copied().unwrap_or_default();
        let logs = bytes("log") + bytes("zlog");
        assert!(log_bytes > events * 300, "{log_bytes} bytes are there");
        assert!(logs > 0 && logs <= 3 * FILE_BYTES, "of {log_bytes}: {read:?}");
        assert!(bytes("idx") > 0 && bytes("idx") <= FILE_BYTES, "of {log_bytes}: {read:?}");
    }
}
