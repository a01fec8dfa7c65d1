//! Policies, truncation, deletion and tombstones: what they remove is hidden from every read as
//! soon as they return, positions and versions stay, and they hold after a restart.

use crate::common::kept;

use std::time::Duration;

use hitherto_store::{
    Append, Before, ErrorKind, EventStore, ExpectedVersion, Keep, NewEvent, Position, Query,
    Removed, Target,
};
use kept::Kept;

fn stream() -> Target {
    Target::stream("note-1")
}

#[test]
fn a_truncated_stream_begins_where_it_was_told() {
    let mut kept = Kept::new();
    let first = kept.note("note-1", "Noted", 3).first_position;
    kept.note("note-2", "Noted", 2);
    kept.note("note-1", "Noted", 2);
    let gone = kept.read(Query::all()).remove(0);
    let digest = kept.store.digest(Position(7)).expect("it is there");
    kept.store.truncate(stream(), Before::Version(4)).expect("it has so many");
    for _ in 0..2 {
        assert_eq!(kept.versions("note-1"), [4, 5]);
        assert_eq!(kept.read(Query::category("note")).len(), 4);
        assert_eq!(kept.read(Query::of_kinds(["Noted"]).backward()).len(), 4);
        let all = kept.read(Query::all());
        let positions: Vec<u64> = all.iter().map(|event| event.position().0).collect();
        assert_eq!(positions, [4, 5, 6, 7, 8], "the fact itself stands at 8");
        let newest = kept.read(Query::stream("note-1").backward().limit(5));
        assert_eq!(newest.len(), 2);
        assert_eq!(kept.store.find(gone.id()).wait().expect("it can be looked for"), None);
        let removed = Some(Removed { up_to_version: 3, deleted_at_version: None });
        assert_eq!(kept.store.removed("note-1").expect("it is open"), removed);
        assert_eq!(kept.store.removed("note-2").expect("it is open"), None);
        assert_eq!(kept.store.digest(Position(7)).expect("it is there"), digest);
        kept.reopen();
    }
    let saved = kept.note("note-1", "Noted", 1);
    assert_eq!(saved.version, 6, "versions go on");
    assert_eq!(first, Position(1));
}

#[test]
fn a_deleted_stream_is_gone_and_goes_on_with_the_next_version() {
    let mut kept = Kept::new();
    kept.note("note-1", "Noted", 3);
    kept.note("other-1", "Noted", 1);
    kept.store.delete(stream()).expect("it is there");
    assert_eq!(kept.versions("note-1"), []);
    let streams = kept.store.streams(None).expect("it is open");
    let names: Vec<_> = streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["$retention", "other-1"]);
    let new = Append::to("note-1").expect(ExpectedVersion::NoStream);
    let refused =
        kept.store.append(new.event(NewEvent::json("Noted", "{}"))).expect_err("it is at 3");
    assert_eq!(refused.kind(), ErrorKind::Conflict, "expected versions are true versions");
    assert_eq!(kept.note("note-1", "Noted", 1).version, 4);
    kept.reopen();
    assert_eq!(kept.versions("note-1"), [4]);
    let removed = Removed { up_to_version: 3, deleted_at_version: Some(3) };
    assert_eq!(kept.store.removed("note-1").expect("it is open"), Some(removed));
}

#[test]
fn a_tombstoned_stream_takes_nothing_ever_again_but_knows_its_repeats() {
    let mut kept = Kept::new();
    let append = Append::to("note-1").event(NewEvent::json("Noted", "{}"));
    let saved = kept.store.append(append.clone()).expect("it fits");
    kept.note("note-2", "Noted", 1);
    let at = kept.store.tombstone(stream()).expect("it is there");
    for _ in 0..2 {
        assert_eq!(kept.versions("note-1"), []);
        let both = Append::to("note-2")
            .event(NewEvent::json("Noted", "{}"))
            .and(Append::to("note-1").event(NewEvent::json("Noted", "{}")));
        let refused = kept.store.append(both).expect_err("one of the streams is tombstoned");
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        let named = format!("note-1 was tombstoned at position {at}");
        assert!(refused.to_string().contains(&named), "{refused}");
        let repeated = kept.store.append(append.clone()).expect("it was stored before");
        assert!(repeated.repeated);
        assert_eq!(repeated.position, saved.position);
        kept.reopen();
    }
    kept.store.tombstone(Target::category("note")).expect("it is there");
    let late = Append::to("note-9").event(NewEvent::json("Noted", "{}"));
    assert_eq!(kept.store.append(late).expect_err("the category is").kind(), ErrorKind::Invalid);
}

