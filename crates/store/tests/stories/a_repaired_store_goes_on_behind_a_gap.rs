//! Behind what a repair could not save a store goes on like any other: versions count on, every
//! query finds what is left on both sides, and no index hides the gap.

use std::sync::Arc;

use hitherto_store::{
    Append, Disk, EmbeddedStore, ErrorKind, EventStore, ExpectedVersion, MemoryDisk, NewEvent,
    Options, Position, Query, Recorded, Salvage, SystemClock, Tag, repair_disk, verify_disk,
};

use crate::common::image::{all, disk_of, image_of};

const EVENTS: u64 = 1_500;
/// Streams that take turns: the version of an event follows from its position.
const STREAMS: u64 = 5;

fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 8 << 10;
    options.log_file_bytes_max = 8 << 10;
    options
}

fn open(disk: &MemoryDisk) -> EmbeddedStore {
    EmbeddedStore::on(disk.clone(), SystemClock, options()).expect("it opens")
}

fn stream_of(position: u64) -> String {
    format!("turn-{}", position % STREAMS)
}

fn event(position: u64) -> NewEvent {
    let kind = if position.is_multiple_of(2) { "Even" } else { "Odd" };
    NewEvent::json(kind, format!("{{\"at\":{position}}}")).tag(Tag::new("seventh", position % 7))
}

/// A store that lost a log file in the middle, repaired, and what is left of it.
struct Repaired {
    disk: MemoryDisk,
    salvage: Salvage,
    lost: std::ops::RangeInclusive<u64>,
    left: Vec<Recorded>,
    all: Vec<Recorded>,
}

fn repaired_store() -> Repaired {
    let disk = MemoryDisk::new();
    let store = open(&disk);
    for position in 1..=EVENTS {
        store.append(Append::to(stream_of(position)).event(event(position))).expect("it fits");
    }
    let events = all(&store, Query::all());
    let files = store.stat().expect("it is sound").files;
    store.close().expect("it closes");
    let middle = &files[files.len() / 2];
    let first = middle.first_position.0;
    let lost = first..=first + middle.events - 1;
    let mut image = image_of(&disk);
    image.remove(&middle.name).expect("it is there");
    let to = MemoryDisk::new();
    let salvage = repair_disk(Arc::new(disk_of(&image)), Arc::new(to.clone()));
    let salvage = salvage.expect("the rest is whole");
    let is_left = |event: &&Recorded| !lost.contains(&event.position().0);
    let left = events.iter().filter(is_left).cloned().collect();
    Repaired { disk: to, salvage, lost, left, all: events }
}

fn matching(events: &[Recorded], is_match: impl Fn(&Recorded) -> bool) -> Vec<Recorded> {
    events.iter().filter(|event| is_match(event)).cloned().collect()
}

fn version(store: &EmbeddedStore, stream: &str) -> u64 {
    all(store, Query::stream(stream).backward().limit(1)).first().map_or(0, Recorded::version)
}

#[test]
fn it_says_which_versions_of_which_streams_are_gone() {
    let Repaired { salvage, lost, all, .. } = repaired_store();
    assert_eq!(salvage.losses.len(), 1);
    let positions = (Position(*lost.start()), Position(*lost.end()));
    assert_eq!(salvage.losses[0].positions, Some(positions));
    assert_eq!(salvage.lost_versions.len() as u64, STREAMS);
    for gap in &salvage.lost_versions {
        let of_stream = matching(&all, |event| event.stream() == Some(&gap.stream));
        let gone = matching(&of_stream, |event| lost.contains(&event.position().0));
        assert_eq!(gap.first, gone.first().expect("some are gone").version());
        assert_eq!(gap.last, gone.last().expect("some are gone").version());
        let position_of = |version: u64| of_stream[version as usize - 1].position();
        assert_eq!(gap.after, position_of(gap.first - 1));
        assert_eq!(gap.before, position_of(gap.last + 1));
    }
}

