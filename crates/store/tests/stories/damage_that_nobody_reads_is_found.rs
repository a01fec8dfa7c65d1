//! All log files are read in the background now and then: damage is known before somebody needs
//! what it took.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use hitherto_store::{
    Append, Clock, Disk, EmbeddedStore, EventStore, MemoryDisk, NewEvent, Options, Query,
    ScrubStat, Timestamp,
};

use crate::common::hooked::HookedDisk;
use crate::common::image::{disk_of, image_of};

const DAY: i64 = 86_400_000_000_000;
const NOTE: &str = "scrubbed";

#[derive(Clone, Default)]
struct Set(Arc<AtomicI64>);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

fn at(day: i64) -> Set {
    Set(Arc::new(AtomicI64::new(day * DAY)))
}

fn options() -> Options {
    let mut options = Options::default();
    options.log_file_bytes_min = 16 << 10;
    options.log_file_bytes_max = 16 << 10;
    options
}

/// A store of some files, compressed or not, that was closed on the first day.
fn closed_store(events: u64, is_compressed: bool) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let store = EmbeddedStore::on(disk.clone(), at(0), options()).expect("it opens");
    for number in 0..events {
        let event = NewEvent::json("Happened", "x".repeat(300));
        store.append(Append::to(format!("a-{}", number % 3)).event(event)).expect("it fits");
    }
    if is_compressed {
        store.compress().expect("there is room");
    }
    store.close().expect("it closes");
    assert!(!has_note(&disk), "it was never time to");
    disk
}

fn has_note(disk: &MemoryDisk) -> bool {
    disk.list().expect("it can be listed").iter().any(|name| name == NOTE)
}

/// What is known when a round has ended that had to begin.
fn scrubbed(store: &EmbeddedStore, day: i64) -> ScrubStat {
    loop {
        let scrub = store.stat().expect("it can be asked").scrub;
        if let Some(scrub) = scrub.filter(|it| it.ended == Some(at(day).now())) {
            return scrub;
        }
        std::thread::yield_now();
    }
}

/// Files of the log but the first, which is looked at by an open, with a bit that has flipped.
fn flip(disk: &MemoryDisk, end: &str) -> (MemoryDisk, String) {
    let mut image = image_of(disk);
    let mut names = image.keys().filter(|name| name.ends_with(end));
    let name = names.nth(1).expect("there are some").clone();
    let bytes = image.get_mut(&name).expect("it is there");
    let middle = 5_000.min(bytes.len() / 2);
    bytes[middle] ^= 4;
    (disk_of(&image), name)
}

#[test]
fn a_bit_that_flipped_where_nobody_reads_is_found_and_told_and_nothing_is_changed() {
    for (is_compressed, end) in [(false, ".log"), (true, ".zlog")] {
        let (disk, name) = flip(&closed_store(200, is_compressed), end);
        let before = image_of(&disk)[&name].clone();
        let store = EmbeddedStore::on(disk.clone(), at(15), options()).expect("it opens");
        let scrub = scrubbed(&store, 15);
        let number = name.split('.').next().expect("a name");
        assert_eq!(scrub.damages.len(), 1, "{:?}", scrub.damages);
        assert!(scrub.damages[0].file.starts_with(number), "{:?}", scrub.damages);
        assert_eq!((scrub.begun, image_of(&disk)[&name] == before), (None, true));
        store.close().expect("it closes");
        let reader = EmbeddedStore::read_only_on(disk, at(16), options()).expect("it opens");
        let told = reader.stat().expect("it can be asked").scrub.expect("it is noted");
        assert_eq!(told, scrub, "another process is told too");
    }
}

#[test]
fn a_dictionary_that_is_damaged_is_found_though_its_file_is_open() {
    let disk = closed_store(200, true);
    let day = at(1);
    let store = EmbeddedStore::on(disk.clone(), day.clone(), options()).expect("it opens");
    assert!(store.read(Query::all()).all(|event| event.is_ok()));
    let name = image_of(&disk).into_keys().filter(|name| name.contains(".zlog")).nth(2);
    let file = disk.open(&name.expect("there are some")).expect("it is there");
    file.write_at(&[0x5A; 64], 4_100).expect("it is written");
    day.0.store(15 * DAY, Ordering::SeqCst);
    store.pause_scrub().expect("it is open for writing");
    store.resume_scrub().expect("it is open for writing");
    let scrub = scrubbed(&store, 15);
    let [damage] = &scrub.damages[..] else { panic!("{:?}", scrub.damages) };
    assert!(damage.what.contains("dictionary"), "{damage}");
}

