//! Scavenging: the bytes of what was removed are gone from every file, the room is given back, and
//! positions, versions, times, repeats and the digest of history are as they were.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::kept::{Kept, options};
use hitherto_store::{
    Append, Before, Disk, EmbeddedStore, ErrorKind, EventId, EventStore, MemoryDisk, NewEvent,
    Position, Query, Recorded, Tag, Target, verify_disk,
};

/// Text that compression can do nothing with.
fn noise(number: u64, bytes: usize) -> String {
    let mut state = number + 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + (state >> 33) as u8 % 90)
    };
    (0..bytes).map(|_| next()).collect()
}

fn append_of(number: u64) -> Append {
    let stream = if number.is_multiple_of(2) { "keep-1" } else { "gone-1" };
    let event = NewEvent::json("Said", noise(number, 300)).id(EventId::from_u128(number.into()));
    Append::to(stream).event(event.tag(Tag::new("secret", format!("of-{number:03}"))))
}

/// Every second of 400 events is to go.
fn half() -> Kept {
    let kept = Kept::new();
    for number in 0..400 {
        kept.store.append(append_of(number)).expect("it fits");
        kept.clock.jump(1);
    }
    kept
}

#[test]
fn half_of_the_bytes_are_gone_and_nothing_else() {
    let mut kept = half();
    let (kept_events, bytes) = (kept.read(Query::stream("keep-1")), kept.bytes());
    let digest = kept.store.digest(Position(400)).expect("it is there");
    kept.store.delete(Target::stream("gone-1")).expect("it is there");
    let done = kept.store.scavenge().expect("there is room");
    assert_eq!(done.events, 200);
    assert!(done.bytes_after * 4 < done.bytes_before * 3, "{done:?}");
    assert!(kept.bytes() * 10 < bytes * 9, "{} of {bytes}", kept.bytes());
    let gone = (1..400)
        .step_by(2)
        .find(|&number| !kept.files_with(noise(number, 60).as_bytes()).is_empty());
    assert_eq!(gone, None, "no file has its text any more");
    assert_eq!(kept.files_with(b"secret:of-017"), [""; 0], "nor its tag");
    assert!(!kept.files_with(b"secret:of-018").is_empty(), "that of one that stays is there");
    for _ in 0..2 {
        assert_eq!(kept.read(Query::stream("keep-1")), kept_events);
        assert_eq!(kept.read(Query::tag("secret", "of-018")).len(), 1);
        assert_eq!(kept.read(Query::tag("secret", "of-017")).len(), 0);
        assert_eq!(kept.versions("gone-1"), []);
        assert_eq!(kept.store.digest(Position(400)).expect("it is there"), digest);
        let since = kept_events[77].recorded_at();
        let found = kept.read(Query::stream("keep-1").since(since));
        assert_eq!(found, kept_events[77..], "times are found as before");
        let report = verify_disk(Arc::new(kept.disk.clone())).expect("it can be read");
        assert_eq!((report.damages, report.removed), (vec![], 200));
        let stat = kept.store.stat().expect("it is open");
        assert_eq!(stat.files.iter().map(|file| file.removed_events).sum::<u64>(), 200);
        assert!(stat.files[0].is_compressed);
        assert_eq!(kept.store.scavenge().expect("there is nothing to do").files, 0);
        kept.reopen();
    }
    // Indexes follow from the log, also from what is left of it.
    let names = kept.files();
    kept.store.clone().close().expect("it closes");
    for name in names.iter().filter(|name| name.contains(".idx")) {
        kept.disk.remove(name).expect("it is there");
    }
    kept.reopen();
    assert_eq!(kept.read(Query::stream("keep-1")), kept_events);
    assert_eq!(kept.note("gone-1", "Said", 1).version, 201, "versions go on");
    assert_eq!(kept.versions("gone-1"), [201]);
}

