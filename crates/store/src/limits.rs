//! Every maximum in the system, and the check at the door that refuses what is over one.

use std::collections::HashSet;
use std::fmt;

use crate::append::{Append, Condition};
use crate::error::{Error, Result};
use crate::event::{NewEvent, Tag, split_stream_name};
use crate::personal;
use crate::query::Query;

/// Payload and metadata of one event together, in bytes.
pub const EVENT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Events in one append.
pub const APPEND_EVENTS_MAX: usize = 16 * 1024;
/// All events of one append as stored, in bytes.
pub const APPEND_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Streams in one append.
pub const APPEND_STREAMS_MAX: usize = 1024;
/// A stream's full name, in bytes of UTF-8.
pub const STREAM_NAME_BYTES_MAX: usize = 512;
/// A kind's name, in bytes of UTF-8.
pub const KIND_BYTES_MAX: usize = 255;
/// A tag, key and value together, in bytes of UTF-8.
pub const TAG_BYTES_MAX: usize = 255;
/// Tags of one event.
pub const EVENT_TAGS_MAX: usize = 64;
/// Alternatives in one query.
pub const QUERY_ITEMS_MAX: usize = 128;
/// Kinds and tags in one alternative of a query.
pub const QUERY_ITEM_TERMS_MAX: usize = 256;
/// Policies, operations and holds of retention that a store remembers.
pub const RETENTION_RULES_MAX: usize = 1024 * 1024;

const _: () = assert!(EVENT_BYTES_MAX < APPEND_BYTES_MAX);
const _: () = assert!(STREAM_NAME_BYTES_MAX <= u16::MAX as usize);
const _: () = assert!(KIND_BYTES_MAX <= u8::MAX as usize && TAG_BYTES_MAX <= u8::MAX as usize);
const _: () = assert!(EVENT_TAGS_MAX * (TAG_BYTES_MAX + 1) <= u16::MAX as usize);

/// Refuses an append that is over a limit, naming the limit and what to do.
pub fn check_append(append: &Append) -> Result<()> {
    let events = append.writes.iter().map(|write| write.events.len()).sum::<usize>();
    if events == 0 {
        return Err(Error::invalid("the append has no events: an append writes at least one"));
    }
    at_most("events in one append", events, APPEND_EVENTS_MAX, "split it into several appends")?;
    let streams = append.writes.len();
    at_most("streams in one append", streams, APPEND_STREAMS_MAX, "split it into several appends")?;
    check_streams(append)?;
    check_ids(append)?;
    for event in append.writes.iter().flat_map(|write| &write.events) {
        check_event(event)?;
    }
    let bytes = append.stored_bytes();
    at_most("bytes in one append", bytes, APPEND_BYTES_MAX, "split it into several appends")?;
    append.condition.as_ref().map_or(Ok(()), check_condition)
}

fn check_streams(append: &Append) -> Result<()> {
    let mut seen =
        HashSet::with_capacity(if append.writes.len() > 1 { append.writes.len() } else { 0 });
    for stream in append.writes.iter().filter_map(|write| write.stream.as_ref()) {
        check_stream_name(stream.as_str())?;
        if append.writes.len() > 1 && !seen.insert(stream.as_str()) {
            return Err(Error::invalid(format!(
                "stream {stream} is named twice in one append: put its events into one write"
            )));
        }
    }
    Ok(())
}

/// Refuses a name that cannot be that of a stream which callers append to.
fn check_stream_name(name: &str) -> Result<()> {
    if split_stream_name(name).0 == crate::retention::STREAM {
        return Err(Error::invalid(format!(
            "the stream {name:?} is the store's own: name another stream, or use `keep`, `truncate`, \
             `delete`, `tombstone` or `hold`"
        )));
    }
    check_name("stream name", name, STREAM_NAME_BYTES_MAX)
}

/// Refuses a name that cannot be that of a stream or category of which something may be removed.
pub(crate) fn check_target(name: &str) -> Result<()> {
    if name.starts_with('$') {
        return Err(Error::invalid(format!(
            "{name:?} begins with `$`, and nothing is removed of what is the store's own: name another \
             stream or category"
        )));
    }
    check_name("name of a stream or category", name, STREAM_NAME_BYTES_MAX)
}

