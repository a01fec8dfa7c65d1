//! Read models in memory: a view, and documents as a store of documents would keep them.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::BTreeMap;

use crate::doors::{open_door, quick};
use hitherto::projection::{DocumentProjection, Documents, DocumentsInMemory};
use hitherto::runner::{Ended, State};
use hitherto::{Event, Position, Projector, Recorded, Store, View, wait};

#[derive(Event)]
enum DoorEvent {
    Opened {},
    Closed {},
    Painted {},
}
use DoorEvent::{Closed, Opened, Painted};

#[derive(Default)]
struct OpenDoors(BTreeMap<String, u64>);

impl View for OpenDoors {
    const NAME: &'static str = "open-doors";
    type Event = DoorEvent;

    fn apply(&mut self, event: &Recorded<DoorEvent>) {
        match event.data {
            Opened {} => *self.0.entry(event.stream_id().to_owned()).or_default() += 1,
            Closed {} => drop(self.0.remove(event.stream_id())),
            Painted {} => panic!("wet paint"),
        }
    }
}

#[test]
fn a_view_in_several_partitions_has_seen_each_event_once() {
    let store = Store::in_memory();
    for turn in 0..300 {
        open_door(&store, turn % 7, "Opened");
    }
    let doors = Projector::view(&store, OpenDoors::default()).partitions(4).batch(10);
    let doors = wait(doors.into_future()).unwrap();
    let last = open_door(&store, 3, "Closed");
    wait(doors.reached(last)).unwrap();
    let (open, opened) = doors.read(|doors| (doors.0.len(), doors.0.values().sum::<u64>()));
    assert_eq!((open, opened), (6, 300 - 43));
    let status = store.monitor().statuses().remove(0);
    assert_eq!((status.name.as_str(), status.handled, status.partitions), ("open-doors", 301, 4));
}

#[test]
fn a_view_that_panics_ends_and_says_so_because_it_cannot_be_trusted() {
    let store = Store::in_memory();
    open_door(&store, 1, "Painted");
    let doors = wait(Projector::view(&store, OpenDoors::default()).into_future()).unwrap();
    let error = wait(doors.reached(Position(1))).unwrap_err();
    assert!(error.to_string().contains("the view panicked at event 1"), "{error}");
    assert!(matches!(doors.status().state, State::Ended(Ended::Failed(_))));
}

struct Doors;

impl DocumentProjection for Doors {
    const NAME: &'static str = "doors";
    type Event = DoorEvent;

    fn project(&self, event: &Recorded<DoorEvent>, documents: &mut Documents) {
        let door = event.stream_id();
        match event.data {
            Opened {} => documents.put("doors", door, &[("open", true)]),
            Closed {} => documents.set("doors", door, "open", &false),
            Painted {} if door == "5" => documents.delete("doors", door),
            Painted {} if door == "6" => documents.refuse("this door is not painted"),
            Painted {} => documents.merge("doors", door, &BTreeMap::from([("colour", "red")])),
        }
    }
}

#[test]
fn documents_are_put_merged_and_deleted() {
    let store = Store::in_memory();
    for (door, kind) in [
        (1, "Closed"),
        (1, "Painted"),
        (5, "Closed"),
        (5, "Painted"),
        (6, "Painted"),
        (6, "Closed"),
        (7, "Closed"),
    ] {
        open_door(&store, door, kind);
    }
    let place = DocumentsInMemory::default();
    let doors = Projector::start(&store, place.clone(), Doors).settings(quick()).partitions(2);
    let doors = wait(doors.into_future()).unwrap();
    let status = wait(doors.catch_up()).unwrap();
    assert_eq!(status.parked, 2, "{:?}", doors.parked());
    let told = place.all("doors").into_iter().map(|(id, document)| format!("{id} {document}"));
    let expected = [r#"1 {"colour":"red","open":false}"#, r#"7 {"open":false}"#];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert!(place.get("doors", "5").is_none());
}
