//! Events on their way through a vault: sealed when they go in, opened when they come out.

use std::sync::Arc;
use std::task::{Context, Poll};

use hitherto_store::{
    Append, ContentType, Error, EventSource, Events, NewEvent, Placement, Recorded, Result,
    StreamName,
};

use crate::json::{mentions, replace};
use crate::keyring::KeyRing;
use crate::slot::Id;
use crate::values::{Opening, Sealing};
use crate::vault::check_kind;

const PAYLOAD: u8 = 0;
const METADATA: u8 = 1;

/// Whether something in the append is to be sealed.
///
/// # Errors
/// `Invalid` if an event is of a kind that is the vault's own.
pub(crate) fn is_personal(append: &Append) -> Result<bool> {
    let mut events = append.writes.iter().flat_map(|write| &write.events);
    let mut found = false;
    events.try_for_each(|event| {
        found |=
            parts(event).into_iter().any(|json| mentions(json, &["\"$personal\"", "\"$sealed\""]));
        check_kind(&event.kind)
    })?;
    Ok(found)
}

/// The JSON texts of an event: its payload, if it is JSON, and its metadata.
fn parts(event: &NewEvent) -> [&str; 2] {
    [payload_text(event.content_type, &event.payload), text(&event.metadata)]
}

fn payload_text(content_type: ContentType, payload: &[u8]) -> &str {
    if content_type == ContentType::Json { text(payload) } else { "" }
}

/// What is no text has no JSON in it.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// The same append with everything personal sealed.
pub(crate) fn seal(ring: &KeyRing, vault: Id, mut append: Append) -> Result<Append> {
    for event in append.writes.iter_mut().flat_map(|write| &mut write.events) {
        let id = event.id;
        let [payload, metadata] = parts(event);
        let sealed = |json: &str, part| {
            let mut sealing = Sealing { ring, vault, event: id.as_bytes(), part, sealed: 0 };
            let is_personal = mentions(json, &["\"$personal\"", "\"$sealed\""]);
            is_personal.then(|| replace(json, &mut sealing)).transpose()
        };
        let named = |error: Error| Error::new(error.kind(), format!("event {id}: {error}"));
        let payload = sealed(payload, PAYLOAD).map_err(named)?;
        let metadata = sealed(metadata, METADATA).map_err(named)?;
        event.payload = payload.map_or(event.payload.clone(), Into::into);
        event.metadata = metadata.map_or(event.metadata.clone(), Into::into);
    }
    Ok(append)
}

/// The same event with everything sealed opened, or told to be forgotten.
pub(crate) fn open(ring: &KeyRing, event: Recorded) -> Result<Recorded> {
    let keys = &["\"$sealed\""];
    let payload = payload_text(event.content_type(), event.payload());
    let metadata = text(event.metadata());
    if !mentions(payload, keys) && !mentions(metadata, keys) {
        return Ok(event);
    }
    let (vault, id) = (ring.vault()?, event.id());
    let opened = |json: &str, part| {
        let mut opening = Opening { ring, vault, event: id.as_bytes(), part, seen: 0 };
        replace(json, &mut opening).map_err(|error| {
            let place = event.position();
            Error::new(error.kind(), format!("event {place}: {error}"))
        })
    };
    let mut new = event.to_new_event();
    if mentions(payload, keys) {
        new.payload = opened(payload, PAYLOAD)?.into();
    }
    if mentions(metadata, keys) {
        new.metadata = opened(metadata, METADATA)?.into();
    }
    let (position, version) = (event.position(), event.version());
    let placement = Placement { position, version, recorded_at: event.recorded_at() };
    Ok(Recorded::new(placement, event.stream().map(StreamName::from).as_ref(), &new))
}

/// Events that are opened one by one.
pub(crate) struct Opened {
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) events: Events,
    pub(crate) has_failed: bool,
}

impl EventSource for Opened {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Recorded>>> {
        if self.has_failed {
            return Poll::Ready(None);
        }
        self.events.poll_next(context).map(|next| {
            let opened = next?.and_then(|event| open(&self.ring, event));
            self.has_failed = opened.is_err();
            Some(opened)
        })
    }
}
