//! What a vault says in the store's log: whose keys it has, and whom it forgot.

use hitherto_store::personal::RECEIPT_KIND;
use hitherto_store::{
    Append, Error, EventId, EventStore, ExpectedVersion, NewEvent, Query, Recorded, Result,
    StreamName, Tag,
};
use serde::Deserialize;

use crate::slot::Id;

/// The kind of the event that says whose keys data is sealed under.
pub(crate) const MARK_KIND: &str = "$VaultCreated";
const MARK_STREAM: &str = "$vault";
/// The category of the streams of receipts.
const RECEIPT_CATEGORY: &str = "$forgotten";

#[derive(Deserialize)]
struct Mark {
    vault: String,
}

#[derive(Deserialize)]
struct Receipt {
    subject: String,
    key: String,
}

/// The append that says whose keys they are; once.
pub(crate) fn mark(vault: Id) -> Append {
    let event = NewEvent::json(MARK_KIND, format!(r#"{{"vault":"{vault}"}}"#));
    let event = event.id(EventId::from_bytes(vault.0));
    Append::to(MARK_STREAM).expect(ExpectedVersion::NoStream).event(event)
}

/// The vault that the store names, if it names one.
pub(crate) fn mark_of(store: &dyn EventStore) -> Result<Option<Id>> {
    let Some(event) = store.read(Query::stream(MARK_STREAM).limit(1)).next() else {
        return Ok(None);
    };
    let event = event?;
    let mark = serde_json::from_slice::<Mark>(event.payload()).ok();
    mark.and_then(|mark| Id::parse(&mark.vault)).map(Some).ok_or_else(|| not_ours(&event))
}

/// The append that says that a subject's key was destroyed; repeated, it is one.
pub(crate) fn receipt(key: Id, subject: &str) -> Append {
    let text = serde_json::Value::from(subject);
    let payload = format!(r#"{{"subject":{text},"key":"{key}"}}"#);
    let event = NewEvent::json(RECEIPT_KIND, payload)
        .id(EventId::from_bytes(key.0).derived("forgotten"))
        .tag(Tag::new("subject", subject));
    Append::to(StreamName::of(RECEIPT_CATEGORY, subject)).event(event)
}

/// All keys that the store says were destroyed, with their subjects.
pub(crate) fn all(store: &dyn EventStore) -> Result<Vec<(Id, String)>> {
    let receipts = store.read(Query::of_kinds([RECEIPT_KIND]));
    receipts.map(|event| event.and_then(|event| read_receipt(&event))).collect()
}

fn read_receipt(event: &Recorded) -> Result<(Id, String)> {
    let receipt = serde_json::from_slice::<Receipt>(event.payload()).ok();
    let read = receipt.and_then(|receipt| Some((Id::parse(&receipt.key)?, receipt.subject)));
    read.ok_or_else(|| not_ours(event))
}

fn not_ours(event: &Recorded) -> Error {
    Error::invalid(format!(
        "event {} is of kind {} and was not appended by a vault: such kinds begin with `$` and are reserved",
        event.position(),
        event.kind()
    ))
}
