//! Checks over whole histories: that replaying, snapshots and handlers do what they must.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{replayed, store_event, through_bytes};
use crate::{Aggregate, Event, Moment, Repository, Snapshots, Store, StreamName};

/// Replaying a history gives the same state whenever and however it is done: from the events as
/// they are, from their bytes, from a store at once, and from a store after each of them.
///
/// # Panics
/// If it does not, with both states.
#[track_caller]
pub fn check_replay<A: Aggregate + Serialize>(events: impl IntoIterator<Item = A::Event>) {
    let events: Vec<_> = events.into_iter().collect();
    let mut direct = A::default();
    for event in &events {
        direct.apply(event);
    }
    let again: A = replayed(events.iter().map(through_bytes));
    assert_same("replayed through bytes", &direct, &again);
    let loaded = load(&Repository::<A>::new(&stored::<A>(&events)));
    assert_same("loaded from a store", &direct, &loaded);
    check_every_version::<A>(&events);
}

/// The state at each version is that of the events up to it, also when it is asked for later.
#[track_caller]
fn check_every_version<A: Aggregate + Serialize>(events: &[A::Event]) {
    let repository = Repository::<A>::new(&stored::<A>(events));
    let mut direct = A::default();
    for (version, event) in (1..).zip(events) {
        direct.apply(event);
        let moment = Moment::Version(version);
        let then = crate::wait(repository.stream_at(&StreamName::of(A::CATEGORY, ID), moment));
        let then =
            then.unwrap_or_else(|error| panic!("version {version} cannot be loaded: {error}"));
        assert_same(&format!("loaded as of version {version}"), &direct, &then);
    }
}

/// A snapshot after any event and the rest of the history give the same state as the whole history.
///
/// # Panics
/// If they do not, with the version of the snapshot and both states.
#[track_caller]
pub fn check_snapshots<A>(events: impl IntoIterator<Item = A::Event>)
where
    A: Aggregate + Serialize + DeserializeOwned,
{
    let events: Vec<_> = events.into_iter().collect();
    let whole: A = replayed(events.iter().map(through_bytes));
    for version in 0..=events.len() {
        let (before, after) = events.split_at(version);
        let early: A = replayed(before.iter().map(through_bytes));
        let json = serde_json::to_vec(&early).expect("the state can be written as JSON");
        let restored = serde_json::from_slice::<A>(&json);
        let mut restored = restored.unwrap_or_else(|error| {
            panic!("the snapshot at version {version} does not come back: {error}")
        });
        for event in after {
            restored.apply(&through_bytes(event));
        }
        assert_same(&format!("from a snapshot at version {version}"), &whole, &restored);
    }
    let repository = Repository::<A>::new(&stored::<A>(&events)).snapshots(Snapshots::every(1));
    for _ in 0..2 {
        assert_same("loaded from a store with snapshots", &whole, &load(&repository));
    }
}

/// Every kind of event of an aggregate is among these, and each changes the state as its check
/// says: called with the event and the state after it.
///
/// # Panics
/// If a kind is missing (deprecated ones too: they are read for ever), or the check does.
#[track_caller]
pub fn check_handlers<A: Aggregate>(
    events: impl IntoIterator<Item = A::Event>,
    check: impl Fn(&A::Event, &A),
) {
    let mut missing: BTreeSet<_> = A::Event::kinds().into_iter().map(|kind| kind.name).collect();
    let mut aggregate = A::default();
    for event in events {
        let event = through_bytes(&event);
        missing.remove(event.kind().name);
        aggregate.apply(&event);
        check(&event, &aggregate);
    }
    assert!(missing.is_empty(), "these kinds were not handled in the check: {missing:?}");
}

#[track_caller]
fn assert_same<A: Serialize>(how: &str, expected: &A, found: &A) {
    let json = |state| serde_json::to_value(state).expect("the state can be written as JSON");
    let (expected, found) = (json(expected), json(found));
    assert!(
        expected == found,
        "{how}, the state is another one\n expected: {expected}\n found:    {found}"
    );
}

const ID: &str = "checked";

/// A store in memory with this history in one stream.
#[track_caller]
fn stored<A: Aggregate>(events: &[A::Event]) -> Store {
    let store = Store::in_memory();
    let stream = StreamName::of(A::CATEGORY, ID);
    for event in events {
        store_event(&store, Some(&stream), event);
    }
    store
}

#[track_caller]
fn load<A: Aggregate>(repository: &Repository<A>) -> A {
    let loaded = crate::wait(repository.load_stream(&StreamName::of(A::CATEGORY, ID)));
    loaded.unwrap_or_else(|error| panic!("the history cannot be loaded: {error}"))
}
