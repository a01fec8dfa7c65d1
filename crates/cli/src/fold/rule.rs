//! One rule: what a field of a kind of event does to the state.

use std::fmt::{self, Display};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::decimal::Decimal;
use super::path::Path;
use super::value::Value;

/// What is done with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verb {
    /// The last value counts
    Set,
    /// Numbers are added up
    Add,
    /// Numbers are taken off
    Subtract,
    /// Values are put at the end of a list
    Append,
    /// Values are taken out of a list; where there is no list, the field itself is removed
    Remove,
    /// The events are counted
    Count,
    /// The field is not shown
    Ignore,
}

impl Verb {
    /// Says why this cannot be done with a value, wherever it goes.
    pub(crate) fn check(self, operand: &Value) -> Result<(), String> {
        match self {
            Self::Add | Self::Subtract => number(operand).map(drop),
            _ => Ok(()),
        }
    }

    /// Changes what stands at the target; says why if that cannot be.
    pub(crate) fn apply(self, place: &mut Value, operand: &Value) -> Result<(), String> {
        match self {
            Self::Set => *place = operand.clone(),
            Self::Add => add(place, number(operand)?)?,
            Self::Subtract => add(place, number(operand)?.negated().ok_or_else(too_large)?)?,
            Self::Count => add(place, Decimal::ONE)?,
            Self::Append => append(place, operand)?,
            Self::Remove | Self::Ignore => {}
        }
        Ok(())
    }
}

fn number(value: &Value) -> Result<Decimal, String> {
    match value {
        Value::Plain(_) if value.is_null() => Ok(Decimal::ZERO),
        Value::Plain(json) if value.is_number() => Decimal::parse(json).ok_or_else(too_large),
        other => Err(format!("{other} is no number")),
    }
}

fn add(place: &mut Value, operand: Decimal) -> Result<(), String> {
    let sum = number(place)?.plus(operand).ok_or_else(too_large)?;
    *place = Value::Plain(sum.to_string());
    Ok(())
}

fn too_large() -> String {
    "the number is too large to be added exactly".to_owned()
}

fn append(place: &mut Value, operand: &Value) -> Result<(), String> {
    if place.is_null() {
        *place = Value::List(Vec::new());
    }
    match place {
        Value::List(items) => items.push(operand.clone()),
        other => return Err(format!("{other} is no list")),
    }
    Ok(())
}

/// Where a rule takes its value from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// A field of the event.
    Field(Path),
    /// The whole event.
    Whole,
    /// Always this.
    Constant(Value),
}

impl Source {
    /// A field's path; `.` for the whole payload; `=` and JSON for a constant.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix('=') {
            Some(json) => Value::parse(json.as_bytes())
                .map(Self::Constant)
                .ok_or_else(|| format!("{json:?} is not JSON: write =true, =0 or ='\"open\"'")),
            None if text == "." => Ok(Self::Whole),
            None => Path::parse(text).map(Self::Field),
        }
    }

    pub(crate) fn in_payload(&self, payload: &Value) -> Option<Value> {
        match self {
            Self::Field(path) => payload.get(path).cloned(),
            Self::Whole => Some(payload.clone()),
            Self::Constant(value) => Some(value.clone()),
        }
    }

    /// The event's own field that is spoken for by a rule with this source.
    pub(crate) fn first_field(&self) -> Option<&str> {
        match self {
            Self::Field(path) => path.names().next(),
            Self::Whole | Self::Constant(_) => None,
        }
    }
}

/// What a field of a kind of event does to the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(crate) struct Rule {
    written: Written,
    source: Source,
    target: Path,
}

/// A rule as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: String,
    field: String,
    rule: Verb,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    into: Option<String>,
}

impl Rule {
    /// The rule for a field of a kind (`Opened`, or `account/Opened` in one category only).
    pub(crate) fn new(
        kind: &str,
        field: &str,
        rule: Verb,
        into: Option<&str>,
    ) -> Result<Self, String> {
        let written = Written {
            kind: kind.to_owned(),
            field: field.to_owned(),
            rule,
            into: into.map(str::to_owned),
        };
        Self::try_from(written)
    }

    pub(crate) fn kind(&self) -> &str {
        &self.written.kind
    }

    pub(crate) fn field(&self) -> &str {
        &self.written.field
    }

    pub(crate) fn verb(&self) -> Verb {
        self.written.rule
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn target(&self) -> &Path {
        &self.target
    }
}

impl TryFrom<Written> for Rule {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let source = Source::parse(&written.field)?;
        let target = match (&written.into, &source) {
            (Some(into), _) => Path::parse(into)?,
            (None, Source::Field(path)) => path.clone(),
            (None, Source::Whole | Source::Constant(_)) => {
                return Err(format!("where does {:?} go? say --into FIELD", written.field));
            }
        };
        Ok(Self { written, source, target })
    }
}

impl From<Rule> for Written {
    fn from(rule: Rule) -> Self {
        rule.written
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = self.verb().to_possible_value().expect("no verb is hidden");
        write!(f, "{} {} {}", self.field(), verb.get_name(), self.target)
    }
}