#[test]
fn every_query_finds_what_is_left_on_both_sides() {
    let Repaired { disk, lost, left, all: before, .. } = repaired_store();
    let store = open(&disk);
    let gone = &before[*lost.start() as usize];
    let (gone_version, gone_time) = (gone.version(), gone.recorded_at());
    let stream = gone.stream().expect("it has one").to_owned();
    let is_of_stream = |event: &Recorded| event.stream() == Some(stream.as_str());
    let of_stream = || Query::stream(stream.as_str());
    assert_eq!(all(&store, of_stream()), matching(&left, is_of_stream));
    for version in [1, gone_version - STREAMS, gone_version, gone_version + 3, EVENTS] {
        let after = |event: &Recorded| is_of_stream(event) && event.version() > version;
        assert_eq!(all(&store, of_stream().after_version(version)), matching(&left, after));
        let up_to = |event: &Recorded| is_of_stream(event) && event.version() <= version;
        assert_eq!(all(&store, of_stream().up_to_version(version)), matching(&left, up_to));
        let mut backward = all(&store, of_stream().after_version(version).backward());
        backward.reverse();
        assert_eq!(backward, matching(&left, after));
    }
    let is_even = |event: &Recorded| event.kind() == "Even";
    assert_eq!(all(&store, Query::of_kinds(["Even"])), matching(&left, is_even));
    let is_tagged = |event: &Recorded| event.tags().any(|tag| tag == "seventh:3");
    assert_eq!(all(&store, Query::tag("seventh", 3)), matching(&left, is_tagged));
    for after in [*lost.start() - 2, *lost.start(), *lost.end(), EVENTS] {
        let is_after = |event: &Recorded| event.position().0 > after;
        assert_eq!(all(&store, Query::all().after(Position(after))), matching(&left, is_after));
        let is_before = |event: &Recorded| event.position().0 <= after;
        let up_to = Query::all().up_to(Position(after));
        assert_eq!(all(&store, up_to), matching(&left, is_before));
    }
    let is_later = |event: &Recorded| event.recorded_at() >= gone_time;
    assert_eq!(all(&store, Query::all().since(gone_time)), matching(&left, is_later));
    let is_earlier = |event: &Recorded| event.recorded_at() <= gone_time;
    assert_eq!(all(&store, Query::all().until(gone_time)), matching(&left, is_earlier));
    for event in &before {
        let found = store.find(event.id()).wait().expect("nothing is damaged");
        let is_lost = lost.contains(&event.position().0);
        assert_eq!(found, (!is_lost).then(|| event.clone()));
    }
}

#[test]
fn expectations_conditions_and_repeats_hold() {
    let Repaired { disk, lost, all: before, .. } = repaired_store();
    let store = open(&disk);
    let last = EVENTS / STREAMS;
    let to = |version| Append::to("turn-1").expect(ExpectedVersion::Exact(version));
    let late = store.append(to(last - 1).event(event(1)));
    assert_eq!(late.expect_err("it is behind").kind(), ErrorKind::Conflict);
    let saved = store.append(to(last).event(event(1))).expect("it is where it was");
    assert_eq!((saved.version, saved.position), (last + 1, Position(EVENTS + 1)));
    let nothing_of =
        |query: Query, after| Append::to("other-1").unless(query, after).event(event(2));
    let refused = store.append(nothing_of(Query::of_kinds(["Even"]), Position(*lost.start())));
    assert_eq!(refused.expect_err("there are many behind").kind(), ErrorKind::Conflict);
    let held = nothing_of(Query::tag("no", "such"), Position(*lost.start()));
    store.append(held).expect("there is none");
    let repeat = |number: u64| {
        let old = &before[number as usize - 1];
        let mut again = event(number);
        again.id = old.id();
        store.append(Append::to(stream_of(number)).event(again)).expect("it fits")
    };
    let kept = repeat(3);
    assert!(kept.repeated && kept.position == Position(3));
    let gone = repeat(*lost.start());
    assert!(!gone.repeated, "nobody knows any more that it was stored");
    assert_eq!(gone.position, Position(EVENTS + 3));
}

#[test]
fn indexes_are_merged_on_both_sides_and_never_across() {
    let Repaired { disk, lost, left, .. } = repaired_store();
    let mut position = EVENTS;
    for _ in 0..3 {
        let store = open(&disk);
        for _ in 0..200 {
            position += 1;
            let saved = store.append(Append::to(stream_of(position)).event(event(position)));
            let expected = (Position(position), position.div_ceil(STREAMS));
            let saved = saved.expect("it fits");
            assert_eq!((saved.position, saved.version), expected);
        }
        store.close().expect("it closes");
    }
    let store = open(&disk);
    let stat = store.stat().expect("it is sound");
    assert!(stat.indexes.len() * 2 < stat.files.len(), "they were merged: {:?}", stat.indexes);
    for index in &stat.indexes {
        let (first, last) = index.name.trim_end_matches(".idx").split_once('-').expect("a range");
        let first: u64 = first.parse().expect("a number");
        let last: u64 = last.parse().expect("a number");
        assert!(last < *lost.start() || first > *lost.end(), "{} spans the gap", index.name);
    }
    assert!(all(&store, Query::all()).starts_with(&left));
    store.compress().expect("there is room");
    store.close().expect("it closes");
    for removed in ["", ".idx"] {
        let names = disk.list().expect("it can be listed");
        for name in names.iter().filter(|name| !removed.is_empty() && name.ends_with(removed)) {
            disk.remove(name).expect("it is there");
        }
        let store = open(&disk);
        for stream in 0..STREAMS {
            assert_eq!(version(&store, &format!("turn-{stream}")), position / STREAMS);
        }
        store.close().expect("it closes");
        let report = verify_disk(Arc::new(disk.clone())).expect("it can be read");
        assert_eq!((report.damages.len(), report.accepted_losses.len()), (0, 1), "{report:?}");
        assert_eq!(report.events, position - (lost.end() - lost.start() + 1));
    }
}

