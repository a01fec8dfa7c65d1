//! Whoever listens to `tracing` hears of each commit of a follower, with the story of its events.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#[path = "stories/doors/mod.rs"]
mod doors;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use doors::quick;
use hitherto::checkpoints::Checkpoints;
use hitherto::projection::Definition;
use hitherto::runner::{Settings, follow};
use hitherto::{Append, Error, EventId, NewEvent, Query, Store, StoredEvent, wait};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes down what it hears of followers, a line each.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("hitherto::runner")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut line = Line(attributes.metadata().name().to_owned());
        attributes.record(&mut line);
        self.0.lock().unwrap().push(line.0);
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_commit_is_told_with_its_place_and_its_story() {
    let listener = Listener::default();
    tracing::subscriber::set_global_default(listener.clone()).unwrap();
    let store = Store::in_memory();
    let [tale, cause] = [7, 8].map(EventId::from_u128);
    let append = |event: NewEvent| wait(store.append(Append::to("door-1").event(event))).unwrap();
    let event = |kind: &'static str| NewEvent::json(kind, "{}");
    append(event("Opened").correlation(tale).causation(cause));
    append(event("Jammed").id(EventId::from_u128(9)));
    let target = Checkpoints::in_memory().of("doors", |event: &StoredEvent| match event.kind() {
        "Jammed" => Err(Error::invalid("it is jammed")),
        _ => Ok(()),
    });
    let definition = Definition::new("doors", 3, Query::all());
    let settings = Settings { batch: 1, ..quick() };
    let follower = follow(&store, definition, target.unwrap(), settings).unwrap();
    wait(follower.catch_up()).unwrap();
    drop(follower);
    let heard = listener.0.lock().unwrap().clone();
    let commit = "commit follower=\"doors\" version=3 partition=0";
    let id = |number: u128| EventId::from_u128(number).to_string();
    let expected = [
        format!(
            "{commit} events=1 first=1 up_to=1 parked=0 released=0 correlation={} causation={}",
            id(7),
            id(8)
        ),
        format!("{commit} events=1 first=2 up_to=2 parked=0 released=0 correlation={}", id(9)),
        format!("{commit} events=0 up_to=2 parked=1 released=0"),
    ];
    for line in &expected {
        assert!(heard.contains(line), "{line} is missing in {heard:#?}");
    }
    let failed = "WARN message=failed follower=\"doors\" version=3 partition=0 error=\"event 2: it is jammed\"";
    assert!(heard.iter().any(|line| line == failed), "{heard:#?}");
}
