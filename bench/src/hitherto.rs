//! Our store as a contestant.

use std::hint::black_box;

use hitherto::Store;
use hitherto_store::{
    Append, EmbeddedStore, Error, EventStore, ExpectedVersion, NewEvent, Query, Recorded,
};

use crate::sample::{OrderEvent, Sample, Samples};

/// The event as our store takes it.
pub(crate) fn new_event(sample: Sample) -> NewEvent {
    NewEvent::json(sample.kind, sample.payload).id(sample.id).metadata(sample.metadata)
}

/// Appends so many events a call to a stream of its own, each time at the version that it expects.
pub(crate) fn writer(
    store: &EmbeddedStore,
    stream: usize,
    events: usize,
) -> impl FnMut() + Send + use<> {
    let store = store.clone();
    let stream = format!("order-{stream:08}");
    let mut samples = Samples::new();
    let mut version = 0;
    move || {
        let append = Append::to(stream.as_str())
            .expect(ExpectedVersion::Exact(version))
            .events((0..events).map(|_| new_event(samples.make())));
        version = store.append(append).expect("nobody else appends to this stream").version;
    }
}

/// Appends the events of several streams at once, all at the same version before.
pub(crate) fn fill(
    store: &EmbeddedStore,
    streams: &[String],
    version: u64,
    samples: &mut Samples,
) -> Result<(), Error> {
    let write = |stream: &String| {
        let append = Append::to(stream.as_str()).expect(ExpectedVersion::Exact(version));
        append.event(new_event(samples.make()))
    };
    let append = streams.iter().map(write).reduce(Append::and).unwrap_or_default();
    store.append(append).map(drop)
}

/// Reads what matches, looks at every part a caller would look at, and counts.
pub(crate) fn read(store: &EmbeddedStore, query: Query) -> Result<u64, Error> {
    read_as(store, query, |event| {
        black_box((event.position(), event.kind(), event.payload(), event.metadata()));
    })
}

/// As [`read`], and copies every event out of the store's bytes.
pub(crate) fn read_owned(store: &EmbeddedStore, query: Query) -> Result<u64, Error> {
    read_as(store, query, |event| {
        black_box(event.to_new_event());
    })
}

/// As [`read`], and decodes every event into the program's own type.
pub(crate) fn read_typed(store: &EmbeddedStore, query: Query) -> Result<u64, Error> {
    let mut count = 0;
    for event in Store::on(store.clone()).read_as::<OrderEvent>(query) {
        black_box(event?);
        count += 1;
    }
    Ok(count)
}

fn read_as(store: &EmbeddedStore, query: Query, look: impl Fn(&Recorded)) -> Result<u64, Error> {
    let mut count = 0;
    for event in store.read(query) {
        look(&event?);
        count += 1;
    }
    Ok(count)
}
