//! `UmaDB`'s embedded store as a contestant: a stream is a tag, a version check is its condition.
//!
//! Its own writer thread commits what came meanwhile together, as in its server; an append returns
//! when its commit is synced. A page cache of 64 MB; reads in batches, where there is much to read.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot, watch};
use umadb_core::db::UmaDb;
use umadb_core::mvcc::{Mvcc, StorageOptions};
use umadb_core::writer_thread_blocking::writer_thread_blocking;
use umadb_core::writer_thread_request::WriterThreadRequest;
use umadb_dcb::{
    DcbAppendCondition, DcbEvent, DcbEventStoreSync, DcbQuery, DcbQueryItem, DcbSequencedEvent,
};
use uuid::Uuid;

use super::{Answer, Conditions, New, Peer, Reader, Selection};
use crate::sample::Sample;

const CACHE_MEGABYTES: usize = 64;
const COMMIT_EVENTS_MAX: usize = 2000;
const REQUESTS_MAX: usize = 1024;
const READ_EVENTS: u32 = 1000;

pub(super) struct Umadb {
    database: Arc<Mvcc>,
    requests: mpsc::Sender<WriterThreadRequest>,
    writer: Option<JoinHandle<()>>,
}

impl Umadb {
    pub(super) fn open(directory: &Path) -> Answer<Self> {
        let options =
            StorageOptions::default().db_path(directory).page_cache_max_mb(CACHE_MEGABYTES);
        let database = Arc::new(Mvcc::new(false, options)?);
        let (requests, taken) = mpsc::channel(REQUESTS_MAX);
        let writing = Arc::clone(&database);
        let writer = thread::spawn(move || {
            let (head, _) = watch::channel(None);
            writer_thread_blocking(writing, taken, head, COMMIT_EVENTS_MAX);
        });
        Ok(Self { database, requests, writer: Some(writer) })
    }

    fn request(&self, events: Vec<DcbEvent>, condition: Option<DcbAppendCondition>) -> Answer<u64> {
        let (response_tx, response) = oneshot::channel();
        let request = WriterThreadRequest::Append {
            events,
            condition,
            tracking_info: None,
            response_tx,
            cancel: None,
        };
        self.requests.blocking_send(request).map_err(|_| "the writer thread ended")?;
        Ok(response.blocking_recv()??)
    }
}

impl Drop for Umadb {
    fn drop(&mut self) {
        // If the thread ended already, there is nothing to tell it.
        let _ = self.requests.blocking_send(WriterThreadRequest::Shutdown);
        let _ = self.writer.take().map(JoinHandle::join);
    }
}

impl Peer for Umadb {
    fn append(&self, events: Vec<New<'_>>) -> Answer<u64> {
        let condition =
            events.first().and_then(|first| Some(condition(vec![], first.stream, first.seen?)));
        let event = |new: New<'_>| event(&new.sample, new.stream);
        self.request(events.into_iter().map(event).collect(), condition)
    }

    fn reader(&self) -> Answer<Box<dyn Reader>> {
        Ok(Box::new(UmadbReader(UmaDb::from_arc(Arc::clone(&self.database)))))
    }

    fn conditions(&self) -> Option<&dyn Conditions> {
        Some(self)
    }
}

impl Conditions for Umadb {
    fn append_unless(&self, sample: Sample, tag: &str, after: u64) -> Answer<u64> {
        let condition = condition(vec![sample.kind.to_owned()], tag, after);
        self.request(vec![event(&sample, tag)], Some(condition))
    }
}

fn condition(types: Vec<String>, tag: &str, after: u64) -> DcbAppendCondition {
    let item = DcbQueryItem { types, tags: vec![tag.to_owned()] };
    DcbAppendCondition {
        fail_if_events_match: DcbQuery { items: vec![item] },
        after: (after > 0).then_some(after),
    }
}

fn event(sample: &Sample, tag: &str) -> DcbEvent {
    let metadata = String::from_utf8_lossy(&sample.metadata).into_owned();
    DcbEvent {
        event_type: sample.kind.to_owned(),
        tags: vec![tag.to_owned()],
        data: sample.payload.to_vec(),
        uuid: Some(Uuid::from_bytes(*sample.id.as_bytes())),
        metadata: vec![(String::new(), metadata)],
    }
}

struct UmadbReader(UmaDb);

impl Reader for UmadbReader {
    fn read(&mut self, selection: Selection<'_>) -> Answer<u64> {
        let item = match selection {
            Selection::All => return self.all(),
            Selection::Stream(stream) => {
                DcbQueryItem { types: vec![], tags: vec![stream.to_owned()] }
            }
            Selection::Kind(kind) => DcbQueryItem { types: vec![kind.to_owned()], tags: vec![] },
        };
        let query = DcbQuery { items: vec![item] };
        let (events, _) = self.0.read_with_head(Some(query), None, false, None)?;
        Ok(look_at(&events))
    }
}

impl UmadbReader {
    fn all(&self) -> Answer<u64> {
        let (mut count, mut next) = (0, None);
        loop {
            let (events, _) = self.0.read_with_head(None, next, false, Some(READ_EVENTS))?;
            let Some(last) = events.last() else { return Ok(count) };
            next = Some(last.position + 1);
            count += look_at(&events);
        }
    }
}

fn look_at(events: &[DcbSequencedEvent]) -> u64 {
    for sequenced in events {
        let event = &sequenced.event;
        black_box((sequenced.position, &event.event_type, &event.data, &event.metadata));
    }
    events.len() as u64
}
