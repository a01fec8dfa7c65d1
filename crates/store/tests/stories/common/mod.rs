//! What several tests share.

#![allow(dead_code)]

pub(crate) mod counting;
pub(crate) mod hooked;
pub(crate) mod image;
pub(crate) mod kept;

use hitherto_store::Recorded;

/// Every field of an event, in one line.
pub(crate) fn line(event: &Recorded) -> String {
    let tags: Vec<_> = event.tags().collect();
    format!(
        "{} {:?} {} {} {} {} {:?} {:?} {:?} {:?} {:?} {:?}",
        event.position(),
        event.stream(),
        event.version(),
        event.kind(),
        event.schema_version(),
        event.recorded_at().as_nanos(),
        event.id(),
        tags,
        event.content_type(),
        (event.correlation(), event.causation()),
        event.metadata(),
        event.payload(),
    )
}
