//! Why something happens: the event that caused it, carried along with what follows.

use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hitherto_store::{EventId, NewEvent, Saved, StreamName};

use crate::event::{Event, names_of};
use crate::{Error, Recorded, Result, Store};

/// The event that makes something happen, and who reacts to it.
///
/// Clones are the same reaction: together they update each stream once.
///
/// ```
/// use hitherto::{Cause, EventId};
///
/// let event = EventId::new();
/// let cause = Cause::of_event(event, None).by("transfer-money");
/// assert_eq!((cause.event(), cause.correlation()), (event, event));
/// ```
#[derive(Debug, Clone)]
pub struct Cause {
    event: EventId,
    correlation: EventId,
    reaction: String,
    /// Streams that were updated, or are just being, by the ids that their first events have.
    turns: Arc<Mutex<HashSet<EventId>>>,
}

impl Cause {
    /// A cause by its id and its correlation; without one it begins a story of its own.
    pub fn of_event(event: EventId, correlation: Option<EventId>) -> Self {
        let correlation = correlation.unwrap_or(event);
        Self { event, correlation, reaction: String::new(), turns: Arc::default() }
    }

    /// The same cause, with the name of who reacts: several may react to one event on one stream,
    /// and are told apart by their names. Never rename one while events of it may be redelivered.
    #[must_use]
    pub fn by(mut self, reaction: impl Into<String>) -> Self {
        self.reaction = reaction.into();
        self
    }

    /// The event itself.
    pub fn event(&self) -> EventId {
        self.event
    }

    /// What all events of its story have in common.
    pub fn correlation(&self) -> EventId {
        self.correlation
    }

    /// The id that the n-th event of this reaction has in a stream: the same at every repetition,
    /// for ever.
    ///
    /// Neither a stream's name nor a number has a line break, so no two reactions give the same
    /// name here.
    pub(crate) fn event_id(&self, stream: &StreamName, index: usize) -> EventId {
        self.event.derived(&format!("{}\n{stream}\n{index}", self.reaction))
    }

    /// Writes down the cause in what it caused.
    pub(crate) fn mark(&self, stream: &StreamName, index: usize, event: NewEvent) -> NewEvent {
        let event = event.id(self.event_id(stream, index));
        event.causation(self.event).correlation(self.correlation)
    }

    /// Takes the stream's one turn in this reaction.
    ///
    /// # Errors
    /// `Invalid` if it was taken: a second update would find the first one's events, and be lost.
    pub(crate) fn begin(&self, stream: &StreamName) -> Result<Turn<'_>> {
        let key = self.event_id(stream, 0);
        if self.turns().insert(key) {
            return Ok(Turn { cause: self, key, is_over: false });
        }
        let stream =
            if stream.as_str().is_empty() { "what has no stream" } else { stream.as_str() };
        Err(Error::invalid(format!(
            "{stream} is updated a second time because of event {}: one reaction updates a stream once, so \
             that it can be repeated safely; do both in one update, or name two reactions with `by`",
            self.event
        )))
    }

    /// The outcome of this reaction in a stream: what is stored of it, or else that of an attempt.
    ///
    /// Looked up before the attempt, because a command must not see a state that its own first run
    /// has changed. And again after an attempt that failed: a twin may have been faster, or an
    /// answer lost.
    pub(crate) async fn once<E: Event, X: From<Error>>(
        &self,
        store: &Store,
        stream: &StreamName,
        attempt: impl Future<Output = Result<Saved, X>>,
    ) -> Result<Saved, X> {
        if let Some(saved) = self.find::<E>(store, stream).await? {
            return Ok(saved);
        }
        match attempt.await {
            Ok(saved) => Ok(saved),
            Err(error) => match self.find::<E>(store, stream).await {
                Ok(Some(saved)) => Ok(saved),
                Ok(None) | Err(_) => Err(error),
            },
        }
    }

    /// What this reaction stored in a stream when it ran before, if it did.
    async fn find<E: Event>(&self, store: &Store, stream: &StreamName) -> Result<Option<Saved>> {
        let Some(first) = store.find(self.event_id(stream, 0)).await? else { return Ok(None) };
        if !E::kinds().into_iter().flat_map(names_of).any(|name| name == first.kind()) {
            return Err(Error::invalid(format!(
                "event {} has caused {} here already, in another reaction: name each with `by`",
                self.event,
                first.kind()
            )));
        }
        let mut last = first.clone();
        for index in 1.. {
            match store.find(self.event_id(stream, index)).await? {
                Some(next) => last = next,
                None => break,
            }
        }
        Ok(Some(Saved {
            first_position: first.position(),
            position: last.position(),
            version: last.version(),
            versions: vec![last.version()],
            repeated: true,
        }))
    }

    fn turns(&self) -> MutexGuard<'_, HashSet<EventId>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<&Self> for Cause {
    fn from(cause: &Self) -> Self {
        cause.clone()
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

/// A stream's one turn in a reaction. Given back if it is dropped before it is [over](Turn::over):
/// by an error, or because nobody awaits it any more.
pub(crate) struct Turn<'cause> {
    cause: &'cause Cause,
    key: EventId,
    is_over: bool,
}

impl Turn<'_> {
    /// The stream was updated, and is not updated again in this reaction.
    pub(crate) fn over(mut self) {
        self.is_over = true;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.cause.turns().remove(&self.key);
        }
    }
}
