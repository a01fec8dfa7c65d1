//! Events one after another, as a blocking iterator or awaited: what reading and following return.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::record::Recorded;
use crate::ticket::{block_on, block_on_within};

/// Where [`Events`] come from: implemented by each store.
pub trait EventSource: Send {
    /// The next event; `None` after the last; pending (and the waker kept) while there is none yet.
    ///
    /// After an error or `None`, only `None` follows.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Recorded>>>;
}

/// Events that are read or followed. Holds a bounded amount of memory, however many there are.
///
/// ```
/// use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, Query};
///
/// let store = EmbeddedStore::in_memory();
/// store.append(Append::to("account-1").event(NewEvent::json("AccountOpened", "{}")))?;
///
/// for event in store.read(Query::stream("account-1")) {
///     assert_eq!(event?.kind(), "AccountOpened");
/// }
/// # Ok::<(), hitherto_store::Error>(())
/// ```
pub struct Events {
    source: Box<dyn EventSource>,
}

impl Events {
    /// The events of a source.
    pub fn new(source: impl EventSource + 'static) -> Self {
        Self { source: Box::new(source) }
    }

    /// No events, but the reason why.
    pub fn failed(error: Error) -> Self {
        Self::new(Failed(Some(error)))
    }

    /// The next event, awaited.
    pub async fn next_event(&mut self) -> Option<Result<Recorded>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The next event if it comes within this time: for followers with something else to do.
    ///
    /// The outer `None` means that none came; the inner one that none will.
    pub fn next_within(&mut self, limit: Duration) -> Option<Option<Result<Recorded>>> {
        block_on_within(limit, |context| self.source.poll_next(context))
    }

    /// The next event, as a task polls it.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Recorded>>> {
        self.source.poll_next(context)
    }
}

impl Iterator for Events {
    type Item = Result<Recorded>;

    fn next(&mut self) -> Option<Self::Item> {
        block_on(|context| self.source.poll_next(context))
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

struct Failed(Option<Error>);

impl EventSource for Failed {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Recorded>>> {
        Poll::Ready(self.0.take().map(Err))
    }
}
