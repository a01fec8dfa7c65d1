//! The words for what is personal in an event's JSON, and the check that none of it is stored in
//! the clear by accident. Sealing it is the work of a vault in front of a store.

use crate::error::{Error, Result};
use crate::event::{ContentType, NewEvent};

/// An object with this one key is personal: `{"$personal":{"subject":"person-7","value":…}}`.
pub const PERSONAL: &str = "$personal";
/// What a vault stores in its place: `{"$sealed":{"subject":…,"key":…,"data":…}}`.
pub const SEALED: &str = "$sealed";
/// What is read after its subject was forgotten: `{"$forgotten":{"subject":"person-7"}}`.
pub const FORGOTTEN: &str = "$forgotten";
/// The kind of the event that says that a subject was forgotten.
pub const RECEIPT_KIND: &str = "$SubjectForgotten";

/// Refuses what is personal: whoever gets here has no vault in front.
pub(crate) fn check_event(event: &NewEvent) -> Result<()> {
    let is_json = event.content_type == ContentType::Json;
    let is_personal = is_json && mentions(&event.payload) || mentions(&event.metadata);
    if !is_personal {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the event {} ({}) holds personal data in the clear ({PERSONAL:?}), and nothing was appended: \
         put a vault in front of the store (`Vault::over`, or `--keys` on the command line)",
        event.id, event.kind
    )))
}

/// Whether the JSON has [`PERSONAL`] as a key. A quote within a text has a `\` before it, so that
/// no text is taken for a key.
fn mentions(json: &[u8]) -> bool {
    if !has_dollar(json) {
        return false; // most have none
    }
    let mut rest = json;
    while let Some(found) = rest.iter().position(|&byte| byte == b'$') {
        let (before, behind) = rest.split_at(found);
        let is_key = before.last() == Some(&b'"')
            && behind.strip_prefix(PERSONAL.as_bytes()).is_some_and(ends_a_key);
        if is_key {
            return true;
        }
        rest = &behind[1..];
    }
    false
}

/// Looks at many bytes at once, because each event that is appended is asked.
fn has_dollar(json: &[u8]) -> bool {
    let is_dollar = |byte: &u8| u8::from(*byte == b'$');
    json.chunks(64).any(|bytes| bytes.iter().fold(0, |found, byte| found | is_dollar(byte)) > 0)
}

fn ends_a_key(behind: &[u8]) -> bool {
    behind.strip_prefix(b"\"").is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_and_a_text_is_not_taken_for_one() {
        for json in [r#"{"$personal":{}}"#, r#"{"cost":"$5","name":{"$personal" : {}}}"#] {
            assert!(mentions(json.as_bytes()), "{json}");
        }
        for json in
            [r#""$personal""#, r#"{"text":"\"$personal\": no"}"#, r#"{"$personally":1}"#, "$"]
        {
            assert!(!mentions(json.as_bytes()), "{json}");
        }
    }
}
