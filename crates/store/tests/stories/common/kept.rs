//! A store of which something is removed, with a clock that is set by hand.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hitherto_store::{
    Append, Clock, Disk, EmbeddedStore, EventStore, MemoryDisk, NewEvent, Options, Query, Recorded,
    Result, Saved, Timestamp,
};

const SECOND: i64 = 1_000_000_000;

/// Stands still until it is set.
#[derive(Clone)]
pub(crate) struct HandClock(Arc<AtomicI64>);

impl HandClock {
    pub(crate) fn jump(&self, seconds: i64) {
        self.0.fetch_add(seconds * SECOND, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// A store on a disk in memory.
pub(crate) struct Kept {
    pub(crate) disk: MemoryDisk,
    pub(crate) clock: HandClock,
    pub(crate) store: EmbeddedStore,
}

pub(crate) fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 16 << 10;
    options.log_file_bytes_max = 64 << 10;
    options
}

impl Kept {
    pub(crate) fn new() -> Self {
        let clock = HandClock(Arc::new(AtomicI64::new(1_000_000 * SECOND)));
        let disk = MemoryDisk::new();
        let store = EmbeddedStore::on(disk.clone(), clock.clone(), options()).expect("it opens");
        Self { disk, clock, store }
    }

    /// Opens the store again, in order.
    pub(crate) fn reopen(&mut self) {
        self.store.clone().close().expect("it closes");
        let (disk, clock) = (self.disk.clone(), self.clock.clone());
        self.store = EmbeddedStore::on(disk, clock, options()).expect("it opens");
    }

    /// Appends so many events of a kind to a stream.
    pub(crate) fn note(&self, stream: &str, kind: &'static str, events: u64) -> Saved {
        let event = |number| NewEvent::json(kind, format!(r#"{{"number":{number}}}"#));
        self.store.append(Append::to(stream).events((0..events).map(event))).expect("it fits")
    }

    pub(crate) fn read(&self, query: Query) -> Vec<Recorded> {
        self.store.read(query).collect::<Result<_>>().expect("it can be read")
    }

    /// The versions of a stream that can be read.
    pub(crate) fn versions(&self, stream: &str) -> Vec<u64> {
        self.read(Query::stream(stream)).iter().map(Recorded::version).collect()
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        let len = |name: &String| self.disk.open(name).and_then(|file| file.len());
        self.files().iter().map(|name| len(name).expect("it is there")).sum()
    }

    pub(crate) fn files(&self) -> Vec<String> {
        self.disk.list().expect("it can be listed")
    }

    /// The files that have these bytes anywhere.
    pub(crate) fn files_with(&self, bytes: &[u8]) -> Vec<String> {
        let mut files = self.files();
        files.retain(|name| {
            let file = self.disk.open(name).expect("it is there");
            let mut content = vec![0; file.len().expect("it has a length") as usize];
            file.read_at(&mut content, 0).expect("it can be read");
            content.windows(bytes.len()).any(|window| window == bytes)
        });
        files
    }
}
