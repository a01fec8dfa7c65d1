//! Where a field stands: names with dots between them, some filled in from the event.

use std::fmt::{self, Display};

use super::value::Value;

/// The names on the way to a field. In rules a name `{sku}` stands for the event's field `sku`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(Vec<String>);

impl Path {
    /// The path that is written like this, with dots.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let names: Vec<String> = text.split('.').map(str::to_owned).collect();
        if names.iter().any(String::is_empty) {
            return Err(format!(
                "{text:?} is no path: write the names of fields with dots between them"
            ));
        }
        Ok(Self(names))
    }

    /// The path of a field of this name, whatever characters it has.
    pub(crate) fn of_field(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// What stands before the last name, and that name.
    pub(crate) fn parent_and_last(&self) -> Option<(Self, &str)> {
        let (last, parent) = self.0.split_last()?;
        Some((Self(parent.to_vec()), last))
    }

    /// The same path with each `{field}` replaced by what the event has there.
    pub(crate) fn filled_from(&self, payload: &Value) -> Result<Self, String> {
        let fill = |name: &String| {
            let Some(field) = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else {
                return Ok(name.clone());
            };
            let value = payload.get(&Self::of_field(field)).filter(|value| !value.is_null());
            let missing = || format!("it has no {field}, which {self} needs");
            value.map(Value::for_people).ok_or_else(missing)
        };
        self.0.iter().map(fill).collect::<Result<_, _>>().map(Self)
    }

    /// The part of this path at which a value stands that can have no fields.
    pub(crate) fn blocked_in(&self, state: &Value) -> Option<Self> {
        let mut value = Some(state);
        for (index, name) in self.0.iter().enumerate() {
            match value {
                Some(Value::Object(_)) => value = value?.get(&Self::of_field(name)),
                Some(other) if !other.is_null() => return Some(Self(self.0[..index].to_vec())),
                _ => return None,
            }
        }
        None
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
