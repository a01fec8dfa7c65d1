//! Our store as a contestant.

use std::hint::black_box;
use std::path::Path;

use hitherto::Store;
use hitherto_store::{
    Append, EmbeddedStore, Error, EventStore, ExpectedVersion, NewEvent, Position, Query, Recorded,
};

use crate::peers::{Answer, Conditions, New, Peer, Reader, Selection};
use crate::sample::{OrderEvent, Sample};

/// Our store, open.
pub(crate) struct Hitherto(EmbeddedStore);

impl Hitherto {
    pub(crate) fn open(directory: &Path) -> Result<Self, Error> {
        EmbeddedStore::open(directory).map(Self)
    }
}

impl From<EmbeddedStore> for Hitherto {
    fn from(store: EmbeddedStore) -> Self {
        Self(store)
    }
}

impl Peer for Hitherto {
    fn append(&self, events: Vec<New<'_>>) -> Answer<u64> {
        Ok(self.0.append(appends(events))?.position.0)
    }

    fn reader(&self) -> Answer<Box<dyn Reader>> {
        Ok(Box::new(HithertoReader(self.0.clone())))
    }

    fn conditions(&self) -> Option<&dyn Conditions> {
        Some(self)
    }

    fn embedded(&self) -> Option<&EmbeddedStore> {
        Some(&self.0)
    }
}

impl Conditions for Hitherto {
    fn append_unless(&self, sample: Sample, tag: &str, after: u64) -> Answer<u64> {
        let boundary = Query::of_kinds([sample.kind]).with_tag(tag);
        let event = new_event(sample).tag(tag);
        let append = Append::without_stream().event(event).unless(boundary, Position(after));
        Ok(self.0.append(append)?.position.0)
    }
}

/// The event as our store takes it.
pub(crate) fn new_event(sample: Sample) -> NewEvent {
    NewEvent::json(sample.kind, sample.payload).id(sample.id).metadata(sample.metadata)
}

/// Compresses every file of a store that is full, and returns when that is done.
pub(crate) fn compress_everything(store: &EmbeddedStore) -> Result<(), Error> {
    store.compress()
}

/// Events of one stream that follow each other are one part of an append.
fn appends(events: Vec<New<'_>>) -> Append {
    let (mut append, mut last) = (Append::default(), None);
    for New { stream, before, sample, .. } in events {
        if last != Some(stream) {
            append = append.and(Append::to(stream).expect(ExpectedVersion::Exact(before)));
        }
        append = append.event(new_event(sample));
        last = Some(stream);
    }
    append
}

struct HithertoReader(EmbeddedStore);

impl Reader for HithertoReader {
    fn read(&mut self, selection: Selection<'_>) -> Answer<u64> {
        let query = match selection {
            Selection::All => Query::all(),
            Selection::Stream(stream) => Query::stream(stream),
            Selection::Kind(kind) => Query::of_kinds([kind]),
        };
        Ok(read(&self.0, query)?)
    }
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
