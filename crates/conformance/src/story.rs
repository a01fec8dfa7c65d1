//! Short words for the cases.

use hitherto_store::{
    Append, Error, ErrorKind, EventStore, ExpectedVersion, NewEvent, Query, Recorded, Saved,
};

/// An event of a kind with nothing in it.
pub(crate) fn event(kind: &'static str) -> NewEvent {
    NewEvent::json(kind, "{}")
}

/// Appends one event of a kind to a stream, whatever it looks like.
pub(crate) fn happen(store: &dyn EventStore, stream: &str, kind: &'static str) -> Saved {
    store.append(Append::to(stream).event(event(kind))).expect("it is a sound append")
}

/// Appends one event at an expected version.
pub(crate) fn expecting(
    store: &dyn EventStore,
    stream: &str,
    expected: ExpectedVersion,
) -> Result<Saved, Error> {
    store.append(Append::to(stream).expect(expected).event(event("Happened")))
}

pub(crate) fn read(store: &dyn EventStore, query: Query) -> Vec<Recorded> {
    store.read(query).collect::<Result<_, _>>().expect("a sound store can be read")
}

pub(crate) fn positions(store: &dyn EventStore, query: Query) -> Vec<u64> {
    read(store, query).iter().map(|event| event.position().0).collect()
}

/// The append is refused with this kind of error, and leaves no trace.
#[track_caller]
pub(crate) fn refused(store: &dyn EventStore, append: Append, kind: ErrorKind) -> Error {
    let before = read(store, Query::all());
    let error = store.append(append).expect_err("it is refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(!error.to_string().is_empty());
    assert_eq!(read(store, Query::all()), before, "a refused append left a trace");
    error
}
