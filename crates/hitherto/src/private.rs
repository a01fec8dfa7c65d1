//! What `#[derive(Event)]` needs at run time. Not for use by hand.
#![doc(hidden)]

pub use {serde, serde_json};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event::{Event, names_of};
use crate::{Error, ErrorKind, Result};

/// The JSON of a kind's fields.
pub fn encode<T: Serialize>(kind: &str, fields: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(fields).map_err(|source| {
        Error::invalid(format!("{kind} cannot be written as JSON: change its fields' types"))
            .because(source)
    })
}

/// The key under which a vault stores what is personal.
const SEALED_KEY: &[u8] = b"\"$sealed\"";

/// A kind's fields from their JSON.
pub fn decode<T: DeserializeOwned>(kind: &str, version: u16, payload: &[u8]) -> Result<T> {
    serde_json::from_slice(payload).map_err(|source| {
        if payload.windows(SEALED_KEY.len()).any(|bytes| bytes == SEALED_KEY) {
            return Error::invalid(format!(
                "a stored {kind} has personal data that is sealed: open the store through its vault"
            ))
            .because(source);
        }
        Error::invalid(format!(
            "a stored {kind} (schema version {version}) does not have the fields of today's type: give \
             new fields #[serde(default)], or the kind a new version and an upcaster"
        ))
        .because(source)
    })
}

/// The error for a kind, or a version of it, that a type does not know.
pub fn unknown_kind<E: Event>(kind: &str, version: u16) -> Error {
    let known = E::kinds().into_iter().find(|known| names_of(known).any(|name| name == kind));
    if let Some(known) = known {
        return Error::new(
            ErrorKind::Invalid,
            format!(
                "a stored {kind} has schema version {version}, and this program knows versions 1 to {}: \
                 run a newer version of it",
                known.version
            ),
        );
    }
    let names: Vec<_> = E::kinds().into_iter().map(|known| known.name).collect();
    Error::new(
        ErrorKind::Invalid,
        format!(
            "events of kind {kind} are not known here, only {}: was it renamed? then say \
             #[event(was = {kind:?})]",
            names.join(", ")
        ),
    )
}
