//! Finds objects with one reserved key in JSON text and puts other text in their place. All other
//! text stays as it is.

use std::fmt;

use hitherto_store::{Error, Result};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep objects and arrays may stand in each other around what is replaced.
const DEPTH_MAX: usize = 128;

/// What an object with a reserved key is replaced by.
pub(crate) trait Replace {
    /// The keys that are looked for, each with its quotes.
    fn keys(&self) -> &'static [&'static str];

    /// The text in the place of `{key: value}`; `others` says whether the object has more keys.
    /// Without one, the object is looked into like any other.
    fn replace(&mut self, key: &str, value: &str, others: bool) -> Result<Option<String>>;
}

/// The same JSON with all that is found replaced.
///
/// # Errors
/// `Invalid` if it is no JSON, though it has one of the keys.
pub(crate) fn replace(json: &str, with: &mut impl Replace) -> Result<String> {
    let mut out = String::with_capacity(json.len());
    walk(json, with, &mut out, 0)?;
    Ok(out)
}

/// Whether one of the keys, with its quotes, is in the text at all.
pub(crate) fn mentions(json: &str, keys: &[&str]) -> bool {
    keys.iter().any(|key| json.contains(key))
}

fn walk(json: &str, with: &mut impl Replace, out: &mut String, depth: usize) -> Result<()> {
    if !mentions(json, with.keys()) {
        out.push_str(json);
        return Ok(());
    }
    if depth > DEPTH_MAX {
        return Err(Error::invalid(format!(
            "personal data stands more than {DEPTH_MAX} objects deep: keep events flatter"
        )));
    }
    match json.trim_start().as_bytes().first() {
        Some(b'{') => walk_object(json, with, out, depth),
        Some(b'[') => walk_array(json, with, out, depth),
        _ => {
            out.push_str(json);
            Ok(())
        }
    }
}

fn walk_object(json: &str, with: &mut impl Replace, out: &mut String, depth: usize) -> Result<()> {
    let Entries(entries) = serde_json::from_str(json).map_err(no_json)?;
    let is_reserved = |key: &str| with.keys().iter().any(|known| known.trim_matches('"') == key);
    if let Some((key, value)) = entries.iter().find(|(key, _)| is_reserved(key))
        && let Some(text) = with.replace(key, value.get(), entries.len() > 1)?
    {
        out.push_str(&text);
        return Ok(());
    }
    for (number, (key, value)) in entries.iter().enumerate() {
        out.push(if number == 0 { '{' } else { ',' });
        out.push_str(&serde_json::to_string(key).map_err(no_json)?);
        out.push(':');
        walk(value.get(), with, out, depth + 1)?;
    }
    out.push('}');
    Ok(())
}

fn walk_array(json: &str, with: &mut impl Replace, out: &mut String, depth: usize) -> Result<()> {
    let elements: Vec<&RawValue> = serde_json::from_str(json).map_err(no_json)?;
    for (number, element) in elements.iter().enumerate() {
        out.push(if number == 0 { '[' } else { ',' });
        walk(element.get(), with, out, depth + 1)?;
    }
    out.push(']');
    Ok(())
}

fn no_json(error: serde_json::Error) -> Error {
    Error::invalid("what holds personal data must be JSON").because(error)
}

/// An object's keys and values, in their order.
struct Entries<'json>(Vec<(String, &'json RawValue)>);

impl<'json> Deserialize<'json> for Entries<'json> {
    fn deserialize<D: Deserializer<'json>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'json> Visitor<'json> for EntriesVisitor {
    type Value = Entries<'json>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'json>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(usize);

    impl Replace for Count {
        fn keys(&self) -> &'static [&'static str] {
            &["\"$x\""]
        }

        fn replace(&mut self, _: &str, value: &str, others: bool) -> Result<Option<String>> {
            self.0 += 1;
            Ok((!others).then(|| format!("<{value}>")))
        }
    }

    #[track_caller]
    fn becomes(json: &str, expected: &str) {
        assert_eq!(replace(json, &mut Count(0)).expect("it is JSON"), expected);
    }

    #[test]
    fn what_has_the_key_is_replaced_and_all_else_stays_to_the_byte() {
        becomes(r#"{ "b" : 1.50, "a": {"$x" : 7} }"#, r#"{"b":1.50,"a":<7>}"#);
        becomes(r#"{"$x":[1]}"#, "<[1]>");
        becomes(r#"[1, {"$x":1}, {"$x":{"$x":2}}]"#, r#"[1,<1>,<{"$x":2}>]"#);
        becomes(r#"{"$x":1,"y":{"$x":2}}"#, r#"{"$x":1,"y":<2>}"#);
        becomes(r#"{ "z":"\"$x\"" }"#, r#"{ "z":"\"$x\"" }"#);
        becomes(r#"{"a":1,"a":{"$x":3}}"#, r#"{"a":1,"a":<3>}"#);
    }

    #[test]
    fn text_that_is_no_json_or_too_deep_is_refused_and_not_overflown() {
        assert!(replace(r#"{"$x":"#, &mut Count(0)).is_err());
        let deep = format!("{}{{\"$x\":1}}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(replace(&deep, &mut Count(0)).is_err());
        let deep = format!("{}{{\"$x\":1}}{}", "[".repeat(100), "]".repeat(100));
        assert!(replace(&deep, &mut Count(0)).is_ok());
    }
}
