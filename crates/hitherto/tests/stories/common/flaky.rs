//! A store that fails when it is told to, and lets others be faster at the worst moment.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use hitherto::{
    Append, EmbeddedStore, Error, EventId, EventStore, Events, Position, Query, Ticket,
};
use hitherto_store::{Recorded, SnapshotCache};

/// What happens to one append.
pub enum Fault {
    /// Nothing is wrong.
    None,
    /// It is not written, and the answer says that this is not known.
    NotWritten,
    /// It is written, and the answer says that this is not known.
    AnswerLost,
    /// Somebody else does this first; then nothing is wrong.
    Somebody(Somebody),
}

/// What somebody else does to the store meanwhile.
pub type Somebody = Box<dyn FnOnce(&EmbeddedStore) + Send>;

/// The embedded store, with a fault planned for each of its next appends.
#[derive(Clone)]
pub struct FlakyStore {
    pub inner: EmbeddedStore,
    faults: Arc<Mutex<VecDeque<Fault>>>,
    before_reading: Arc<Mutex<Option<Somebody>>>,
}

impl FlakyStore {
    pub fn new() -> Self {
        Self {
            inner: EmbeddedStore::in_memory(),
            faults: Arc::default(),
            before_reading: Arc::default(),
        }
    }

    pub fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.lock().expect("no test panics with it").extend(faults);
    }

    /// Lets somebody act right before the next read.
    pub fn before_reading(&self, acts: impl FnOnce(&EmbeddedStore) + Send + 'static) {
        *self.before_reading.lock().expect("no test panics with it") = Some(Box::new(acts));
    }
}

fn unknown_outcome() -> Error {
    Error::unavailable("the disk did not answer: repeat it with the same event ids")
}

impl EventStore for FlakyStore {
    fn submit(&self, append: Append) -> Ticket {
        let fault =
            self.faults.lock().expect("no test panics with it").pop_front().unwrap_or(Fault::None);
        match fault {
            Fault::None => self.inner.submit(append),
            Fault::NotWritten => Ticket::ready(Err(unknown_outcome())),
            Fault::AnswerLost => {
                let outcome = self.inner.submit(append).wait();
                Ticket::ready(outcome.and_then(|_| Err(unknown_outcome())))
            }
            Fault::Somebody(acts) => {
                acts(&self.inner);
                self.inner.submit(append)
            }
        }
    }

    fn read(&self, query: Query) -> Events {
        let acts = self.before_reading.lock().expect("no test panics with it").take();
        if let Some(acts) = acts {
            acts(&self.inner);
        }
        self.inner.read(query)
    }

    fn follow(&self, query: Query) -> Events {
        self.inner.follow(query)
    }

    fn find(&self, id: EventId) -> Ticket<Option<Recorded>> {
        self.inner.find(id)
    }

    fn head(&self) -> Ticket<Position> {
        self.inner.head()
    }

    fn snapshots(&self) -> Option<Arc<dyn SnapshotCache>> {
        self.inner.snapshots()
    }
}
