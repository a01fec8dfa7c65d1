//! The answer that is not there yet: wait for it, or await it, under any async runtime or none.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::append::Saved;
use crate::error::{Error, Result};
use crate::sync::thread::{self, Thread};
use crate::sync::{Mutex, MutexGuard, park_timeout, thread_local};
use crate::wait::{commit_what_was_left, hand_over_what_was_left};

/// Stands for an answer that a store will give, an append's [`Saved`] most of all.
///
/// ```
/// use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent};
///
/// let store = EmbeddedStore::in_memory();
/// let ticket = store.submit(Append::to("account-1").event(NewEvent::json("AccountOpened", "{}")));
/// assert_eq!(ticket.wait()?.version, 1); // or `ticket.await?`
/// # Ok::<(), hitherto_store::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a ticket is the only way to learn whether it worked"]
pub struct Ticket<T = Saved>(Arc<Slot<T>>);

/// The other end of a [`Ticket`]: whoever holds it gives the answer.
///
/// Dropped without an answer, the ticket is answered with `Closed`.
#[derive(Debug)]
pub struct Completion<T = Saved>(Arc<Slot<T>>);

#[derive(Debug)]
struct Slot<T>(Mutex<State<T>>);

#[derive(Debug)]
enum State<T> {
    Pending(Option<Waker>),
    Answered(Result<T>),
    Taken,
}

impl<T> Ticket<T> {
    /// A ticket and what answers it.
    pub fn pending() -> (Self, Completion<T>) {
        let slot = Arc::new(Slot(Mutex::new(State::Pending(None))));
        (Self(Arc::clone(&slot)), Completion(slot))
    }

    /// A ticket that is answered already.
    pub fn ready(answer: Result<T>) -> Self {
        Self(Arc::new(Slot(Mutex::new(State::Answered(answer)))))
    }

    /// Blocks this thread until the answer is there.
    pub fn wait(mut self) -> Result<T> {
        block_on(|context| self.poll_answer(context))
    }

    /// Blocks this thread until the answer is there, but no longer than this: then the ticket comes
    /// back, to be waited for later. The append goes on; that it is late does not mean that it
    /// fails.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent};
    ///
    /// let store = EmbeddedStore::in_memory();
    /// let ticket = store.submit(Append::to("account-1").event(NewEvent::json("Opened", "{}")));
    /// match ticket.wait_within(Duration::from_secs(5)) {
    ///     Ok(answer) => assert_eq!(answer?.version, 1),
    ///     Err(ticket) => println!("still not known: {ticket:?}"),
    /// }
    /// # Ok::<(), hitherto_store::Error>(())
    /// ```
    pub fn wait_within(mut self, limit: Duration) -> Result<Result<T>, Self> {
        block_on_within(limit, |context| self.poll_answer(context)).ok_or(self)
    }

    /// The answer if it is there, else nothing; then the context's waker is called when it is.
    pub(crate) fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Result<T>> {
        let mut state = self.0.lock();
        if let State::Pending(waker) = &mut *state {
            match waker {
                Some(waker) => waker.clone_from(context.waker()),
                None => *waker = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        match std::mem::replace(&mut *state, State::Taken) {
            State::Answered(answer) => Poll::Ready(answer),
            _ => Poll::Ready(Err(Error::invalid("this ticket's answer was already taken"))),
        }
    }
}

impl<T> Future for Ticket<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        self.poll_answer(context)
    }
}

impl<T> Completion<T> {
    /// Gives the answer and wakes whoever waits for it.
    pub fn complete(self, answer: Result<T>) {
        self.0.answer(answer);
    }
}

impl<T> Drop for Completion<T> {
    fn drop(&mut self) {
        self.0.answer_if_pending(|| Err(Error::closed("the store was closed before it answered")));
    }
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, answer: Result<T>) {
        self.answer_if_pending(|| answer);
    }

    fn answer_if_pending(&self, answer: impl FnOnce() -> Result<T>) {
        let mut state = self.lock();
        if let State::Pending(waker) = &mut *state {
            let waker = waker.take();
            *state = State::Answered(answer());
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

struct ThreadWaker(Thread);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    static THIS_THREAD: Waker = Waker::from(Arc::new(ThreadWaker(thread::current())));
}

/// Parks this thread until the poll is ready, and commits before what was left to it. Spurious
/// wake-ups only cost another poll.
pub(crate) fn block_on<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    // Lent, not cloned: reading calls this once an event.
    THIS_THREAD.with(|waker| {
        loop {
            if let Poll::Ready(value) = poll(&mut Context::from_waker(waker)) {
                return value;
            }
            commit_what_was_left();
            thread::park();
        }
    })
}

/// As [`block_on`], but gives up after a while.
pub(crate) fn block_on_within<T>(
    limit: Duration,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    let waker = THIS_THREAD.with(Waker::clone);
    let started = Instant::now();
    loop {
        if let Poll::Ready(value) = poll(&mut Context::from_waker(&waker)) {
            return Some(value);
        }
        hand_over_what_was_left(); // committing it here could take longer
        let left = limit.checked_sub(started.elapsed()).filter(|left| !left.is_zero())?;
        park_timeout(left);
    }
}
