//! A poison event does not stop the others: it is parked with its key, shown, retried or skipped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::doors::{open_door, quick};
use hitherto::checkpoints::Checkpoints;
use hitherto::projection::Definition;
use hitherto::runner::{Ended, Follower, OnFailure, Retry, Settings, State, follow};
use hitherto::{Error, Position, Query, Store, StoredEvent, wait};

/// Notes every event that it reacts to; refuses events of a kind until it is mended.
#[derive(Clone, Default)]
struct Notes {
    seen: Arc<Mutex<Vec<String>>>,
    is_mended: Arc<AtomicBool>,
}

impl Notes {
    fn follow(&self, store: &Store, settings: Settings) -> Follower {
        let notes = self.clone();
        let target = Checkpoints::in_memory().of("notes", move |event: &StoredEvent| {
            if event.kind() == "Jammed" && !notes.is_mended.load(Ordering::SeqCst) {
                return Err(Error::invalid("the door is jammed"));
            }
            assert_ne!(event.kind(), "Exploded", "the door is gone");
            notes.seen.lock().unwrap().push(format!("{} {}", event.stream_id(), event.kind()));
            Ok(())
        });
        let definition = Definition::new("notes", 1, Query::all());
        follow(store, definition, target.unwrap(), settings).unwrap()
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

/// Events 1 to 5: door 1 is jammed in between, door 2 is not.
fn jammed_door() -> Store {
    let store = Store::in_memory();
    for (door, kind) in [(1, "Opened"), (1, "Jammed"), (2, "Opened"), (1, "Closed"), (2, "Closed")]
    {
        open_door(&store, door, kind);
    }
    store
}

#[test]
fn what_follows_with_the_same_key_waits_and_other_keys_go_on() {
    let (store, notes) = (jammed_door(), Notes::default());
    let follower = notes.follow(&store, quick());
    wait(follower.reached(Position(5))).unwrap();
    assert_eq!(notes.seen(), ["1 Opened", "2 Opened", "2 Closed"]);

    let parked = follower.parked().unwrap();
    let told = parked.iter().map(|p| (p.position.0, p.key.as_str(), p.kind.as_str(), p.attempts));
    assert_eq!(told.collect::<Vec<_>>(), [(2, "door-1", "Jammed", 2), (4, "door-1", "Closed", 0)]);
    assert_eq!(parked[0].error, "the door is jammed");
    assert_eq!(parked[1].error, "waits behind event 2 of the same key");
    let status = follower.status();
    assert_eq!((status.state, status.position, status.parked), (State::Live, Position(5), 2));
    assert_eq!((status.handled, status.errors), (3, 2));
}

#[test]
fn a_retry_handles_it_and_what_waits_behind_it_in_order() {
    let (store, notes) = (jammed_door(), Notes::default());
    let follower = notes.follow(&store, quick());
    wait(follower.reached(Position(5))).unwrap();
    notes.seen();

    wait(follower.retry(Position(2))).unwrap();
    let parked = follower.parked().unwrap();
    assert_eq!((parked.len(), parked[0].attempts, parked[0].order), (2, 3, None), "still jammed");

    notes.is_mended.store(true, Ordering::SeqCst);
    wait(follower.retry(Position(2))).unwrap();
    assert_eq!(notes.seen(), ["1 Jammed", "1 Closed"]);
    assert_eq!(follower.parked().unwrap(), []);

    open_door(&store, 1, "Opened");
    wait(follower.reached(Position(6))).unwrap();
    assert_eq!(notes.seen(), ["1 Opened"], "the key is free again");
}

#[test]
fn a_skip_lets_it_go_and_goes_on_behind_it() {
    let (store, notes) = (jammed_door(), Notes::default());
    let follower = notes.follow(&store, quick());
    wait(follower.reached(Position(5))).unwrap();
    notes.seen();
    wait(follower.skip(Position(2))).unwrap();
    assert_eq!(notes.seen(), ["1 Closed"]);
    assert_eq!(follower.parked().unwrap(), []);
    let error = wait(follower.skip(Position(2))).unwrap_err();
    assert!(error.to_string().contains("nothing is parked at position 2"), "{error}");
}

#[test]
fn a_panic_is_a_failure_of_the_event() {
    let (store, notes) = (Store::in_memory(), Notes::default());
    open_door(&store, 1, "Exploded");
    open_door(&store, 2, "Opened");
    let follower = notes.follow(&store, quick());
    wait(follower.reached(Position(2))).unwrap();
    assert_eq!(notes.seen(), ["2 Opened"]);
    assert!(follower.parked().unwrap()[0].error.contains("the door is gone"));
}

#[test]
fn where_order_across_keys_matters_it_stops_before_the_event() {
    let (store, notes) = (jammed_door(), Notes::default());
    let settings = Settings { on_failure: OnFailure::Stop, ..quick() };
    let follower = notes.follow(&store, settings);
    let error = wait(follower.reached(Position(5))).unwrap_err();
    assert!(error.to_string().contains("event 2 (Jammed, door-1): the door is jammed"), "{error}");
    assert!(matches!(wait(follower.ended()), Ended::Failed(_)));
    assert_eq!(notes.seen(), ["1 Opened"]);
    assert_eq!(follower.status().position, Position(1));
}

#[test]
fn what_is_not_the_events_fault_is_tried_until_it_works_and_nothing_is_parked() {
    let store = jammed_door();
    let failures = Arc::new(Mutex::new(7));
    let left = Arc::clone(&failures);
    let target = Checkpoints::in_memory().of("mails", move |_: &StoredEvent| {
        let mut left = left.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Err(Error::unavailable("the mail server does not answer"));
        }
        Ok(())
    });
    let definition = Definition::new("mails", 1, Query::all());
    let settings = Settings { retry: Retry { attempts: 1, ..quick().retry }, ..quick() };
    let follower = follow(&store, definition, target.unwrap(), settings).unwrap();
    wait(follower.reached(Position(5))).unwrap();
    let status = follower.status();
    assert_eq!((status.handled, status.errors, status.parked), (5, 7, 0));
    assert_eq!(status.last_error.as_deref(), Some("the mail server does not answer"));
}

#[test]
fn an_effect_before_the_one_that_waits_is_not_had_again() {
    let store = jammed_door();
    let (sent, failures) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(3)));
    let (log, left) = (Arc::clone(&sent), Arc::clone(&failures));
    let target = Checkpoints::in_memory().of("mails", move |event: &StoredEvent| {
        if event.position() == Position(3) && *left.lock().unwrap() > 0 {
            *left.lock().unwrap() -= 1;
            return Err(Error::unavailable("the mail server does not answer"));
        }
        log.lock().unwrap().push(event.position().0);
        Ok(())
    });
    let definition = Definition::new("mails", 1, Query::all());
    let follower = follow(&store, definition, target.unwrap(), quick()).unwrap();
    wait(follower.reached(Position(5))).unwrap();
    assert_eq!(*sent.lock().unwrap(), [1, 2, 3, 4, 5]);
    assert_eq!((follower.status().handled, follower.status().errors), (5, 3));
}