#[test]
fn a_repeat_of_what_is_gone_is_answered_as_before_and_another_content_is_refused() {
    let kept = half();
    let before = kept.store.append(append_of(21)).expect("it is there");
    kept.store.delete(Target::stream("gone-1")).expect("it is there");
    kept.store.scavenge().expect("there is room");
    let again = kept.store.append(append_of(21)).expect("its place is known");
    assert_eq!(again, before);
    let mut other = append_of(21);
    other.writes[0].events[0].payload = "{}".into();
    let refused = kept.store.append(other).expect_err("it is not what was there");
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert_eq!(kept.versions("gone-1"), []);
}

#[test]
fn the_file_that_was_written_to_before_the_last_close_is_scavenged_too() {
    let mut kept = half();
    kept.reopen();
    kept.store.delete(Target::stream("gone-1")).expect("it is there");
    assert_eq!(kept.store.scavenge().expect("there is room").events, 200);
    kept.reopen();
    kept.note("keep-1", "Said", 1);
    kept.store.delete(Target::stream("keep-1")).expect("it is there");
    assert_eq!(kept.store.scavenge().expect("there is room").events, 201);
}

/// The power goes behind the last rewritten file: its index is the one from before.
#[test]
fn an_index_that_was_made_before_its_file_was_rewritten_is_made_anew() {
    let mut kept = half();
    kept.reopen();
    kept.store.delete(Target::stream("gone-1")).expect("it is there");
    let before = image_of(&kept.disk);
    kept.store.scavenge().expect("there is room");
    kept.store.clone().close().expect("it closes");
    for (name, bytes) in before.iter().filter(|(name, _)| name.contains(".idx")) {
        let _ = kept.disk.remove(name);
        kept.disk.create(name).and_then(|file| file.write_at(bytes, 0)).expect("there is room");
    }
    assert_ne!(kept.files_with(b"secret:of-017"), [""; 0], "there it is");
    kept.reopen();
    assert_eq!(kept.store.scavenge().expect("there is room").files, 0);
    assert_eq!(kept.files_with(b"secret:of-017"), [""; 0]);
    assert_eq!(kept.read(Query::tag("secret", "of-018")).len(), 1);
    assert_eq!(kept.read(Query::stream("keep-1")).len(), 200);
}

/// A merge that failed in its middle leaves an index file that nobody uses. It stayed as it was,
/// with the tags of what was removed, until the store was opened again.
#[test]
fn an_index_that_nobody_uses_has_nothing_of_what_was_removed() {
    let kept = half();
    let mut indexes = image_of(&kept.disk).into_iter().filter(|(name, _)| name.contains(".idx"));
    let (used, bytes) = indexes.next().expect("a file is full");
    for unused in
        ["0000000000000001-0000000000000399.idx", "0000000000000001-0000000000000398.idx.tmp"]
    {
        let file = kept.disk.create(unused).expect("it is new");
        file.write_at(&bytes, 0).expect("there is room");
    }
    assert!(kept.files_with(b"secret:of-017").len() >= 3, "there it is, and in {used}");
    kept.store.delete(Target::stream("gone-1")).expect("it is there");
    kept.store.scavenge().expect("there is room");
    assert_eq!(kept.files_with(b"secret:of-017"), [""; 0]);
    assert_eq!(kept.read(Query::tag("secret", "of-018")).len(), 1);
}

#[test]
fn more_is_removed_later_from_the_same_files() {
    let kept = half();
    let digest = kept.store.digest(Position(400)).expect("it is there");
    let truncate = |version| {
        kept.store
            .truncate(Target::stream("gone-1"), Before::Version(version))
            .expect("it has more");
        kept.store.scavenge().expect("there is room").events
    };
    assert_eq!((truncate(51), truncate(101), truncate(201)), (50, 50, 100));
    assert_eq!(kept.versions("gone-1"), []);
    assert_eq!(kept.store.digest(Position(400)).expect("it is there"), digest);
    let report = verify_disk(Arc::new(kept.disk.clone())).expect("it can be read");
    assert_eq!((report.damages, report.removed), (vec![], 200));
}

