//! What Prometheus reads of followers is in its format, and says what the followers say.
#![expect(clippy::float_cmp, reason = "counts are whole numbers, which floats hold exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};

use crate::doors::{open_door, quick};
use hitherto::checkpoints::Checkpoints;
use hitherto::projection::Definition;
use hitherto::runner::{follow, prometheus};
use hitherto::{Error, Query, Store, StoredEvent, wait};

/// Reads the text format as strictly as Prometheus does: the values by metric and labels.
fn read(text: &str) -> BTreeMap<String, f64> {
    let (mut values, mut types) = (BTreeMap::new(), BTreeMap::<&str, &str>::new());
    let mut helped = BTreeSet::new();
    assert!(text.ends_with('\n'), "the last line ends too");
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, says) = help.split_once(' ').unwrap();
            assert!(helped.insert(name) && !says.is_empty(), "{line}");
        } else if let Some(of) = line.strip_prefix("# TYPE ") {
            let (name, sort) = of.split_once(' ').unwrap();
            assert!(["gauge", "counter"].contains(&sort) && helped.contains(name), "{line}");
            assert_eq!(sort == "counter", name.ends_with("_total"), "{line}");
            assert!(types.insert(name, sort).is_none(), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap();
            assert_eq!(types.keys().next_back().is_some(), types.contains_key(name), "{line}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
            for label in labels.strip_suffix('}').unwrap().split(',') {
                let (key, value) = label.split_once('=').unwrap();
                assert!(key.chars().all(|c| c.is_ascii_lowercase()), "{line}");
                assert!(
                    value.len() >= 2 && value.starts_with('"') && value.ends_with('"'),
                    "{line}"
                );
            }
            let value = value.parse::<f64>().unwrap();
            assert!(values.insert(series.to_owned(), value).is_none(), "twice: {line}");
        }
    }
    values
}

#[test]
fn what_prometheus_reads_is_what_the_followers_say() {
    let store = Store::in_memory();
    for (door, kind) in [(1, "Opened"), (1, "Jammed"), (2, "Opened")] {
        open_door(&store, door, kind);
    }
    let target = Checkpoints::in_memory().of("doors", |event: &StoredEvent| match event.kind() {
        "Jammed" => Err(Error::invalid("it is jammed")),
        _ => Ok(()),
    });
    let definition = Definition::new("doors", 3, Query::all());
    let follower = follow(&store, definition, target.unwrap(), quick()).unwrap();
    wait(follower.catch_up()).unwrap();
    let values = read(&store.monitor().prometheus());
    let value =
        |name: &str| values[&format!("hitherto_follower_{name}{{name=\"doors\",version=\"3\"}}")];
    assert_eq!([value("position"), value("head"), value("lag_events")], [3.0, 3.0, 0.0]);
    assert_eq!([value("handled_total"), value("errors_total"), value("parked")], [2.0, 2.0, 1.0]);
    let states = values.iter().filter(|(series, _)| series.starts_with("hitherto_follower_state"));
    let states = states.filter(|(_, value)| **value == 1.0).map(|(series, _)| series.as_str());
    let live = r#"hitherto_follower_state{name="doors",version="3",state="live"}"#;
    assert_eq!(states.collect::<Vec<_>>(), [live]);

    follower.stop();
    let stopped = values_of_stopped(&store);
    assert_eq!(stopped, 1.0);
}

fn values_of_stopped(store: &Store) -> f64 {
    let values = read(&store.monitor().prometheus());
    values[r#"hitherto_follower_state{name="doors",version="3",state="stopped"}"#]
}

#[test]
fn a_name_with_quotes_breaks_nothing() {
    let store = Store::in_memory();
    let target = Checkpoints::in_memory().of("doors", |_: &StoredEvent| Ok(())).unwrap();
    let definition = Definition::new("doors", 1, Query::all());
    let follower = follow(&store, definition, target, quick()).unwrap();
    let mut status = follower.status();
    status.name = "a\"b\\c\nd".to_owned();
    let values = read(&prometheus(&[status]));
    let labels = r#"{name="a\"b\\c\nd",version="1"}"#;
    assert!(values.contains_key(&format!("hitherto_follower_position{labels}")), "{values:?}");
}
