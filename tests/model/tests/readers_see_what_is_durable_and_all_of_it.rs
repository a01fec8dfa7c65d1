//! A reader beside writers sees only what was synced, whole commits, without a gap; and who was
//! told "saved" finds it at once.

mod common;

use std::io;
use std::sync::{Arc, Mutex};

use common::{event, explore, finds, open, options, positions};
use modelled_store::planted::PlantedBug;
use modelled_store::{
    Append, Disk, DiskFile, EmbeddedStore, EventStore, MemoryDisk, Query, Recorded,
};
use shuttle::thread;

/// A disk that knows what was synced.
#[derive(Clone, Default)]
struct WatchedDisk {
    disk: MemoryDisk,
    /// The bytes of each sync.
    synced: Arc<Mutex<Vec<Vec<u8>>>>,
}

struct WatchedFile {
    file: Arc<dyn DiskFile>,
    synced: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl WatchedDisk {
    fn is_synced(&self, event: &Recorded) -> bool {
        let synced = self.synced.lock().expect("nobody panicked");
        let id = event.id();
        synced.iter().any(|bytes| bytes.windows(16).any(|bytes| bytes == id.as_bytes()))
    }

    fn watched(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(WatchedFile { file, synced: Arc::clone(&self.synced) })
    }
}

impl Disk for WatchedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.watched(self.disk.create(name)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.watched(self.disk.open(name)?))
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

impl DiskFile for WatchedFile {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(data, offset)
    }

    fn sync(&self) -> io::Result<()> {
        thread::yield_now();
        // The events are all in the first kilobytes behind the header.
        let mut bytes = vec![0; 2048];
        let filled = self.file.read_at(&mut bytes, 4096)?;
        bytes.truncate(filled);
        self.synced.lock().expect("nobody panicked").push(bytes);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }
}

/// What a reader sees now: without a gap, and commits of two as a whole.
fn look(store: &EmbeddedStore, disk: &WatchedDisk) -> u64 {
    let events: Vec<_> = store.read(Query::all()).map(|event| event.expect("sound")).collect();
    let count = events.len() as u64;
    assert_eq!(positions(&events), (1..=count).collect::<Vec<_>>());
    assert_eq!(count % 2, 0, "half a commit is seen");
    assert!(events.iter().all(|event| disk.is_synced(event)), "seen before it was synced");
    count
}

fn story() {
    let disk = WatchedDisk::default();
    let store = open(disk.clone(), options(false));
    let writers = [0, 10].map(|first| {
        let (store, disk) = (store.clone(), disk.clone());
        thread::spawn(move || {
            for number in [first, first + 2] {
                let append = Append::to(format!("a-{first}"));
                let append = append.event(event(number)).event(event(number + 1));
                let saved = store.append(append).expect("it fits");
                assert!(look(&store, &disk) >= saved.position.0, "saved, but not to be seen");
            }
        })
    });
    let mut seen = 0;
    for _ in 0..4 {
        let now = look(&store, &disk);
        assert!(now >= seen, "what was seen is gone");
        seen = now;
    }
    for writer in writers {
        writer.join().expect("it ends");
    }
    assert_eq!(look(&store, &disk), 8);
    store.close().expect("it closes");
}

#[test]
fn in_any_order_of_the_threads() {
    explore(story);
}

#[test]
fn seeing_what_is_not_synced_is_found() {
    assert!(finds(PlantedBug::PublishBeforeSync, story));
}

#[test]
fn saying_saved_too_early_is_found() {
    assert!(finds(PlantedBug::AnswerBeforePublish, story));
}

#[test]
fn saying_saved_without_a_sync_is_found() {
    assert!(finds(PlantedBug::AcknowledgeBeforeSync, story));
}
