//! A JSON value that keeps its numbers as they were written, and its fields in their order.

use std::fmt::{self, Display};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::path::Path;

/// Deeper values are kept as text, so that no input can exhaust the stack.
const DEPTH_MAX: usize = 64;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A number, a string, `true`, `false` or `null`, as JSON.
    Plain(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// The fields of an object, in their order.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Value {
    /// The value of this JSON text, if it is one.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        Some(Self::of(serde_json::from_slice(json).ok()?, 0))
    }

    fn of(raw: &RawValue, depth: usize) -> Self {
        let json = raw.get();
        let as_plain = || Self::Plain(json.to_owned());
        match json.as_bytes().first() {
            Some(b'{') if depth < DEPTH_MAX => {
                let fields = serde_json::from_str::<Fields<'_>>(json);
                fields.map_or_else(|_| as_plain(), |fields| Self::object(fields, depth))
            }
            Some(b'[') if depth < DEPTH_MAX => {
                let items = serde_json::from_str::<Vec<&RawValue>>(json);
                items.map_or_else(|_| as_plain(), |items| Self::list(&items, depth))
            }
            // The same text, however it was escaped.
            Some(b'"') => serde_json::from_str::<String>(json).map_or_else(
                |_| as_plain(),
                |text| Self::Plain(serde_json::Value::String(text).to_string()),
            ),
            _ => as_plain(),
        }
    }

    fn list(items: &[&RawValue], depth: usize) -> Self {
        Self::List(items.iter().map(|item| Self::of(item, depth + 1)).collect())
    }

    fn object(fields: Fields<'_>, depth: usize) -> Self {
        let mut object = Self::Object(Vec::with_capacity(fields.0.len()));
        for (name, raw) in fields.0 {
            *object.field(&name).expect("it is an object") = Self::of(raw, depth + 1);
        }
        object
    }

    fn null() -> Self {
        Self::Plain("null".to_owned())
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Plain(json) if json == "null")
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Plain(json) if json.starts_with(|c: char| c == '-' || c.is_ascii_digit()))
    }

    /// The field of an object, which is made if it is not there.
    fn field(&mut self, name: &str) -> Option<&mut Self> {
        let Self::Object(fields) = self else { return None };
        let index = fields.iter().position(|(other, _)| other == name).unwrap_or_else(|| {
            fields.push((name.to_owned(), Self::null()));
            fields.len() - 1
        });
        Some(&mut fields[index].1)
    }

    /// What stands at a path, if anything does.
    pub(crate) fn get(&self, path: &Path) -> Option<&Self> {
        path.names().try_fold(self, |value, name| match value {
            Self::Object(fields) => {
                fields.iter().find(|(other, _)| other == name).map(|(_, value)| value)
            }
            Self::Plain(_) | Self::List(_) => None,
        })
    }

    /// Where a value can be put at a path; objects on the way there are made.
    pub(crate) fn place(&mut self, path: &Path) -> Result<&mut Self, String> {
        if let Some(name) = path.blocked_in(self) {
            return Err(format!("{name} is no object, so it has no fields"));
        }
        let mut value = self;
        for name in path.names() {
            if value.is_null() {
                *value = Self::Object(Vec::new());
            }
            value = value.field(name).expect("nothing blocks the path");
        }
        Ok(value)
    }

    /// Takes a value out of the list at a path; if there is no list, removes what is there.
    pub(crate) fn remove(&mut self, path: &Path, item: &Self) -> Result<(), String> {
        match self.get(path) {
            None => return Err(format!("there is no {path}")),
            Some(Self::List(items)) => {
                let index = items.iter().position(|other| other == item);
                let index = index.ok_or_else(|| format!("{item} is not in {path}"))?;
                if let Self::List(items) = self.place(path)? {
                    items.remove(index);
                }
            }
            Some(_) => self.clear(path),
        }
        Ok(())
    }

    /// Removes what is at a path, and objects on the way there that have nothing else.
    fn clear(&mut self, path: &Path) {
        let Some((parent, last)) = path.parent_and_last() else { return };
        let Ok(Self::Object(fields)) = self.place(&parent) else { return };
        fields.retain(|(name, _)| name != last);
        if fields.is_empty() {
            self.clear(&parent);
        }
    }

    /// Every part that is no object with fields, with its path.
    pub(crate) fn leaves(&self) -> Vec<(String, &Self)> {
        let mut leaves = Vec::new();
        self.collect_leaves(String::new(), &mut leaves);
        leaves
    }

    fn collect_leaves<'a>(&'a self, path: String, leaves: &mut Vec<(String, &'a Self)>) {
        match self {
            Self::Object(fields) if !fields.is_empty() || path.is_empty() => {
                for (name, value) in fields {
                    let dot = if path.is_empty() { "" } else { "." };
                    value.collect_leaves(format!("{path}{dot}{name}"), leaves);
                }
            }
            _ => leaves.push((path, self)),
        }
    }

    /// The value for people: text without its quotes.
    pub(crate) fn for_people(&self) -> String {
        let text = match self {
            Self::Plain(json) if json.starts_with('"') => serde_json::from_str(json).ok(),
            _ => None,
        };
        text.unwrap_or_else(|| self.to_string())
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comma = |index| if index == 0 { "" } else { "," };
        match self {
            Self::Plain(json) => f.write_str(json),
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", comma(index))?;
                }
                f.write_str("]")
            }
            Self::Object(fields) => {
                f.write_str("{")?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    let name = serde_json::Value::from(&**name);
                    write!(f, "{}{name}:{value}", comma(index))?;
                }
                f.write_str("}")
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(json: &str) -> String {
        Value::parse(json.as_bytes()).unwrap().to_string()
    }

    #[test]
    fn numbers_and_the_order_of_fields_stay_as_they_were_written() {
        let json = r#"{"z":123456789012345678901234567890,"a":[1.50,-0,1e3],"m":{"":null}}"#;
        assert_eq!(again(json), json);
        assert_eq!(again(" { \"a\" : [ 1 , \"\\u0041\" ] } "), r#"{"a":[1,"A"]}"#);
        assert_eq!(again(r#"{"a":1,"b":2,"a":3}"#), r#"{"a":3,"b":2}"#);
        assert!(Value::parse(b"{").is_none());
    }

    #[test]
    fn what_is_nested_deeply_is_kept_as_text() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(again(&deep), deep);
    }
}
