//! A commit may have happened although its answer was lost: the handler is asked what it kept, and
//! nothing is repeated, nothing skipped, also when parked events are tried again.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::doors::{open_door, quick};
use hitherto::projection::{Definition, InMemory, Place, Viewing};
use hitherto::runner::{Failure, Handler, Order, Parked, Progress, Settings, Target, Work, follow};
use hitherto::{Error, Event, Position, Query, Recorded, Store, View, wait};

#[derive(Event)]
enum DoorEvent {
    Opened {},
}

/// How often each door was opened.
#[derive(Default)]
struct Opened(BTreeMap<String, u64>);

impl View for Opened {
    const NAME: &'static str = "opened";
    type Event = DoorEvent;

    fn apply(&mut self, event: &Recorded<DoorEvent>) {
        *self.0.entry(event.stream_id().to_owned()).or_default() += 1;
    }
}

/// Loses the answer of every third commit, or the commit itself; and refuses door 3 until it is
/// mended.
struct Lossy {
    inner: Box<dyn Target>,
    commits: Arc<AtomicU64>,
    is_mended: Arc<AtomicBool>,
}

struct LossyHandler {
    inner: Box<dyn Handler>,
    commits: Arc<AtomicU64>,
    is_mended: Arc<AtomicBool>,
}

impl Target for Lossy {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        self.inner.positions()
    }

    fn spread(&mut self, partitions: u32, position: Position) -> Result<(), Failure> {
        self.inner.spread(partitions, position)
    }

    fn handler(&mut self, partition: u32, partitions: u32) -> Result<Box<dyn Handler>, Failure> {
        let inner = self.inner.handler(partition, partitions)?;
        let (commits, is_mended) = (Arc::clone(&self.commits), Arc::clone(&self.is_mended));
        Ok(Box::new(LossyHandler { inner, commits, is_mended }))
    }

    fn parked(&mut self) -> Result<Vec<Parked>, Failure> {
        self.inner.parked()
    }

    fn order(&mut self, position: Position, order: Order) -> Result<bool, Failure> {
        self.inner.order(position, order)
    }
}

impl Handler for LossyHandler {
    fn resume(&mut self) -> Result<Progress, Failure> {
        self.inner.resume()
    }

    fn commit(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let jammed = work.events.iter().position(|event| event.stream_id() == "3");
        if let Some(index) = jammed.filter(|_| !self.is_mended.load(Ordering::SeqCst)) {
            return Err(Failure::of_event(index, Error::invalid("jammed")));
        }
        let lost = || Failure::Unavailable(Error::unavailable("no answer"));
        match self.commits.fetch_add(1, Ordering::SeqCst) % 6 {
            2 => Err(lost()),
            5 => self.inner.commit(work).and_then(|()| Err(lost())),
            _ => self.inner.commit(work),
        }
    }

    fn orders(&mut self) -> Result<Vec<Parked>, Failure> {
        self.inner.orders()
    }
}

#[test]
fn every_event_is_handled_once() {
    let store = Store::in_memory();
    for turn in 0..400 {
        open_door(&store, turn % 8, "Opened");
    }
    let mut place = InMemory::holding(Opened::default());
    let inner = Place::<Viewing>::open(&mut place, &Arc::new(Viewing)).unwrap();
    let is_mended = Arc::new(AtomicBool::new(false));
    let lossy = Lossy { inner, commits: Arc::default(), is_mended: Arc::clone(&is_mended) };
    let definition = Definition::new("opened", 1, Query::all());
    let settings = Settings { partitions: 3, batch: 9, ..quick() };
    let follower = follow(&store, definition, Box::new(lossy), settings).unwrap();
    let status = wait(follower.catch_up()).unwrap();
    assert_eq!((status.handled, status.parked), (350, 50));

    is_mended.store(true, Ordering::SeqCst);
    wait(follower.retry(follower.parked().unwrap()[0].position)).unwrap();
    let status = wait(follower.catch_up()).unwrap();
    assert_eq!((status.handled, status.parked), (400, 0));
    assert!(status.errors > 20, "answers were lost");
    let expected = (0..8).map(|door| (door.to_string(), 50)).collect::<BTreeMap<_, _>>();
    assert_eq!(place.read(|opened| opened.0.clone()), expected);
}
