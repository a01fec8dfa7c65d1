//! Reading since or until a time does not look at the events before and behind: it finds its place
//! by bisection, and what it reads of the disk grows with the number of digits, not of events.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use hitherto_store::{
    Append, Clock, Disk, DiskFile, EmbeddedStore, EventStore, MemoryDisk, NewEvent, Options, Query,
    Timestamp,
};

/// Counts what is read of a disk.
#[derive(Clone)]
struct Counting {
    disk: MemoryDisk,
    reads: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

struct CountingFile(Arc<dyn DiskFile>, Counting);

impl Counting {
    fn file(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(CountingFile(file, self.clone()))
    }
}

impl Disk for Counting {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.create(name).map(|file| self.file(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(name).map(|file| self.file(file))
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

impl DiskFile for CountingFile {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.1.reads.fetch_add(1, Ordering::Relaxed);
        self.1.bytes.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
}

struct Seconds(AtomicI64);

impl Clock for Seconds {
    fn now(&self) -> Timestamp {
        second(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

fn second(number: i64) -> Timestamp {
    Timestamp::from_nanos(1_000_000_000 * number)
}

const EVENTS: i64 = 20_000;

#[test]
fn a_moment_in_twenty_thousand_events_is_found_with_some_forty_reads() {
    let (reads, bytes) = (Arc::default(), Arc::default());
    let disk = Counting { disk: MemoryDisk::new(), reads, bytes };
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 64 << 10;
    options.log_file_bytes_max = 256 << 10;
    let store = EmbeddedStore::on(disk.clone(), Seconds(AtomicI64::new(0)), options);
    let store = store.expect("it opens");
    // The clock tells the creation one time, and each append one.
    let first = store.append(Append::to("a-1").event(NewEvent::json("Ticked", "{}")));
    first.expect("it fits");
    let start = store.read(Query::all()).next().expect("it is there").expect("it can be read");
    for number in 1..EVENTS {
        let event =
            NewEvent::json("Ticked", format!(r#"{{"number":{number},"text":"{number:0100}"}}"#));
        store.append(Append::to(format!("a-{}", number % 100)).event(event)).expect("it fits");
    }
    assert!(store.stat().expect("it is open").files.len() > 10);
    let begin = start.recorded_at().as_nanos() / 1_000_000_000;
    let cost = |query: Query| {
        let before = (disk.reads.load(Ordering::Relaxed), disk.bytes.load(Ordering::Relaxed));
        let first = store.read(query).next().expect("there is one").expect("it can be read");
        let reads = disk.reads.load(Ordering::Relaxed) - before.0;
        (first.position().0.cast_signed(), reads, disk.bytes.load(Ordering::Relaxed) - before.1)
    };
    for at in [1, 777, 10_000, EVENTS - 1] {
        let time = second(begin + at);
        for query in [Query::all().since(time), Query::all().until(time).backward()] {
            let (position, reads, bytes) = cost(query.clone());
            assert_eq!(position, at + 1, "{query:?}");
            // Bisection looks at 15 events; each may take a page of an index and its bytes.
            assert!(reads <= 48 && bytes <= 256 << 10, "{query:?}: {reads} reads, {bytes} bytes");
        }
    }
}
