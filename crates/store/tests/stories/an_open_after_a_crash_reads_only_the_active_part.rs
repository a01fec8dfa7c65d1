//! A store that was killed while it was filled is opened again: what is read of log files and index
//! files is counted, and it is the same however large the store is.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use crate::common::image::{disk_of, image_of};
use hitherto_store::{
    Append, Disk, DiskFile, EmbeddedStore, EventStore, MemoryDisk, NewEvent, Options, SystemClock,
    Tag,
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

/// A disk that counts what is read, by the last part of the files' names.
#[derive(Clone)]
struct Counted {
    disk: MemoryDisk,
    read: Arc<Mutex<BTreeMap<String, u64>>>,
}

struct CountedFile {
    file: Arc<dyn DiskFile>,
    sort: String,
    disk: Counted,
}

impl Disk for Counted {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.create(name)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.open(name)?;
        let sort = name.rsplit('.').next().unwrap_or(name).to_owned();
        Ok(Arc::new(CountedFile { file, sort, disk: self.clone() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        self.disk.lock()
    }
}

impl DiskFile for CountedFile {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.file.read_some_at(buffer, offset)?;
        *self.disk.read.lock().expect("nobody panics").entry(self.sort.clone()).or_default() +=
            bytes as u64;
        Ok(bytes)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(data, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }
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
    let disk = Counted { disk: disk_of(&image_of(&filled)), read: Arc::default() };
    let opened = EmbeddedStore::on(disk.clone(), SystemClock, options()).expect("it opens");
    let read = disk.read.lock().expect("nobody panics").clone();
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
