//! Whoever listens to `tracing` hears of each command: its name, key and story, and its outcome.

#[path = "stories/common/mod.rs"]
mod common;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use common::teller::{deposit, teller, withdraw};
use hitherto::{EventId, Store, wait};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes down what it hears, a line each.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Listener {
    fn hear(&self, metadata: &Metadata<'_>, visit: impl FnOnce(&mut Line)) {
        let mut line = Line(format!("{}", metadata.level()));
        visit(&mut line);
        self.0.lock().expect("nobody panicked").push(line.0);
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("hitherto::command")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        self.hear(attributes.metadata(), |line| attributes.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.hear(event.metadata(), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn a_command_is_told_with_its_key_its_story_and_its_outcome() {
    let (commands, _) = teller(&Store::in_memory());
    let listener = Listener::default();
    let story = EventId::from_u128(7);
    tracing::subscriber::with_default(listener.clone(), || {
        wait(commands.send(deposit("b", 5)).key("k").correlation(story)).expect("open");
        assert!(wait(commands.send(withdraw("b", 6))).is_err());
        assert!(wait(commands.send(deposit("b", 0))).is_err());
    });
    let heard = listener.0.lock().expect("nobody panicked").join("\n");
    let expected = [
        r#"DEBUG name="Deposit" key="k" correlation=00000000-0000-0000-0000-000000000007"#,
        "DEBUG message=done position=3 repeated=false",
        r#"DEBUG name="Withdraw""#,
        "DEBUG message=refused refusal=InsufficientFunds",
        r#"DEBUG name="Deposit""#,
        "WARN message=failed error=Deposit is not valid, and nothing was done: an amount of 0 moves nothing",
    ];
    let expected = expected.join("\n");
    assert_eq!(heard.replace("Invalid: ", ""), expected);
}
