//! A repair saves every commit that is whole in the damaged store, nothing else, and says what is
//! missing.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use hitherto_store::{
    Append, EmbeddedStore, ErrorKind, EventStore, MemoryDisk, NewEvent, Options, Position, Query,
    Recorded, Salvage, SystemClock, Tag, repair, repair_disk, verify_disk,
};

use crate::common::image::{Image, all, disk_of, image_of};

/// Every so manieth byte is flipped; a prime, so that all fields of all frames have their turn.
const STRIDE: usize = 37;
const COMMITS: usize = 60;

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 8 << 10;
    options.log_file_bytes_max = 16 << 10;
    options
}

fn open(disk: &MemoryDisk) -> EmbeddedStore {
    EmbeddedStore::on(disk.clone(), SystemClock, options()).expect("it opens")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Closed,
    Killed,
    Compressed,
}

/// A store of three files in a form, and what is in it.
fn sound_store(form: Form) -> (Image, Vec<Recorded>) {
    let disk = MemoryDisk::new();
    let store = open(&disk);
    for number in 0..COMMITS {
        let tagged = NewEvent::json("Tagged", "{}").tag(Tag::new("third", number % 3));
        let large = NewEvent::json("Large", "x".repeat(number * 37 % 300));
        let append = Append::to(format!("a-{}", number % 4)).event(tagged).event(large);
        store.append(append).expect("it fits");
    }
    store.mark_idle().expect("it can be written");
    if form == Form::Compressed {
        store.compress().expect("there is room");
    }
    let events = all(&store, Query::all());
    if form != Form::Killed {
        store.close().expect("it closes");
    }
    let mut image = image_of(&disk);
    image.remove("spare");
    (image, events)
}

/// Repairs, and checks that the new store is sound, says what is missing, goes on, and stays as it
/// is when it is repaired again.
fn repaired(image: &Image, what: &str) -> (Salvage, Vec<Recorded>) {
    let (from, to) = (disk_of(image), MemoryDisk::new());
    let salvage = repair_disk(Arc::new(from.clone()), Arc::new(to.clone()));
    let salvage = salvage.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(image_of(&from), *image, "{what}: the old store was changed");
    let report = verify_disk(Arc::new(to.clone())).expect("it can be read");
    assert_eq!(report.damages, [], "{what}");
    let again = MemoryDisk::new();
    let second = repair_disk(Arc::new(to.clone()), Arc::new(again.clone()));
    let second = second.unwrap_or_else(|error| panic!("{what}, again: {error}"));
    assert_eq!((second.losses.len(), second.mended.len()), (0, 0), "{what}: {second:?}");
    assert_eq!(second.earlier_losses, report.accepted_losses, "{what}");
    let store = open(&to);
    let events = all(&store, Query::all());
    assert_eq!(all(&open(&again), Query::all()), events, "{what}, again");
    assert_eq!(events.len() as u64, salvage.events, "{what}");
    let more = Append::to("a-1").event(NewEvent::json("Happened", "{}"));
    let saved = store.append(more).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(saved.position, salvage.head.next(), "{what}");
    (salvage, events)
}

/// The commits of a raw log file: the bytes of each, and its first position.
fn commits_in(bytes: &[u8]) -> Vec<(Range<usize>, u64)> {
    let number = |at: usize, length: usize| {
        let mut field = [0; 8];
        field[..length].copy_from_slice(&bytes[at..at + length]);
        u64::from_le_bytes(field)
    };
    let is_commit = |at: &usize| bytes[*at..].starts_with(b"HCom");
    let frames = (4096..bytes.len().saturating_sub(56)).step_by(8).filter(is_commit);
    frames.map(|at| (at..at + 56 + number(at + 4, 4) as usize, number(at + 16, 8))).collect()
}

/// Without commits that begin at one of these positions.
fn without(events: &[Recorded], commits: &[u64]) -> Vec<Recorded> {
    let is_left = |event: &&Recorded| !commits.contains(&(event.position().0.div_ceil(2) * 2 - 1));
    events.iter().filter(is_left).cloned().collect()
}

