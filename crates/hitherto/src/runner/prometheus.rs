//! The figures of followers in the text format that Prometheus reads.

use std::fmt::Write as _;

use super::handler::Ended;
use super::status::{Monitor, State, Status};

/// A metric: its name, its sort, what it says, and its value.
struct Metric {
    name: &'static str,
    sort: &'static str,
    says: &'static str,
    value: fn(&Status) -> f64,
}

const METRICS: [Metric; 9] = [
    gauge("position", "Everything up to this position is handled or parked.", |status| {
        status.position.0 as f64
    }),
    gauge("head", "The position of the last event of the store.", |status| status.head.0 as f64),
    gauge("lag_events", "Positions between it and the last event.", |status| {
        status.lag_events() as f64
    }),
    gauge(
        "lag_seconds",
        "For how long the oldest event that is not handled has waited.",
        |status| status.lag.as_secs_f64(),
    ),
    gauge("events_per_second", "Events handled a second, over the last seconds.", |status| {
        status.rate
    }),
    gauge("parked", "Events that are parked.", |status| status.parked as f64),
    gauge("partitions", "Partitions that it runs in.", |status| f64::from(status.partitions)),
    counter("handled_total", "Events that were handled.", |status| status.handled as f64),
    counter("errors_total", "Attempts that failed.", |status| status.errors as f64),
];

/// Whether a state is the one that is meant.
type IsSo = fn(&State) -> bool;

/// All states, by the words that stand in the label.
const STATES: [(&str, IsSo); 9] = [
    ("catching_up", |state| *state == State::CatchingUp),
    ("building", |state| *state == State::Building),
    ("ready", |state| *state == State::Ready),
    ("live", |state| *state == State::Live),
    ("retrying", |state| *state == State::Retrying),
    ("stopped", |state| *state == State::Ended(Ended::Stopped)),
    ("superseded", |state| matches!(state, State::Ended(Ended::Superseded { .. }))),
    ("taken_over", |state| *state == State::Ended(Ended::TakenOver)),
    ("failed", |state| matches!(state, State::Ended(Ended::Failed(_)))),
];

const fn gauge(name: &'static str, says: &'static str, value: fn(&Status) -> f64) -> Metric {
    Metric { name, sort: "gauge", says, value }
}

const fn counter(name: &'static str, says: &'static str, value: fn(&Status) -> f64) -> Metric {
    Metric { name, sort: "counter", says, value }
}

/// The figures of followers in the text format of Prometheus (0.0.4), to be served to it with
/// whatever serves HTTP already.
///
/// ```
/// use hitherto::{Store, runner::prometheus};
///
/// let store = Store::in_memory();
/// let text = prometheus(&store.monitor().statuses());
/// assert!(text.contains("# TYPE hitherto_follower_lag_seconds gauge"));
/// ```
pub fn prometheus(statuses: &[Status]) -> String {
    let mut text = String::new();
    for Metric { name, sort, says, value } in METRICS {
        begin(&mut text, name, sort, says);
        for status in statuses {
            line(&mut text, name, &labels(status), value(status));
        }
    }
    begin(&mut text, "state", "gauge", "1 for the state that it is in, 0 for all others.");
    for status in statuses {
        for (word, is_so) in STATES {
            let labels = format!("{},state=\"{word}\"", labels(status));
            line(&mut text, "state", &labels, f64::from(u8::from(is_so(&status.state))));
        }
    }
    text
}

impl Monitor {
    /// The figures of all followers: see [`prometheus`].
    pub fn prometheus(&self) -> String {
        prometheus(&self.statuses())
    }
}

fn begin(text: &mut String, name: &str, sort: &str, says: &str) {
    let written = write!(
        text,
        "# HELP hitherto_follower_{name} {says}\n# TYPE hitherto_follower_{name} {sort}\n"
    );
    written.expect("writing to a string does not fail");
}

fn line(text: &mut String, name: &str, labels: &str, value: f64) {
    let written = writeln!(text, "hitherto_follower_{name}{{{labels}}} {value}");
    written.expect("writing to a string does not fail");
}

fn labels(status: &Status) -> String {
    format!("name=\"{}\",version=\"{}\"", escaped(&status.name), status.version)
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
