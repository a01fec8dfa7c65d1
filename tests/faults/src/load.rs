//! The load: which events the n-th append has, and what must be there after so many of them.

use std::path::Path;

use hitherto_store::{
    Append, EmbeddedStore, EventId, EventStore, NewEvent, Options, Query, Recorded, Result, verify,
};

/// Events of one append, of which all or none must be there.
const EVENTS: u64 = 2;
const PAYLOAD_BYTES: usize = 300;
const LARGE_BYTES: usize = 16 << 10;
const STREAMS: u64 = 3;

/// The append with this number, counted from 1.
pub fn append(number: u64) -> Append {
    let first = (number - 1) * EVENTS + 1;
    Append::to(stream(number)).events((first..first + EVENTS).map(event))
}

/// An append that fits into no file of the usual size, and that nobody expects to be there.
pub fn large_append() -> Append {
    Append::to("large").event(NewEvent::json("Happened", format!("{:0LARGE_BYTES$}", 0)))
}

fn stream(number: u64) -> String {
    format!("load-{}", number % STREAMS)
}

/// The event at this position.
fn event(position: u64) -> NewEvent {
    let payload = format!("{position:0PAYLOAD_BYTES$}");
    NewEvent::json("Happened", payload).id(EventId::from_u128(u128::from(position)))
}

/// Small files, so that a small load has all there is: new files, indexes, compression.
pub fn options(background: bool) -> Options {
    let mut options = Options::default();
    options.background = background;
    options.log_file_bytes_min = 8 << 10;
    options.log_file_bytes_max = 16 << 10;
    options.raw_bytes_max = 0;
    options
}

/// Reads everything; how many appends there are.
///
/// # Panics
/// If anything else than the first appends, whole and in order, is returned.
pub fn read_everything(store: &EmbeddedStore) -> Result<u64> {
    let mut events = 0;
    for found in store.read(Query::all()) {
        let found = found?;
        events += 1;
        assert_eq!(found.position().0, events, "positions have no gap");
        assert_is_of_the_load(&found);
    }
    assert_eq!(events % EVENTS, 0, "no append is there in part");
    Ok(events / EVENTS)
}

fn assert_is_of_the_load(found: &Recorded) {
    let position = found.position().0;
    let number = (position - 1) / EVENTS + 1;
    let wanted = event(position);
    assert_eq!(found.payload(), wanted.payload, "event {position} is what was appended");
    assert_eq!(found.id(), wanted.id, "event {position} is what was appended");
    assert_eq!(found.stream(), Some(stream(number).as_str()), "event {position}");
}

/// Opens the store once more: what was acknowledged is there, and it goes on.
///
/// # Panics
/// If it does not.
pub fn check(path: &Path, acknowledged: u64) {
    let store = EmbeddedStore::open_with(path, options(false)).expect("it opens");
    let there = read_everything(&store).expect("it can be read");
    assert!(there >= acknowledged, "{acknowledged} appends were acknowledged, {there} are there");
    store.append(append(there + 1)).expect("it goes on");
    store.close().expect("it can be closed");
    let report = verify(path).expect("it can be read");
    assert!(report.damages.is_empty(), "{:?}", report.damages);
    assert_eq!(report.events, (there + 1) * EVENTS);
}
