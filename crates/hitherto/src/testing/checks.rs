//! Checks over whole histories: that replaying, snapshots and handlers do what they must.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{replayed, through_bytes};
use crate::event::as_stored;
use crate::{Aggregate, Append, Event, EventId, Repository, Snapshots, Store, StreamName};

/// Replaying a history gives the same state at once and in steps, from the events as they are and
/// as they come back from a store.
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
    for event in events {
        let new = as_stored(event, EventId::new()).expect("what happened can be stored");
        let append = Append::to(StreamName::of(A::CATEGORY, ID)).event(new);
        crate::wait(store.append(append)).expect("memory takes it");
    }
    store
}

#[track_caller]
fn load<A: Aggregate>(repository: &Repository<A>) -> A {
    crate::wait(repository.load_stream(&StreamName::of(A::CATEGORY, ID))).expect("it can be loaded")
}
