//! What stands in an event's JSON: a personal value, a sealed one, a forgotten one; and the two
//! replacements, at append and at read.

use std::borrow::Cow;

use data_encoding::BASE64;
use hitherto_store::personal::{FORGOTTEN, PERSONAL, SEALED};
use hitherto_store::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::Replace;
use crate::keyring::{Found, KeyRing, check_subject};
use crate::seal::{self, Place};
use crate::slot::Id;

/// `{"subject":…,"value":…}`
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonalValue<'json> {
    #[serde(borrow)]
    subject: Cow<'json, str>,
    #[serde(borrow)]
    value: &'json RawValue,
}

/// `{"subject":…,"key":…,"data":…}`
#[derive(Serialize, Deserialize)]
struct SealedValue<'json> {
    #[serde(borrow)]
    subject: Cow<'json, str>,
    key: Cow<'json, str>,
    data: Cow<'json, str>,
}

/// Seals what is personal.
pub(crate) struct Sealing<'event> {
    pub(crate) ring: &'event KeyRing,
    pub(crate) vault: Id,
    pub(crate) event: &'event [u8],
    pub(crate) part: u8,
    /// Values of this part that were sealed so far.
    pub(crate) sealed: u32,
}

impl Replace for Sealing<'_> {
    fn keys(&self) -> &'static [&'static str] {
        &["\"$personal\"", "\"$sealed\""]
    }

    fn replace(&mut self, key: &str, value: &str, others: bool) -> Result<Option<String>> {
        if key == SEALED {
            return Err(Error::invalid(format!(
                "an event has {SEALED:?} in it already, and nothing was appended: append what was read \
                 through a vault, or read and append both without one"
            )));
        }
        if others {
            return Err(Error::invalid(format!(
                "{PERSONAL:?} stands beside other keys of an object, and nothing was appended: it is the \
                 only key of its object"
            )));
        }
        let personal: PersonalValue<'_> = serde_json::from_str(value).map_err(|error| {
            Error::invalid(format!(
                "{PERSONAL:?} is not {{\"subject\":…,\"value\":…}}, and nothing was appended"
            ))
            .because(error)
        })?;
        self.seal(&personal).map(Some)
    }
}

impl Sealing<'_> {
    fn seal(&mut self, personal: &PersonalValue<'_>) -> Result<String> {
        let subject = &*personal.subject;
        check_subject(subject)?;
        let (id, key) = self.ring.key_of(subject)?;
        let (holder, part, number) = (self.event, self.part, self.sealed);
        let place = Place { vault: self.vault, holder, part, number, subject, key: id };
        let data = seal::seal(&key, &place, personal.value.get().as_bytes());
        self.sealed += 1;
        let (key, data) = (id.to_string().into(), BASE64.encode(&data).into());
        object(SEALED, &SealedValue { subject: subject.into(), key, data })
    }
}

/// Opens what is sealed.
pub(crate) struct Opening<'event> {
    pub(crate) ring: &'event KeyRing,
    pub(crate) vault: Option<Id>,
    pub(crate) event: &'event [u8],
    pub(crate) part: u8,
    /// Sealed values of this part that were seen so far.
    pub(crate) seen: u32,
}

impl Replace for Opening<'_> {
    fn keys(&self) -> &'static [&'static str] {
        &["\"$sealed\""]
    }

    fn replace(&mut self, _: &str, value: &str, others: bool) -> Result<Option<String>> {
        let Some(sealed) = serde_json::from_str(value).ok().filter(|_| !others) else {
            return Ok(None); // no vault wrote that
        };
        self.open(&sealed).map(Some)
    }
}

impl Opening<'_> {
    fn open(&mut self, sealed: &SealedValue<'_>) -> Result<String> {
        let number = self.seen;
        self.seen += 1;
        let subject = &*sealed.subject;
        let found = Id::parse(&sealed.key).map(|id| self.ring.find(id).map(|found| (id, found)));
        let (id, key) = match found.transpose()? {
            Some((_, Found::Destroyed)) => return forgotten(subject),
            Some((id, Found::Key(key))) => (id, key),
            Some((_, Found::Unknown)) | None => return Err(self.unknown_key(sealed)),
        };
        let (holder, part) = (self.event, self.part);
        let vault = self.vault.unwrap_or(Id([0; 16]));
        let place = Place { vault, holder, part, number, subject, key: id };
        let data = BASE64.decode(sealed.data.as_bytes()).unwrap_or_default();
        let value = seal::open(&key, &place, &data).and_then(|value| String::from_utf8(value).ok());
        let value = value.ok_or_else(|| {
            Error::corrupt(format!(
                "what is sealed for {subject} is not what was sealed there: it was changed or moved"
            ))
        })?;
        let value: &RawValue = serde_json::from_str(&value)
            .map_err(|error| Error::corrupt("what was sealed is no JSON").because(error))?;
        object(PERSONAL, &PersonalValue { subject: subject.into(), value })
    }

    fn unknown_key(&self, sealed: &SealedValue<'_>) -> Error {
        Error::not_found(format!(
            "the key {} of {} is not in {}, and no receipt says that it was destroyed: restore the latest \
             backup of the keys",
            sealed.key,
            sealed.subject,
            self.ring.place()
        ))
    }
}

#[derive(Serialize)]
struct Forgotten<'json> {
    subject: &'json str,
}

fn forgotten(subject: &str) -> Result<String> {
    object(FORGOTTEN, &Forgotten { subject })
}

/// `{"key":value}`
fn object(key: &str, value: &impl Serialize) -> Result<String> {
    let value = serde_json::to_string(value)
        .map_err(|error| Error::invalid("a value cannot be written as JSON").because(error))?;
    Ok(format!("{{\"{key}\":{value}}}"))
}