fn check_whole_commits(events: &[Recorded], saved: &[Recorded], what: &str) {
    let mut positions = BTreeSet::new();
    for event in saved {
        let position = event.position().0 as usize;
        assert_eq!(*event, events[position - 1], "{what}: something else was saved");
        positions.insert(position);
    }
    let other = |position: &usize| if position % 2 == 1 { position + 1 } else { position - 1 };
    let are_whole = positions.iter().all(|position| positions.contains(&other(position)));
    assert!(are_whole, "{what}: half a commit was saved");
}

/// What is missing must be said: the positions of each event that is not there, and no other.
fn check_told(events: &[Recorded], saved: &[Recorded], salvage: &Salvage, what: &str) {
    let is_told = |position: Position| {
        let ranges = salvage.losses.iter().filter_map(|loss| loss.positions);
        ranges.into_iter().any(|(first, last)| (first..=last).contains(&position))
    };
    for event in events {
        let is_there = saved.iter().any(|saved| saved.position() == event.position());
        assert_eq!(is_told(event.position()), !is_there, "{what}: {event:?} {salvage:?}");
    }
}

#[test]
fn every_flipped_byte_costs_no_commit_but_the_one_it_is_in() {
    for form in [Form::Closed, Form::Killed] {
        let (image, events) = sound_store(form);
        for (name, bytes) in &image {
            let commits = if name.contains(".log") { commits_in(bytes) } else { Vec::new() };
            for place in (0..bytes.len()).step_by(STRIDE) {
                let mut damaged = image.clone();
                damaged.get_mut(name).expect("it is there")[place] ^= 1 << (place % 8);
                let what = format!("{form:?}: {name} at {place}");
                let (salvage, saved) = repaired(&damaged, &what);
                let hit = commits.iter().find(|(bytes, _)| bytes.contains(&place));
                let hit: Vec<u64> = hit.map(|&(_, position)| position).into_iter().collect();
                assert_eq!(saved, without(&events, &hit), "{what}");
                check_told(&events, &saved, &salvage, &what);
                assert_eq!(salvage.losses.is_empty(), hit.is_empty(), "{what}: {salvage:?}");
                if let Some(loss) = salvage.losses.first().filter(|_| !hit.is_empty()) {
                    assert_eq!(loss.file, *name, "{what}");
                    assert!((loss.offset as usize) <= place, "{what}: {loss}");
                }
            }
        }
    }
}

#[test]
fn every_flipped_byte_of_compressed_files_costs_whole_commits_only() {
    let (image, events) = sound_store(Form::Compressed);
    let mut whole = 0;
    for (name, bytes) in &image {
        for place in (0..bytes.len()).step_by(STRIDE) {
            let mut damaged = image.clone();
            damaged.get_mut(name).expect("it is there")[place] ^= 1 << (place % 8);
            let what = format!("{name} at {place}");
            let (salvage, saved) = repaired(&damaged, &what);
            check_whole_commits(&events, &saved, &what);
            check_told(&events, &saved, &salvage, &what);
            whole += usize::from(saved.len() == events.len());
            let is_log = name.contains("log");
            assert!(is_log || saved == events, "{what}: only derived files are damaged");
        }
    }
    assert!(whole > 0, "a flip in an index file costs nothing");
}

#[test]
fn without_a_log_file_everything_in_the_others_is_saved() {
    for form in [Form::Closed, Form::Killed, Form::Compressed] {
        let (image, events) = sound_store(form);
        let logs: Vec<&String> = image.keys().filter(|name| name.contains("log")).collect();
        assert!(logs.len() >= 3, "{logs:?}");
        let stat = open(&disk_of(&image)).stat().expect("it is sound");
        for (number, name) in logs.iter().enumerate() {
            let what = format!("{form:?}: without {name}");
            let mut damaged = image.clone();
            damaged.remove(*name);
            let (salvage, saved) = repaired(&damaged, &what);
            let file = &stat.files[number];
            let lost = file.first_position.0..file.first_position.0 + file.events;
            let mut left = events.clone();
            left.retain(|event| !lost.contains(&event.position().0));
            assert_eq!(saved, left, "{what}");
            check_told(&events, &saved, &salvage, &what);
            assert_eq!(salvage.losses.len(), 1, "{what}: {salvage:?}");
            assert!(salvage.losses[0].file.starts_with(&name[..12]), "{what}: {salvage:?}");
        }
    }
}