#[test]
fn damage_that_was_put_right_is_not_told_of_any_more() {
    let sound = closed_store(200, false);
    let (disk, name) = flip(&sound, ".log");
    let store = EmbeddedStore::on(disk.clone(), at(15), options()).expect("it opens");
    assert_eq!(scrubbed(&store, 15).damages.len(), 1);
    store.close().expect("it closes");
    let whole = image_of(&sound)[&name].clone();
    disk.open(&name).expect("it is there").write_at(&whole, 0).expect("it is written");
    let store = EmbeddedStore::on(disk, at(30), options()).expect("it opens");
    assert_eq!(scrubbed(&store, 30).damages, []);
}

#[test]
fn a_store_that_is_sound_is_read_once_in_the_time_that_was_asked_for() {
    let disk = closed_store(200, true);
    let store = EmbeddedStore::on(disk.clone(), at(15), options()).expect("it opens");
    let scrub = scrubbed(&store, 15);
    assert!(scrub.damages.is_empty() && scrub.bytes > 60_000, "{scrub:?}");
    store.close().expect("it closes");
    let store = EmbeddedStore::on(disk.clone(), at(28), options()).expect("it opens");
    store.close().expect("it closes");
    let store = EmbeddedStore::read_only_on(disk, at(28), options()).expect("it opens");
    let told = store.stat().expect("it can be asked").scrub.expect("it is noted");
    assert_eq!((told.ended, told.begun), (scrub.ended, None), "14 days are not over");
}

/// What is noted of the round that is under way, when some files are read: before the first rest.
fn under_way(store: &EmbeddedStore) -> ScrubStat {
    loop {
        let scrub = store.stat().expect("it can be asked").scrub;
        if let Some(scrub) = scrub.filter(|scrub| scrub.bytes > 100_000) {
            return scrub;
        }
        std::thread::yield_now();
    }
}

#[test]
fn what_was_paused_or_closed_goes_on_where_it_was() {
    let disk = closed_store(1_000, false);
    let mut slow = options();
    slow.scrub_bytes_per_second = 1; // nobody lives to see the end of a rest
    let store = EmbeddedStore::on(disk.clone(), at(15), slow).expect("it opens");
    let scrub = under_way(&store);
    assert_eq!((scrub.begun, scrub.ended), (Some(at(15).now()), None));
    store.pause_scrub().expect("it is open for writing");
    store.resume_scrub().expect("it is open for writing");
    store.pause_scrub().expect("it is open for writing");
    store.close().expect("it closes, paused or not");
    let (disk, _) = flip(&disk, ".log"); // in a file that was read already
    let store = EmbeddedStore::on(disk, at(16), options()).expect("it opens");
    assert_eq!(scrubbed(&store, 16).damages, [], "it did not begin again");
}

#[test]
fn a_file_that_was_left_at_a_pause_is_not_taken_for_damaged_when_it_is_over_at_once() {
    let disk = closed_store(1_000, false);
    for day in (15..).step_by(15).take(40) {
        let store = EmbeddedStore::on(disk.clone(), at(day), options()).expect("it opens");
        let ended = || {
            let scrub = store.stat().expect("it can be asked").scrub;
            scrub.is_some_and(|scrub| scrub.ended == Some(at(day).now()))
        };
        while !ended() {
            for _ in 0..20 {
                store.pause_scrub().expect("it is open for writing");
                store.resume_scrub().expect("it is open for writing");
            }
        }
        assert_eq!(scrubbed(&store, day).damages, []);
        store.close().expect("it closes");
    }
}

#[test]
fn turned_off_it_starts_nothing_and_leaves_nothing() {
    let mut off = [options(), options()];
    off[0].scrub_every = Duration::ZERO;
    off[1].scrub_bytes_per_second = 0;
    for options in off {
        let disk = closed_store(200, false);
        let store = EmbeddedStore::on(disk.clone(), at(100), options).expect("it opens");
        store.append(Append::to("a-1").event(NewEvent::json("Happened", "{}"))).expect("it fits");
        store.close().expect("it closes");
        assert!(!has_note(&disk));
    }
}

#[test]
fn what_cannot_be_noted_is_not_read_over_and_over() {
    let mut disk = HookedDisk::default();
    disk.disk = closed_store(200, false);
    let (note, notes) = channel();
    disk.on_every_create(move |name| {
        if name.starts_with(NOTE) {
            let _ = note.send(());
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        Ok(())
    });
    let store = EmbeddedStore::on(disk, at(15), options()).expect("it opens");
    let files = store.stat().expect("it can be asked").files.len();
    // One note a file, and one at the end of the round.
    for _ in 0..=files {
        notes.recv_timeout(Duration::from_mins(1)).expect("what was read is noted");
    }
    let again = notes.recv_timeout(Duration::from_millis(200));
    assert_eq!(again, Err(RecvTimeoutError::Timeout), "the round was the last for a while");
}
