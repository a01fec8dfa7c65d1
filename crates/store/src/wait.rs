//! Waiting for a future in a thread that commits itself what the future submits.
//!
//! A submitted append is committed by a thread of the store, because its caller may go on and never
//! come back to it. Who waits in this thread for what submits does come back: the append is left
//! until the future has nothing else to do, and then committed here. That saves a hop to another
//! thread and back, which costs as much as a quick disk's sync.

use std::cell::RefCell;
use std::future::IntoFuture;
use std::pin::pin;
use std::sync::Arc;

use crate::commit_queue::CommitQueue;
use crate::sync::thread_local;
use crate::ticket::block_on;

/// What is left to commit in a thread.
#[derive(Default)]
struct Left {
    /// How many futures this thread waits for, one inside of the other.
    waits: usize,
    queues: Vec<Arc<CommitQueue>>,
}

thread_local! {
    static LEFT: RefCell<Left> = RefCell::default();
}

/// Blocks this thread until a future is ready: for programs and tests without a runtime.
///
/// What the future submits to an embedded store is committed in this thread, when the future has
/// nothing else to do or is ready. If it blocks this thread by other means before, until the append
/// is durable perhaps, another thread commits it after some 20 ms.
///
/// ```
/// use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, wait};
///
/// let store = EmbeddedStore::in_memory();
/// let append = Append::to("account-1").event(NewEvent::json("AccountOpened", "{}"));
/// let saved = wait(async { store.submit(append).await })?;
/// assert_eq!(saved.version, 1);
/// # Ok::<(), hitherto_store::Error>(())
/// ```
pub fn wait<F: IntoFuture>(future: F) -> F::Output {
    let mut future = pin!(future.into_future());
    let _waiting = Waiting::begin();
    block_on(|context| future.as_mut().poll(context))
}

/// Leaves what waits in a queue to the end of what this thread does now. False if this thread waits
/// for nothing, so that nobody would come back to it.
pub(crate) fn leave(queue: &Arc<CommitQueue>) -> bool {
    LEFT.with(|left| {
        let mut left = left.borrow_mut();
        let is_waiting = left.waits > 0;
        if is_waiting && !left.queues.iter().any(|other| Arc::ptr_eq(other, queue)) {
            left.queues.push(Arc::clone(queue));
        }
        is_waiting
    })
}

/// Commits what was left in this thread: before it sleeps.
pub(crate) fn commit_what_was_left() {
    while let Some(queue) = next_left() {
        queue.lead_once();
    }
}

/// Has another thread commit what was left in this one.
pub(crate) fn hand_over_what_was_left() {
    while let Some(queue) = next_left() {
        queue.lead_elsewhere();
    }
}

fn next_left() -> Option<Arc<CommitQueue>> {
    LEFT.with(|left| left.borrow_mut().queues.pop())
}

/// While it lives this thread waits for a future; what is left at its end is committed, also when
/// the future panics.
struct Waiting;

impl Waiting {
    fn begin() -> Self {
        // The future around this one does not come back to it before this one is ready.
        commit_what_was_left();
        LEFT.with(|left| left.borrow_mut().waits += 1);
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        LEFT.with(|left| left.borrow_mut().waits -= 1);
        commit_what_was_left();
    }
}