#[test]
fn one_who_reads_beside_goes_on_in_the_old_file_and_in_the_new_one() {
    let kept = half();
    let (disk, clock) = (kept.disk.clone(), kept.clock.clone());
    let beside = EmbeddedStore::read_only_on(disk, clock, options()).expect("it opens");
    let mut reading = beside.read(Query::stream("keep-1"));
    let first: Vec<Recorded> =
        reading.by_ref().take(20).map(|event| event.expect("it can be read")).collect();
    kept.store.delete(Target::stream("gone-1")).expect("it is there");
    kept.store.scavenge().expect("there is room");
    let rest = reading.map(|event| event.expect("it can be read"));
    let all: Vec<Recorded> = first.into_iter().chain(rest).collect();
    assert_eq!(all, kept.read(Query::stream("keep-1")));
    assert_eq!(beside.read(Query::stream("gone-1")).count(), 0);
}

#[test]
fn what_is_paused_removes_nothing_until_it_is_resumed() {
    let kept = half();
    kept.store.delete(Target::stream("gone-1")).expect("it is there");
    kept.store.pause_scavenge().expect("it is open for writing");
    let refused = kept.store.scavenge().expect_err("it is paused");
    assert!(refused.to_string().contains("paused"), "{refused}");
    assert!(!kept.files_with(noise(1, 60).as_bytes()).is_empty());
    kept.store.resume_scavenge().expect("it is open for writing");
    assert_eq!(kept.store.scavenge().expect("there is room").events, 200);
}

#[test]
fn an_event_that_no_fact_removed_is_damage() {
    let kept = half();
    let before = image_of(&kept.disk);
    kept.store.delete(Target::stream("gone-1")).expect("it is there");
    kept.store.scavenge().expect("there is room");
    // Somebody puts a file with stubs into the store as it was, which has no fact that removed
    // them.
    let scavenged = image_of(&kept.disk).remove("000000000001.zlog").expect("it is scavenged");
    let report = verify_disk(Arc::new(mixed(before, scavenged))).expect("it can be read");
    assert!(report.damages.iter().any(|damage| damage.what.contains("no fact")), "{report:?}");
}

fn image_of(disk: &MemoryDisk) -> BTreeMap<String, Vec<u8>> {
    let content = |name: String| {
        let file = disk.open(&name).expect("it is there");
        let mut bytes = vec![0; file.len().expect("it has a length") as usize];
        file.read_at(&mut bytes, 0).expect("it can be read");
        (name, bytes)
    };
    disk.list().expect("it can be listed").into_iter().map(content).collect()
}

/// A store as it was, but for its first log file.
fn mixed(mut before: BTreeMap<String, Vec<u8>>, scavenged: Vec<u8>) -> MemoryDisk {
    before.remove("000000000001.log");
    before.remove("lock");
    before.insert("000000000001.zlog".to_owned(), scavenged);
    let disk = MemoryDisk::new();
    for (name, bytes) in before {
        let file = disk.create(&name).expect("it is new");
        file.write_at(&bytes, 0).expect("there is room");
    }
    disk
}

/// A dictionary has pieces of the events that it was trained on. Once files took it from the file
/// before them: the text of removed events stayed in files that no scavenge rewrote, because none
/// of their own events was removed.
#[test]
fn files_without_a_removed_event_have_nothing_of_its_text() {
    let kept = Kept::new();
    let text = |stream: &str, number: u64| {
        let who = if stream == "gone-1" { "Maria Lindgren" } else { "somebody else" };
        format!(r#"{{"who":"{who} of the third ward, {}","number":{number}}}"#, noise(number, 40))
    };
    for stream in ["gone-1", "keep-1"] {
        for number in 0..1_500 {
            let event = NewEvent::json("Said", text(stream, number));
            kept.store.append(Append::to(stream).event(event)).expect("it fits");
        }
    }
    kept.store.compress().expect("there is room");
    assert!(!kept.files_with(b"Maria Lindgren").is_empty(), "it is there before");
    kept.store.delete(Target::stream("gone-1")).expect("it is there");
    kept.store.scavenge().expect("there is room");
    assert_eq!(kept.files_with(b"Maria Lindgren"), [""; 0]);
}