#[test]
fn two_damages_are_two_losses() {
    let (image, events) = sound_store(Form::Closed);
    let frames: Vec<_> = image
        .iter()
        .filter(|(name, _)| name.contains(".log"))
        .flat_map(|(name, bytes)| commits_in(bytes).into_iter().map(move |found| (name, found)))
        .collect();
    for (first, second) in [(0, 30), (10, 11), (10, 12), (20, 58), (57, 59)] {
        let mut damaged = image.clone();
        for (name, (bytes, _)) in [&frames[first], &frames[second]] {
            damaged.get_mut(*name).expect("it is there")[bytes.start + 60] ^= 1;
        }
        let what = format!("commits {first} and {second}");
        let (salvage, saved) = repaired(&damaged, &what);
        assert_eq!(saved, without(&events, &[frames[first].1.1, frames[second].1.1]), "{what}");
        check_told(&events, &saved, &salvage, &what);
        assert_eq!(salvage.losses.len(), 2, "{what}: {salvage:?}");
    }
}

#[test]
fn a_torn_end_is_no_loss() {
    let (mut image, events) = sound_store(Form::Killed);
    let (name, last) = image
        .iter()
        .filter(|(name, _)| name.contains(".log"))
        .filter_map(|(name, bytes)| Some((name.clone(), commits_in(bytes).pop()?)))
        .next_back()
        .expect("there is a commit");
    // The mark behind it goes too: a batch that was being written when the process was killed.
    image.get_mut(&name).expect("it is there")[last.0.start + 64..].fill(0);
    let (salvage, saved) = repaired(&image, "torn");
    assert_eq!((salvage.losses.len(), salvage.mended.len()), (0, 0), "{salvage:?}");
    assert_eq!(saved, without(&events, &[last.1]));
}

#[test]
fn a_damaged_store_that_was_killed_loses_what_is_damaged_and_no_more() {
    let (mut image, events) = sound_store(Form::Killed);
    let names: Vec<String> = image.keys().filter(|name| name.contains(".log")).cloned().collect();
    let last = commits_in(&image[&names[2]]).pop().expect("there is a commit");
    image.get_mut(&names[2]).expect("it is there")[last.0.start + 64..].fill(0);
    let first = commits_in(&image[&names[0]]).swap_remove(3);
    image.get_mut(&names[0]).expect("it is there")[first.0.start + 90] ^= 2;
    let (salvage, saved) = repaired(&image, "damaged and torn");
    assert_eq!(saved, without(&events, &[first.1, last.1]));
    let positions = (Position(first.1), Position(first.1 + 1));
    assert_eq!(salvage.losses.len(), 1, "{salvage:?}");
    assert_eq!(salvage.losses[0].positions, Some(positions));
}

#[test]
fn without_the_file_format_the_store_is_still_the_same_one() {
    let (mut image, events) = sound_store(Form::Closed);
    let id = open(&disk_of(&image)).stat().expect("it is sound").store_id;
    image.remove("format");
    let to = MemoryDisk::new();
    let salvage = repair_disk(Arc::new(disk_of(&image)), Arc::new(to.clone()));
    let salvage = salvage.expect("a log header has the id");
    assert!(salvage.losses.is_empty(), "{salvage:?}");
    assert_eq!(salvage.mended.len(), 1, "{salvage:?}");
    let store = open(&to);
    assert_eq!(store.stat().expect("it is sound").store_id, id);
    assert_eq!(all(&store, Query::all()), events);
}