#[test]
fn a_follower_steps_over_the_gap_and_goes_on() {
    let Repaired { disk, left, .. } = repaired_store();
    let store = open(&disk);
    let mut followed = store.follow(Query::all());
    let next = |events: &mut hitherto_store::Events| events.next().expect("it goes on");
    for event in &left {
        assert_eq!(next(&mut followed).expect("nothing is damaged"), *event);
    }
    let saved = store.append(Append::to("turn-1").event(event(1))).expect("it fits");
    assert_eq!(next(&mut followed).expect("it is there").position(), saved.position);
    let read_only = EmbeddedStore::read_only_on(disk, SystemClock, options()).expect("it opens");
    assert_eq!(all(&read_only, Query::all()).len(), left.len() + 1);
}

/// Where the end is gone, nobody knows how much it was: that stays written down.
#[test]
fn a_lost_end_stays_known() {
    let disk = MemoryDisk::new();
    let store = open(&disk);
    for position in 1..=100 {
        store.append(Append::to(stream_of(position)).event(event(position))).expect("it fits");
    }
    let stat = store.stat().expect("it is sound");
    store.close().expect("it closes");
    let last = stat.files.last().expect("there is one");
    let mut image = image_of(&disk);
    image.remove(&last.name).expect("it is there");
    image.retain(|name, _| !name.contains(".idx"));
    let to = MemoryDisk::new();
    let salvage = repair_disk(Arc::new(disk_of(&image)), Arc::new(to.clone()));
    let salvage = salvage.expect("the rest is whole");
    let from = last.first_position;
    assert_eq!(salvage.losses[0].positions, Some((from, Position(u64::MAX))));
    let store = open(&to);
    let saved = store.append(Append::to("turn-1").event(event(1))).expect("it fits");
    assert_eq!(saved.position, from);
    store.close().expect("it closes");
    let report = verify_disk(Arc::new(to)).expect("it can be read");
    assert_eq!(report.damages, []);
    assert!(report.accepted_losses[0].is_open_ended, "{report:?}");
}

/// A store that is killed before it wrote anything behind a gap has a file without an event there.
/// Index files behind such a file once would not have been found.
#[test]
fn a_gap_at_the_end_is_still_known_when_much_came_behind_it() {
    let disk = MemoryDisk::new();
    let store = open(&disk);
    for position in 1..=300 {
        store.append(Append::to(stream_of(position)).event(event(position))).expect("it fits");
    }
    let stat = store.stat().expect("it is sound");
    store.close().expect("it closes");
    let mut image = image_of(&disk);
    let last = stat.files.last().expect("there is one");
    image.remove(&last.name).expect("it is there");
    let to = MemoryDisk::new();
    let salvage = repair_disk(Arc::new(disk_of(&image)), Arc::new(to.clone()));
    let head = salvage.expect("the rest is whole").head;
    assert_eq!(head, Position(300), "the index file knows of the events that are lost");
    for _ in 0..2 {
        let store = open(&to);
        for position in 1..=300 {
            store.append(Append::to(stream_of(position)).event(event(position))).expect("it fits");
        }
        store.close().expect("it closes");
    }
    let store = open(&to);
    let stat = store.stat().expect("it is sound");
    let indexed: u64 = stat.indexes.iter().map(|index| index.events).sum();
    assert!(indexed > 600, "index files behind the gap are used: {:?}", stat.indexes);
    let events = all(&store, Query::all());
    assert_eq!(events.len() as u64, last.first_position.0 - 1 + 600);
    let first_behind = last.first_position.0 as usize - 1;
    assert_eq!(events[first_behind].position(), Position(301));
    let report = verify_disk(Arc::new(to)).expect("it can be read");
    assert_eq!(report.damages, []);
    let positions = (last.first_position, Position(300));
    assert_eq!(report.accepted_losses[0].positions, Some(positions));
}
