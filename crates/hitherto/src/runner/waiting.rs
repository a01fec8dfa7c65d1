//! Waiting of a thread: for the next event, for a nudge, or for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use hitherto_store::Events;

use crate::{Result, StoredEvent};

/// Wakes one thread, and remembers that it did.
struct Nudge {
    thread: Thread,
    is_nudged: AtomicBool,
}

impl Wake for Nudge {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_nudged.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// What the current thread waits with.
pub(crate) struct Waiting {
    nudge: Arc<Nudge>,
    waker: Waker,
}

impl Waiting {
    /// For the current thread.
    pub(crate) fn new() -> Self {
        let thread = std::thread::current();
        let nudge = Arc::new(Nudge { thread, is_nudged: AtomicBool::new(false) });
        Self { waker: Waker::from(Arc::clone(&nudge)), nudge }
    }

    /// What wakes it.
    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// The next event if it is there; and if not, a new event nudges.
    pub(crate) fn poll(&self, events: &mut Events) -> Poll<Option<Result<StoredEvent>>> {
        events.poll_next(&mut Context::from_waker(&self.waker))
    }

    /// Waits until somebody nudges, or for so long.
    pub(crate) fn wait(&self, limit: Duration) {
        if !self.nudge.is_nudged.load(Ordering::SeqCst) {
            std::thread::park_timeout(limit);
        }
        self.nudge.is_nudged.store(false, Ordering::SeqCst);
    }
}
