//! TEMPORARY scaffold with the final signatures; the engine replaces it.
#![allow(missing_docs, clippy::unwrap_used, clippy::needless_pass_by_value)]

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::*;

#[derive(Clone, Default)]
pub struct EmbeddedStore(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    events: Vec<Recorded>,
    wakers: Vec<Waker>,
    snapshots: Arc<Snapshots>,
}
#[derive(Default)]
struct Snapshots(Mutex<HashMap<String, Vec<u8>>>);
impl SnapshotCache for Snapshots {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(key).cloned()
    }
    fn put(&self, key: &str, value: &[u8]) -> Result<()> {
        self.0.lock().unwrap().insert(key.into(), value.into());
        Ok(())
    }
    fn clear(&self) -> Result<()> {
        self.0.lock().unwrap().clear();
        Ok(())
    }
}

impl EmbeddedStore {
    pub fn open(_path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::default())
    }
    pub fn open_with(_path: impl AsRef<Path>, _options: Options) -> Result<Self> {
        Ok(Self::default())
    }
    pub fn open_read_only(_path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::default())
    }
    pub fn in_memory() -> Self {
        Self::default()
    }
    pub fn on(_disk: impl Disk, _clock: impl Clock, _options: Options) -> Result<Self> {
        Ok(Self::default())
    }
    /// Marks everything durable and gives the store free. Dropping does the same, without the error.
    pub fn close(self) -> Result<()> {
        Ok(())
    }
    fn now_append(&self, append: Append) -> Result<Saved> {
        limits::check_append(&append)?;
        let mut inner = self.0.lock().unwrap();
        let ids: Vec<_> = append.event_ids().collect();
        let version_of = |events: &[Recorded], s: &Option<StreamName>| {
            s.as_ref().map_or(0, |s| {
                events.iter().filter(|e| e.stream() == Some(s.as_str())).count() as u64
            })
        };
        if let Some(at) = inner.events.iter().position(|e| e.id() == ids[0]) {
            let mut position = at;
            let mut versions = vec![];
            for w in &append.writes {
                for e in &w.events {
                    let same = inner
                        .events
                        .get(position)
                        .is_some_and(|r| r.is_same_event(w.stream.as_ref(), e));
                    if !same {
                        return Err(Error::invalid(format!(
                            "event id {} was used for another event: new events need new ids",
                            e.id
                        )));
                    }
                    position += 1;
                }
                versions.push(version_of(&inner.events[..position], &w.stream));
            }
            return Ok(Saved {
                first_position: Position(at as u64 + 1),
                position: Position(position as u64),
                version: *versions.last().unwrap(),
                versions,
                repeated: true,
            });
        }
        for w in &append.writes {
            let actual = version_of(&inner.events, &w.stream);
            let ok = match w.expected {
                ExpectedVersion::Any => true,
                ExpectedVersion::NoStream => actual == 0,
                ExpectedVersion::StreamExists => actual > 0,
                ExpectedVersion::Exact(v) => actual == v,
            };
            if !ok {
                let stream = w.stream.as_ref().map(ToString::to_string).unwrap_or_default();
                return Err(Error::conflict(
                    format!("stream {stream} is at version {actual}, not at {:?}", w.expected),
                    Conflict::WrongVersion { stream, actual },
                ));
            }
        }
        if let Some(c) = &append.condition {
            if let Some(e) =
                inner.events.iter().find(|e| e.position() > c.after && c.query.matches_any_item(e))
            {
                return Err(Error::conflict(
                    "the condition does not hold",
                    Conflict::ConditionFailed { position: e.position() },
                ));
            }
        }
        let first = inner.events.len();
        let mut versions = vec![];
        let now = SystemClock.now();
        for w in &append.writes {
            for e in &w.events {
                let version =
                    if w.stream.is_some() { version_of(&inner.events, &w.stream) + 1 } else { 0 };
                let position = Position(inner.events.len() as u64 + 1);
                let r = Recorded::new(
                    Placement { position, version, recorded_at: now },
                    w.stream.as_ref(),
                    e,
                );
                inner.events.push(r);
            }
            versions.push(version_of(&inner.events, &w.stream));
        }
        inner.wakers.drain(..).for_each(Waker::wake);
        Ok(Saved {
            first_position: Position(first as u64 + 1),
            position: Position(inner.events.len() as u64),
            version: *versions.last().unwrap(),
            versions,
            repeated: false,
        })
    }
}

impl EventStore for EmbeddedStore {
    fn submit(&self, append: Append) -> Ticket {
        Ticket::ready(self.now_append(append))
    }
    fn read(&self, query: Query) -> Events {
        if let Err(e) = limits::check_query(&query) {
            return Events::failed(e);
        }
        let mut found: Vec<_> =
            self.0.lock().unwrap().events.iter().filter(|e| query.matches(e)).cloned().collect();
        if query.direction == Direction::Backward {
            found.reverse();
        }
        found.truncate(query.limit.unwrap_or(u64::MAX) as usize);
        struct List(std::vec::IntoIter<Recorded>);
        impl EventSource for List {
            fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Recorded>>> {
                Poll::Ready(self.0.next().map(Ok))
            }
        }
        Events::new(List(found.into_iter()))
    }
    fn follow(&self, query: Query) -> Events {
        struct Follow(EmbeddedStore, usize, Query);
        impl EventSource for Follow {
            fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Recorded>>> {
                let mut inner = self.0.0.lock().unwrap();
                while let Some(e) = inner.events.get(self.1) {
                    self.1 += 1;
                    if self.2.matches(e) {
                        return Poll::Ready(Some(Ok(e.clone())));
                    }
                }
                inner.wakers.push(cx.waker().clone());
                Poll::Pending
            }
        }
        Events::new(Follow(self.clone(), 0, query))
    }
    fn find(&self, id: EventId) -> Ticket<Option<Recorded>> {
        Ticket::ready(Ok(self.0.lock().unwrap().events.iter().find(|e| e.id() == id).cloned()))
    }
    fn head(&self) -> Ticket<Position> {
        Ticket::ready(Ok(Position(self.0.lock().unwrap().events.len() as u64)))
    }
    fn snapshots(&self) -> Option<Arc<dyn SnapshotCache>> {
        Some(self.0.lock().unwrap().snapshots.clone())
    }
}