#[test]
fn what_is_there_already_is_left_alone() {
    let (image, _) = sound_store(Form::Closed);
    let occupied = disk_of(&image);
    let refused = repair_disk(Arc::new(disk_of(&image)), Arc::new(occupied.clone()));
    let error = refused.expect_err("it is not empty");
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(image_of(&occupied), image);
    let nothing = repair_disk(Arc::new(MemoryDisk::new()), Arc::new(MemoryDisk::new()));
    assert_eq!(nothing.expect_err("there is no store").kind(), ErrorKind::NotFound);
}

#[test]
fn a_store_that_is_being_written_is_not_repaired() {
    let directory = tempfile::tempdir().expect("there is room");
    let (old, new) = (directory.path().join("old"), directory.path().join("new"));
    let store = EmbeddedStore::open(&old).expect("it opens");
    store.append(Append::to("a-1").event(NewEvent::json("Happened", "{}"))).expect("it fits");
    let error = repair(&old, &new).expect_err("somebody writes");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(!new.exists(), "nothing was begun");
    store.close().expect("it closes");
    assert_eq!(repair(&old, &new).expect("nobody writes").events, 1);
    assert_eq!(repair(&old, &new).expect_err("it is there").kind(), ErrorKind::Invalid);
}

/// A write that went astray leaves a whole commit, of an earlier batch, in the place of a later
/// one. A repair once took the log to end there.
#[test]
fn a_copy_of_an_earlier_commit_over_a_later_one_does_not_end_the_log() {
    let (mut image, events) = sound_store(Form::Killed);
    let mut logs = image.iter_mut().filter(|(name, _)| name.contains(".log"));
    let (_, bytes) = logs.next_back().expect("there is a log file");
    let commits = commits_in(bytes);
    assert!(commits.len() > 3, "something stands behind the damage: {commits:?}");
    let (earlier, later) = (commits[0].0.clone(), commits[1].0.start);
    bytes.copy_within(earlier, later);
    let (salvage, saved) = repaired(&image, "a copy of an earlier commit");
    let is_lost = |event: &Recorded| {
        let lost = salvage.losses.iter().filter_map(|loss| loss.positions);
        lost.into_iter().any(|(first, last)| (first..=last).contains(&event.position()))
    };
    assert!(events.iter().all(|event| saved.contains(event) != is_lost(event)), "{salvage:?}");
    assert!(saved.len() >= events.len() - 4, "{salvage:?}");
}

/// A write that went astray into an earlier commit: a copy of the last but one, and of the
/// beginning of the last. A repair once took the log to end in that copy, and lost the last without
/// a word.
#[test]
fn a_copy_of_the_end_within_a_damaged_commit_does_not_end_the_log() {
    let disk = MemoryDisk::new();
    let mut options = options();
    options.log_file_bytes_min = 64 << 10;
    options.log_file_bytes_max = 64 << 10;
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options.clone()).expect("it opens");
    for (letter, bytes) in [("a", 9_000), ("b", 200), ("c", 3_000)] {
        let event = NewEvent::json("Large", letter.repeat(bytes));
        store.append(Append::to("a-1").event(event)).expect("it fits");
    }
    let mut image = image_of(&disk);
    image.remove("spare");
    let (_, bytes) =
        image.iter_mut().find(|(name, _)| name.contains(".log")).expect("there is a log file");
    let commits = commits_in(bytes);
    let [first, last_but_one, last] = &commits[..] else { panic!("{commits:?}") };
    let astray = last_but_one.0.start..last.0.start + 1_000;
    bytes.copy_within(astray, first.0.start + 2_048);
    let (salvage, saved) = repaired(&image, "a copy of the end");
    let positions: Vec<_> = saved.iter().map(|event| event.position().0).collect();
    assert_eq!(positions, [2, 3], "{salvage:?}");
    let losses: Vec<_> = salvage.losses.iter().filter_map(|loss| loss.positions).collect();
    assert_eq!(losses, [(Position(1), Position(1))], "{salvage:?}");

    let damaged = EmbeddedStore::read_only_on(disk_of(&image), SystemClock, options);
    let read = all(&damaged.expect("it opens"), Query::all().after(Position(1)));
    assert!(read == saved, "who reads on behind the damage misses nothing");
}
