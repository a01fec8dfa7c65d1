//! A scavenge in the background is paused in the middle of a file, or the store is closed there:
//! nothing is half done, and it goes on by itself when it may.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::common::kept::options;
use hitherto_store::{
    Append, Disk, DiskFile, EmbeddedStore, EventId, EventStore, MemoryDisk, NewEvent, Position,
    Query, SystemClock, Tag, Target, verify_disk,
};

/// The name of what a log file is rewritten into.
const TEMPORARY: &str = "compressed.tmp";
/// Long enough for any machine; nothing waits so long but a test that fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// A disk that stops whoever has rewritten half of a log file until it is let go on.
#[derive(Clone)]
struct Gate {
    disk: MemoryDisk,
    state: Arc<(Mutex<State>, Condvar)>,
    told: Sender<String>,
}

#[derive(Default)]
struct State {
    /// How many files may be rewritten before it stops.
    files_before: u32,
    is_shut: bool,
}

impl Gate {
    fn new() -> (Self, Receiver<String>) {
        let (told, tells) = channel();
        (Self { disk: MemoryDisk::new(), state: Arc::default(), told }, tells)
    }

    fn shut_after(&self, files_before: u32) {
        *self.state.0.lock().expect("nobody panics") = State { files_before, is_shut: true };
    }

    fn open(&self) {
        self.state.0.lock().expect("nobody panics").is_shut = false;
        self.state.1.notify_all();
    }

    /// Says that somebody is here, and waits while the gate is shut.
    fn pass(&self) {
        let mut state = self.state.0.lock().expect("nobody panics");
        if state.is_shut && state.files_before == 0 {
            self.told.send("at the gate".to_owned()).expect("the test listens");
            while state.is_shut {
                state = self.state.1.wait(state).expect("nobody panics");
            }
        }
    }

    fn store(&self) -> EmbeddedStore {
        let mut options = options();
        options.background = true;
        EmbeddedStore::on(self.clone(), SystemClock, options).expect("it opens")
    }
}

struct GatedFile {
    file: Arc<dyn DiskFile>,
    gate: Gate,
}

impl Disk for Gate {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.create(name)?;
        if name != TEMPORARY {
            return Ok(file);
        }
        Ok(Arc::new(GatedFile { file, gate: self.clone() }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)?;
        if from == TEMPORARY {
            let mut state = self.state.0.lock().expect("nobody panics");
            state.files_before = state.files_before.saturating_sub(1);
        }
        let _ = self.told.send(format!("{to} is named"));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)?;
        let _ = self.told.send(format!("{name} is removed"));
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.disk.sync_directory()
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        self.disk.lock()
    }
}

impl DiskFile for GatedFile {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)?;
        self.gate.pass();
        Ok(())
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

/// Listens until something happened on the disk.
fn wait_for(tells: &Receiver<String>, what: impl Fn(&str) -> bool) {
    while !what(&tells.recv_timeout(PATIENCE).expect("it happens")) {}
}

fn is_rewritten(what: &str) -> bool {
    what.ends_with(".zlog is named")
}

/// 300 events of two streams in a few log files.
fn filled(gate: &Gate) -> EmbeddedStore {
    let store = gate.store();
    for number in 0..300_u64 {
        let stream = if number.is_multiple_of(2) { "keep-1" } else { "gone-1" };
        let event = NewEvent::json("Said", format!("{number:0>700}")).tag(tag(number));
        let event = event.id(EventId::from_u128(number.into()));
        store.append(Append::to(stream).event(event)).expect("it fits");
    }
    store
}

fn tag(number: u64) -> Tag {
    Tag::new("secret", format!("of-{number:03}"))
}

fn removed(store: &EmbeddedStore) -> u64 {
    let stat = store.stat().expect("it is open");
    stat.files.iter().map(|file| file.removed_events).sum()
}

/// The index files that have a text anywhere.
fn indexes_with(gate: &Gate, text: &str) -> Vec<String> {
    let has_text = |name: &String| {
        if !name.contains(".idx") {
            return false;
        }
        let file = gate.disk.open(name).expect("it is there");
        let mut bytes = vec![0; file.len().expect("it has a length") as usize];
        file.read_at(&mut bytes, 0).expect("it can be read");
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    gate.disk.list().expect("it can be listed").into_iter().filter(has_text).collect()
}

fn is_whole(gate: &Gate, store: &EmbeddedStore) {
    let kept = store.read(Query::stream("keep-1")).collect::<Result<Vec<_>, _>>();
    assert_eq!(kept.expect("it can be read").len(), 150);
    assert_eq!(store.read(Query::stream("gone-1")).count(), 0);
    let report = verify_disk(Arc::new(gate.disk.clone())).expect("it can be read");
    assert_eq!(report.damages, []);
}

#[test]
fn paused_in_the_middle_of_a_file_it_leaves_that_and_does_it_again_when_resumed() {
    let (gate, tells) = Gate::new();
    let store = filled(&gate);
    let digest = store.digest(Position(300)).expect("it is there");
    for _ in 0..2 {
        gate.shut_after(0);
        if removed(&store) == 0 {
            store.delete(Target::stream("gone-1")).ok();
        }
        wait_for(&tells, |what| what == "at the gate");
        store.pause_scavenge().expect("it is open for writing");
        gate.open();
        wait_for(&tells, |what| what == "compressed.tmp is removed");
        is_whole(&gate, &store);
        assert_eq!(removed(&store), 0, "no file is half done");
        gate.shut_after(0);
        store.resume_scavenge().expect("it is open for writing");
    }
    wait_for(&tells, |what| what == "at the gate");
    // Paused and resumed before it was noticed: it is not lost.
    store.pause_scavenge().expect("it is open for writing");
    store.resume_scavenge().expect("it is open for writing");
    gate.open();
    wait_for(&tells, is_rewritten);
    store.scavenge().expect("there is room"); // it waits for the other
    assert_eq!(removed(&store), 150);
    is_whole(&gate, &store);
    assert_eq!(store.digest(Position(300)).expect("it is there"), digest);
}

#[test]
fn closed_in_the_middle_of_a_file_it_goes_on_when_the_store_is_opened_again() {
    for files_before in 0..3 {
        let (gate, tells) = Gate::new();
        let store = filled(&gate);
        gate.shut_after(files_before);
        store.delete(Target::stream("gone-1")).expect("it is there");
        wait_for(&tells, |what| what == "at the gate");
        let closing = std::thread::spawn(move || store.close());
        gate.open();
        closing.join().expect("it does not panic").expect("it closes");
        assert!(!gate.disk.list().expect("it can be listed").contains(&TEMPORARY.to_owned()));

        let store = gate.store();
        is_whole(&gate, &store);
        store.scavenge().expect("there is room");
        assert_eq!(removed(&store), 150);
        is_whole(&gate, &store);
        let named: Vec<String> = (1..300)
            .step_by(2)
            .flat_map(|number| indexes_with(&gate, tag(number).as_str()))
            .collect();
        assert_eq!(
            named, [""; 0],
            "no index has a tag of what is gone, after {files_before} files"
        );
        assert_ne!(indexes_with(&gate, tag(2).as_str()), [""; 0], "but those of the others");
    }
}