#[test]
fn only_the_newest_and_the_youngest_are_kept() {
    let mut kept = Kept::new();
    kept.store.keep(Target::category("note"), Keep::max_count(2)).expect("it can be");
    let age = Keep::max_age(Duration::from_mins(1));
    kept.store.keep(Target::category("session"), age).expect("it can be");
    for _ in 0..5 {
        kept.note("note-1", "Noted", 1);
        kept.note("note-2", "Noted", 2);
        kept.note("session-1", "Seen", 1);
        kept.clock.jump(20);
    }
    for _ in 0..2 {
        assert_eq!(kept.versions("note-1"), [4, 5]);
        assert_eq!(kept.versions("note-2"), [9, 10]);
        // 100 seconds have passed; those of 80 and 100 seconds ago are too old.
        assert_eq!(kept.versions("session-1"), [3, 4, 5]);
        kept.reopen();
    }
    kept.store.keep(stream(), Keep::max_count(1)).expect("it can be");
    assert_eq!(kept.versions("note-1"), [5], "the stricter counts");
    kept.store.keep(stream(), Keep::everything()).expect("it can be");
    kept.store.keep(Target::category("note"), Keep::everything()).expect("it can be");
    assert_eq!(kept.versions("note-1"), [5], "what is removed stays removed");
    kept.note("note-1", "Noted", 3);
    assert_eq!(kept.versions("note-1"), [5, 6, 7, 8]);
    kept.clock.jump(-1_000);
    assert_eq!(kept.versions("session-1").len(), 5 - 2, "no longer ago than the last fact");
}

#[test]
fn a_follower_is_given_what_is_left() {
    let kept = Kept::new();
    kept.note("note-1", "Noted", 4);
    kept.store.truncate(stream(), Before::Version(4)).expect("it has so many");
    let follower = kept.store.follow(Query::category("note"));
    kept.note("note-1", "Noted", 1);
    let versions: Vec<u64> =
        follower.take(2).map(|event| event.expect("it is open").version()).collect();
    assert_eq!(versions, [4, 5]);
    // One that had begun before is told nothing that was removed meanwhile.
    let mut follower = kept.store.follow(Query::category("note"));
    assert_eq!(follower.next().expect("there is one").expect("it is open").version(), 4);
    kept.note("note-1", "Noted", 1);
    kept.store.delete(stream()).expect("it is there");
    kept.note("note-1", "Noted", 1);
    let rest: Vec<u64> = follower.take(2).map(|event| event.expect("open").version()).collect();
    assert_eq!(rest, [5, 7], "5 had been there when it looked last");
}

#[test]
fn a_condition_is_judged_on_what_a_reader_would_see() {
    let kept = Kept::new();
    kept.note("note-1", "Noted", 3);
    let decide = || {
        let noted = Query::of_kinds(["Noted"]);
        let append = Append::without_stream().event(NewEvent::json("Decided", "{}"));
        kept.store.append(append.unless(noted, Position::START))
    };
    assert_eq!(decide().expect_err("they are there").kind(), ErrorKind::Conflict);
    kept.store.truncate(stream(), Before::Version(3)).expect("it has so many");
    assert_eq!(decide().expect_err("one is there").kind(), ErrorKind::Conflict);
    kept.store.delete(stream()).expect("it is there");
    decide().expect("nobody can see one any more");
}

#[test]
fn a_reader_in_another_process_follows_the_rules() {
    let kept = Kept::new();
    kept.note("note-1", "Noted", 3);
    let (disk, clock) = (kept.disk.clone(), kept.clock.clone());
    let beside = hitherto_store::EmbeddedStore::read_only_on(disk, clock, kept::options());
    let beside = beside.expect("it opens");
    assert_eq!(beside.read(Query::stream("note-1")).count(), 3);
    kept.store.truncate(stream(), Before::Version(3)).expect("it has so many");
    assert_eq!(beside.read(Query::stream("note-1")).count(), 1);
    assert_eq!(beside.policies().expect("it is open"), kept.store.policies().expect("it is open"));
    let refused = beside.delete(stream()).expect_err("it is read-only");
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}

#[test]
fn bad_input_is_named_and_changes_nothing() {
    let kept = Kept::new();
    kept.note("note-1", "Noted", 3);
    let before = kept.store.head().wait().expect("it is open");
    let unknown = Target::stream("note-7");
    let keep = Keep::max_count(1);
    let refused = [
        (kept.store.delete(unknown.clone()), "no event was ever appended to stream note-7"),
        (kept.store.truncate(unknown, Before::Version(1)), "stream note-7"),
        (kept.store.truncate(stream(), Before::Version(5)), "at most 4"),
        (kept.store.truncate(stream(), Before::Position(Position(9))), "at most 4"),
        (kept.store.truncate(Target::category("note"), Before::Version(2)), "within one stream"),
        (kept.store.keep(stream(), Keep::max_count(0)), "keep nothing"),
        (kept.store.keep(stream(), Keep::max_age(Duration::from_millis(9))), "keep nothing"),
        (kept.store.keep(Target::category("a-1"), keep), "no category"),
        (kept.store.keep(Target::stream("$retention"), keep), "the store's own"),
        (kept.store.keep(Target::category(""), keep), "empty"),
        (kept.store.release(hitherto_store::Hold::Kind("Noted".to_owned())), "not on hold"),
    ];
    for (answer, named) in refused {
        let error = answer.expect_err(named);
        assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound), "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
    let ours = Append::to("$retention").event(NewEvent::json("$Deleted", "stream note-1"));
    assert_eq!(kept.store.append(ours).expect_err("it is ours").kind(), ErrorKind::Invalid);
    assert_eq!(kept.store.head().wait().expect("it is open"), before, "nothing was written");
    assert_eq!(kept.versions("note-1"), [1, 2, 3]);
}
