//! A stream folded into fields, without its Rust types: JSON payloads, field by field, by rules.

mod decimal;
mod path;
mod rule;
mod rules;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use hitherto_store::{ContentType, Recorded};

use path::Path;
pub(crate) use rule::{Rule, Verb};
pub(crate) use rules::Rules;
pub(crate) use value::Value;

/// What the events of a stream add up to.
pub(crate) struct Folded {
    /// The fields, in the order in which they came up.
    pub(crate) state: Value,
    /// Which event was the last to change a field, by the field's path.
    changes: BTreeMap<String, Change>,
    /// How many events were folded.
    pub(crate) events: u64,
    /// The last of them.
    pub(crate) last: Option<Recorded>,
    /// What could not be done as a rule says.
    pub(crate) troubles: Vec<String>,
    /// Numbers without a rule, and in how many events each was met.
    unruled_numbers: BTreeMap<(String, String), u64>,
}

/// The event that was the last to change a field.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) kind: String,
}

/// Troubles that are told one by one.
const TROUBLES_MAX: usize = 20;

impl Folded {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            state: Value::Object(Vec::new()),
            changes: BTreeMap::new(),
            events: 0,
            last: None,
            troubles: Vec::new(),
            unruled_numbers: BTreeMap::new(),
        }
    }

    /// Takes in the next event of the stream.
    pub(crate) fn apply(&mut self, event: &Recorded, rules: &Rules) {
        self.events += 1;
        self.last = Some(event.clone());
        let Some(payload) = fields_of(event) else {
            return self.trouble(event, "its payload is no JSON and was not folded");
        };
        let mut spoken_for = BTreeSet::new();
        for rule in rules.of(event.category().unwrap_or_default(), event.kind()) {
            spoken_for.extend(rule.source().first_field().map(str::to_owned));
            self.follow(event, &payload, rule);
        }
        let Value::Object(fields) = &payload else { return };
        for (name, value) in fields.iter().filter(|(name, _)| !spoken_for.contains(name)) {
            if value.is_number() {
                let key = (event.kind().to_owned(), name.clone());
                *self.unruled_numbers.entry(key).or_default() += 1;
            }
            self.put(event, &Path::of_field(name), |place| *place = value.clone());
        }
    }

    /// Does what a rule says about an event; where that cannot be done, says so.
    fn follow(&mut self, event: &Recorded, payload: &Value, rule: &Rule) {
        if rule.verb() == Verb::Ignore {
            return;
        }
        let Some(operand) = rule.source().in_payload(payload) else {
            return; // an older shape of the event, or an optional field
        };
        let target = match rule.target().filled_from(payload) {
            Ok(target) => target,
            Err(why) => return self.trouble(event, &why),
        };
        let outcome = match rule.verb() {
            Verb::Remove => self.state.remove(&target, &operand),
            verb => verb
                .check(&operand)
                .and_then(|()| self.state.place(&target))
                .and_then(|place| verb.apply(place, &operand)),
        };
        match outcome {
            Ok(()) => self.note_change(event, &target),
            Err(why) => self.trouble(event, &format!("{rule} was not done: {why}")),
        }
    }

    fn put(&mut self, event: &Recorded, target: &Path, put: impl FnOnce(&mut Value)) {
        match self.state.place(target) {
            Ok(place) => {
                put(place);
                self.note_change(event, target);
            }
            Err(why) => self.trouble(event, &why),
        }
    }

    fn note_change(&mut self, event: &Recorded, target: &Path) {
        let change = Change { version: event.version(), kind: event.kind().to_owned() };
        self.changes.insert(target.to_string(), change);
    }

    fn trouble(&mut self, event: &Recorded, what: &str) {
        if self.troubles.len() < TROUBLES_MAX {
            let (version, kind) = (event.version(), event.kind());
            self.troubles.push(format!("version {version}, {kind}: {what}"));
        } else if self.troubles.len() == TROUBLES_MAX {
            self.troubles.push("and so on".to_owned());
        }
    }

    /// Every field that is no object itself, with its path and its value.
    pub(crate) fn leaves(&self) -> Vec<(String, &Value)> {
        self.state.leaves()
    }

    /// Which event was the last to change a field.
    pub(crate) fn changed_by(&self, leaf: &str) -> Option<&Change> {
        let mut path = leaf;
        loop {
            if let Some(change) = self.changes.get(path) {
                return Some(change);
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    /// Numbers without a rule in a field that several events gave: perhaps they should be added up.
    pub(crate) fn unruled_numbers(&self) -> Vec<(&str, &str)> {
        let given = |field: &str| -> u64 {
            let same = self.unruled_numbers.iter().filter(|((_, other), _)| other == field);
            same.map(|(_, events)| events).sum()
        };
        let names = self.unruled_numbers.keys().filter(|(_, field)| given(field) > 1);
        names.map(|(kind, field)| (&**kind, &**field)).collect()
    }
}

/// The payload if it is JSON; what is no object stands in the field `data`.
fn fields_of(event: &Recorded) -> Option<Value> {
    if event.content_type() != ContentType::Json {
        return None;
    }
    match Value::parse(event.payload())? {
        fields @ Value::Object(_) => Some(fields),
        other => Some(Value::Object(vec![("data".to_owned(), other)])),
    }
}

#[cfg(test)]
mod tests {
    use hitherto_store::{NewEvent, Placement, Position, StreamName, Timestamp};

    use super::*;

    fn folded(rules: &[&str], events: &[(&str, &str)]) -> Folded {
        let rules = Rules::of_lines(rules);
        let stream = StreamName::from("order-1");
        let mut folded = Folded::new();
        for (version, (kind, payload)) in (1..).zip(events) {
            let recorded_at = Timestamp::from_nanos(0);
            let placement = Placement { position: Position(version), version, recorded_at };
            let event = NewEvent::json((*kind).to_owned(), (*payload).to_owned());
            folded.apply(&Recorded::new(placement, Some(&stream), &event), &rules);
        }
        folded
    }

    fn state(rules: &[&str], events: &[(&str, &str)]) -> String {
        let folded = folded(rules, events);
        assert_eq!(folded.troubles, Vec::<String>::new());
        folded.state.to_string()
    }

    #[test]
    fn without_a_rule_the_last_value_of_a_field_is_shown() {
        let events = [("A", r#"{"b":1,"a":[1, 2]}"#), ("B", r#"{"b":"x","c":{"d":null}}"#)];
        assert_eq!(state(&[], &events), r#"{"b":"x","a":[1,2],"c":{"d":null}}"#);
    }

    #[test]
    fn each_rule_does_what_it_says() {
        let rules = [
            "Opened deposit set balance",
            "Opened =true set is_open",
            "Deposited amount add balance",
            "Deposited amount count deposits",
            "Withdrawn amount subtract balance",
            "Tagged tag append tags",
            "Untagged tag remove tags",
            "Noted by ignore",
            "Closed =false set is_open",
        ];
        let events = [
            ("Opened", r#"{"deposit":1000}"#),
            ("Deposited", r#"{"amount":500}"#),
            ("Tagged", r#"{"tag":"vip"}"#),
            ("Tagged", r#"{"tag":"new"}"#),
            ("Deposited", r#"{"amount":0.10}"#),
            ("Withdrawn", r#"{"amount":200}"#),
            ("Untagged", r#"{"tag":"new"}"#),
            ("Noted", r#"{"by":"ann","note":"hm"}"#),
            ("Closed", "{}"),
        ];
        let expected =
            r#"{"balance":1300.10,"is_open":false,"deposits":2,"tags":["vip"],"note":"hm"}"#;
        assert_eq!(state(&rules, &events), expected);
    }

    #[test]
    fn a_target_may_be_named_by_a_field_of_the_event() {
        let rules = [
            "Added quantity add lines.{sku}",
            "Added sku ignore",
            "Dropped sku remove lines.{sku}",
        ];
        let events = [
            ("Added", r#"{"sku":"pear","quantity":2}"#),
            ("Added", r#"{"sku":"fig","quantity":1}"#),
            ("Added", r#"{"sku":"pear","quantity":3}"#),
            ("Dropped", r#"{"sku":"fig"}"#),
        ];
        assert_eq!(state(&rules, &events), r#"{"lines":{"pear":5}}"#);
    }

    #[test]
    fn a_rule_for_a_category_goes_before_one_for_all() {
        let rules = ["A n add sum", "order/A n subtract sum"];
        assert_eq!(state(&rules, &[("A", r#"{"n":2}"#)]), r#"{"sum":-2}"#);
    }

    #[test]
    fn what_cannot_be_done_is_told_and_leaves_the_state_as_it_was() {
        let rules = ["A n add sum", "B x append sum", "C y set sum.part"];
        let events = [
            ("A", r#"{"n":"one"}"#),
            ("A", r#"{"n":2}"#),
            ("A", r#"{"n":"two"}"#),
            ("B", r#"{"x":1}"#),
            ("C", r#"{"y":1}"#),
            ("A", "no json"),
        ];
        let folded = folded(&rules, &events);
        assert_eq!(folded.state.to_string(), r#"{"sum":2}"#);
        let troubles = folded.troubles.join("\n");
        for expected in ["version 3, A: n add sum was not done", "no list", "no object", "no JSON"]
        {
            assert!(troubles.contains(expected), "{expected}: {troubles}");
        }
    }

    #[test]
    fn each_field_knows_which_event_changed_it_last() {
        let events = [("A", r#"{"a":{"b":1},"c":1}"#), ("B", r#"{"c":2}"#)];
        let folded = folded(&[], &events);
        let changes = folded.leaves().into_iter().map(|(path, _)| {
            let change = folded.changed_by(&path).unwrap();
            format!("{path} {} {}", change.version, change.kind)
        });
        assert_eq!(changes.collect::<Vec<_>>(), ["a.b 1 A", "c 2 B"]);
    }

    #[test]
    fn numbers_that_perhaps_should_be_added_up_are_known() {
        let events =
            [("A", r#"{"n":1,"s":"x"}"#), ("A", r#"{"n":2,"s":"y"}"#), ("B", r#"{"m":1}"#)];
        assert_eq!(folded(&[], &events).unruled_numbers(), [("A", "n")]);
        assert_eq!(folded(&["A n set"], &events).unruled_numbers(), []);
    }
}
