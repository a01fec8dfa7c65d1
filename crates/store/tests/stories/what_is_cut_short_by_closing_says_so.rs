//! Whoever compresses, removes or moves files when the store is closed is told so, and has left off
//! before the store is given free. It was once answered that a log file could not be read.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use hitherto_store::{
    Append, Archive, Disk, DiskFile, EmbeddedStore, Error, ErrorKind, EventStore, MemoryDisk,
    NewEvent, Options, Query, SystemClock, Target, verify_disk,
};

/// Long enough for any machine; nothing waits so long but a test that fails.
const PATIENCE: Duration = Duration::from_mins(1);
const EVENTS: u64 = 600;

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 64 << 10;
    options.log_file_bytes_max = 64 << 10;
    options
}

/// A disk that says when a log file is being rewritten, and has its writer wait for the store's
/// end.
#[derive(Clone)]
struct Watched {
    disk: MemoryDisk,
    told: Sender<EmbeddedStore>,
    store: Arc<std::sync::Mutex<Option<EmbeddedStore>>>,
}

impl Watched {
    fn new() -> (Self, Receiver<EmbeddedStore>) {
        let (told, tells) = channel();
        (Self { disk: MemoryDisk::new(), told, store: Arc::default() }, tells)
    }

    /// Lets the store be closed, once, and waits until it closes.
    fn wait_for_the_end(&self) {
        let Some(store) = self.store.lock().expect("nobody panics").take() else { return };
        let mut followed = store.follow(Query::stream("none"));
        self.told.send(store).expect("the test listens");
        let end = followed.next().expect("it ends with an error").expect_err("it has no event");
        assert_eq!(end.kind(), ErrorKind::Closed, "{end}");
    }
}

impl Disk for Watched {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        if name == "compressed.tmp" {
            self.wait_for_the_end();
        }
        self.disk.create(name)
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(name)
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

/// An archive that is as slow as the disk.
struct Slow(Watched);

impl Archive for Slow {
    fn location(&self) -> &'static str {
        "slow://"
    }

    fn put(&self, name: &str, object: &dyn DiskFile) -> io::Result<()> {
        self.0.wait_for_the_end();
        let mut bytes = vec![0; usize::try_from(object.len()?).expect("it is small")];
        object.read_at(&mut bytes, 0)?;
        self.0.disk.create(name)?.write_at(&bytes, 0)
    }

    fn read_at(&self, name: &str, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.disk.open(name)?.read_at(buffer, offset)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.disk.remove(name)
    }
}

/// Some full log files.
fn filled(disk: &Watched) -> EmbeddedStore {
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options()).expect("it opens");
    for number in 0..EVENTS {
        let event = NewEvent::json("Said", format!("{number:0>700}"));
        let stream = if number.is_multiple_of(2) { "keep-1" } else { "gone-1" };
        store.append(Append::to(stream).event(event)).expect("it fits");
    }
    store
}

/// Closes the store as soon as something is being rewritten; how that ended, and the disk.
fn closed_during<T: Send + 'static>(
    prepare: impl Fn(&EmbeddedStore),
    work: impl FnOnce(EmbeddedStore, Watched) -> Result<T, Error> + Send + 'static,
) -> (Error, MemoryDisk) {
    let (disk, tells) = Watched::new();
    let store = filled(&disk);
    prepare(&store);
    *disk.store.lock().expect("nobody panics") = Some(store.clone());
    let watched = disk.clone();
    let working = std::thread::spawn(move || work(store, watched).err());
    tells.recv_timeout(PATIENCE).expect("it is rewritten").close().expect("it closes");
    let files = disk.disk.list().expect("it can be listed");
    let error = working.join().expect("it does not panic").expect("it is cut short");
    assert_eq!(disk.disk.list().expect("it can be listed"), files, "it had left off by then");
    (error, disk.disk)
}

fn check((error, disk): (Error, MemoryDisk)) {
    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    assert!(error.to_string().contains("the store was closed"), "{error}");
    let report = verify_disk(Arc::new(disk)).expect("it can be read");
    assert_eq!(report.damages, []);
}

#[test]
fn compressing_that_is_cut_short_by_closing_says_so() {
    check(closed_during(|_| {}, |store, _| store.compress()));
}

#[test]
fn a_scavenge_that_is_cut_short_by_closing_says_so() {
    let delete = |store: &EmbeddedStore| {
        store.pause_scavenge().expect("it is open for writing");
        store.delete(Target::stream("gone-1")).expect("it is there");
        store.resume_scavenge().expect("it is open for writing");
    };
    check(closed_during(delete, |store, _| store.scavenge()));
}

#[test]
fn moving_files_that_is_cut_short_by_closing_says_so() {
    let compress = |store: &EmbeddedStore| store.compress().expect("there is room");
    let (error, _) = closed_during(compress, |store, disk| store.archive(&Slow(disk), 0));
    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    assert!(error.to_string().contains("the store was closed"), "{error}");
}
