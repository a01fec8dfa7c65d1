//! Why something happens: the event that caused it, carried along with what follows.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use hitherto_store::{EventId, NewEvent, StreamName};

use crate::{Error, Recorded, Result};

/// The event that makes something happen, and who reacts to it.
///
/// ```
/// use hitherto::{Cause, EventId};
///
/// let cause = Cause::of_event(EventId::new(), None).by("transfer-money");
/// # let _ = cause;
/// ```
#[derive(Debug, Clone)]
pub struct Cause {
    event: EventId,
    correlation: EventId,
    reaction: String,
}

impl Cause {
    /// A cause by its id and its correlation; without one it begins a story of its own.
    pub fn of_event(event: EventId, correlation: Option<EventId>) -> Self {
        Self { event, correlation: correlation.unwrap_or(event), reaction: String::new() }
    }

    /// The same cause, with the name of who reacts: several may react to one event on one stream.
    #[must_use]
    pub fn by(mut self, reaction: impl Into<String>) -> Self {
        self.reaction = reaction.into();
        self
    }
}

impl From<&hitherto_store::Recorded> for Cause {
    fn from(event: &hitherto_store::Recorded) -> Self {
        Self::of_event(event.id(), event.correlation())
    }
}

impl<E> From<&Recorded<E>> for Cause {
    fn from(event: &Recorded<E>) -> Self {
        Self::of_event(event.id(), event.correlation())
    }
}

/// One reaction to a cause: each stream can be updated once in it, however often it is repeated.
#[derive(Debug, Clone)]
pub(crate) struct Reaction {
    cause: Cause,
    updated: Arc<Mutex<HashSet<StreamName>>>,
}

impl Reaction {
    pub(crate) fn new(cause: Cause) -> Self {
        Self { cause, updated: Arc::default() }
    }

    /// The id that the n-th event of this reaction has in a stream: the same at every repetition.
    pub(crate) fn event_id(&self, stream: &StreamName, index: usize) -> EventId {
        self.cause.event.derived(&format!("{}/{stream}/{index}", self.cause.reaction))
    }

    /// Writes down the cause in what it caused.
    pub(crate) fn mark(&self, stream: &StreamName, index: usize, event: NewEvent) -> NewEvent {
        let event = event.id(self.event_id(stream, index));
        event.causation(self.cause.event).correlation(self.cause.correlation)
    }

    /// Takes the stream's one turn in this reaction.
    pub(crate) fn begin(&self, stream: &StreamName) -> Result<()> {
        let mut updated = self.updated.lock().unwrap_or_else(PoisonError::into_inner);
        if updated.insert(stream.clone()) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "{stream} is updated a second time because of event {}: one reaction updates a stream once, so \
             that it can be repeated safely; do both in one update",
            self.cause.event
        )))
    }

    /// Gives the turn back after an update that did not happen.
    pub(crate) fn give_back(&self, stream: &StreamName) {
        self.updated.lock().unwrap_or_else(PoisonError::into_inner).remove(stream);
    }
}
