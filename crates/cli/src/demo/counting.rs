//! A store that counts the events it gives out: so that the demo can say what was really read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hitherto_store::{
    Append, EmbeddedStore, EventId, EventSource, EventStore, Events, Position, Query, Recorded,
    Result, SnapshotCache, Ticket,
};

/// The embedded store, and how many events were read from it.
pub(crate) struct Counting {
    store: EmbeddedStore,
    events_read: Arc<AtomicU64>,
}

impl Counting {
    pub(crate) fn new(store: EmbeddedStore) -> Self {
        Self { store, events_read: Arc::default() }
    }

    /// Events that were read since the last call.
    pub(crate) fn take_events_read(&self) -> u64 {
        self.events_read.swap(0, Ordering::Relaxed)
    }

    fn counted(&self, events: Events) -> Events {
        Events::new(Counted { events, events_read: Arc::clone(&self.events_read) })
    }
}

impl EventStore for Counting {
    fn submit(&self, append: Append) -> Ticket {
        self.store.submit(append)
    }

    fn read(&self, query: Query) -> Events {
        self.counted(self.store.read(query))
    }

    fn follow(&self, query: Query) -> Events {
        self.counted(self.store.follow(query))
    }

    fn find(&self, id: EventId) -> Ticket<Option<Recorded>> {
        self.store.find(id)
    }

    fn head(&self) -> Ticket<Position> {
        self.store.head()
    }

    fn snapshots(&self) -> Option<Arc<dyn SnapshotCache>> {
        self.store.snapshots()
    }
}

struct Counted {
    events: Events,
    events_read: Arc<AtomicU64>,
}

impl EventSource for Counted {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Recorded>>> {
        let polled = self.events.poll_next(context);
        if let Poll::Ready(Some(Ok(_))) = &polled {
            self.events_read.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }
}