/// Refuses a name that cannot be that of a kind.
pub(crate) fn check_kind(kind: &str) -> Result<()> {
    check_name("kind", kind, KIND_BYTES_MAX)
}

/// Ids that grow, as new ones do, are seen to be different without a table.
fn check_ids(append: &Append) -> Result<()> {
    if append.event_ids().is_sorted_by(|one, next| one < next) {
        return Ok(());
    }
    let mut seen = HashSet::new();
    match append.event_ids().find(|id| !seen.insert(*id)) {
        None => Ok(()),
        Some(id) => Err(Error::invalid(format!(
            "event id {id} is used twice in one append: give each event an id of its own"
        ))),
    }
}

fn check_event(event: &NewEvent) -> Result<()> {
    check_kind(&event.kind)?;
    let bytes = event.payload.len() + event.metadata.len();
    at_most(
        "bytes of payload and metadata in one event",
        bytes,
        EVENT_BYTES_MAX,
        "store large data elsewhere and keep a reference in the event",
    )?;
    at_most("tags of one event", event.tags.len(), EVENT_TAGS_MAX, "tag only what is queried by")?;
    personal::check_event(event)?;
    event.tags.iter().try_for_each(check_tag)
}

fn check_tag(tag: &Tag) -> Result<()> {
    check_name("tag", tag.as_str(), TAG_BYTES_MAX)
}

fn check_condition(condition: &Condition) -> Result<()> {
    check_query(&condition.query)
}

/// Refuses a query that is over a limit, or that asks for something that cannot be.
pub fn check_query(query: &Query) -> Result<()> {
    at_most("alternatives in one query", query.items.len(), QUERY_ITEMS_MAX, "ask twice")?;
    for item in &query.items {
        let terms = item.kinds.len() + item.tags.len();
        at_most("terms in one alternative of a query", terms, QUERY_ITEM_TERMS_MAX, "ask twice")?;
        if let Some(stream) = &item.stream {
            check_name("stream name", stream.as_str(), STREAM_NAME_BYTES_MAX)?;
        }
        if let Some(category) = &item.category {
            check_name("category", category, STREAM_NAME_BYTES_MAX)?;
        }
        item.kinds.iter().try_for_each(|kind| check_name("kind", kind, KIND_BYTES_MAX))?;
        item.tags.iter().try_for_each(check_tag)?;
    }
    let one_stream = query.items.len() == 1 && query.items[0].stream.is_some();
    if query.bounds_versions() && !one_stream {
        return Err(Error::invalid(
            "versions count within one stream: use `after` or `up_to` with positions here",
        ));
    }
    Ok(())
}

fn check_name(what: &str, name: &str, bytes_max: usize) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid(format!("the {what} is empty: give it at least one character")));
    }
    if has_control(name) {
        return Err(Error::invalid(format!(
            "the {what} {name:?} has a control character: use printable text"
        )));
    }
    let advice = "use a shorter name and keep the long text in the payload";
    at_most(format_args!("bytes in a {what}"), name.len(), bytes_max, advice)
}

fn has_control(name: &str) -> bool {
    // One byte of each control character is among these, and hardly one of another character.
    let may_be = |byte: u8| byte < b' ' || byte == 0x7F || byte == 0xC2;
    name.bytes().any(may_be) && name.chars().any(char::is_control)
}

fn at_most(what: impl fmt::Display, actual: usize, maximum: usize, advice: &str) -> Result<()> {
    if actual <= maximum {
        return Ok(());
    }
    Err(Error::invalid(format!("{what}: {actual} is over the limit of {maximum}; {advice}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_seen_wherever_they_stand() {
        let every = (0..=0x2FF).filter_map(char::from_u32);
        for character in every {
            let name = format!("order-{character}-é7");
            assert_eq!(has_control(&name), character.is_control(), "{name:?}");
        }
    }
}
