//! Why something happens: the event that caused it, carried along with what follows.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hitherto_store::{EventId, NewEvent, StreamName};

use crate::{Error, Recorded, Result};

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
    answers: Answers,
    /// Streams that were updated, or are just being, by the ids that their first events have.
    turns: Arc<Mutex<HashSet<EventId>>>,
}

/// How many answers a cause has.
#[derive(Debug, Clone, Copy)]
enum Answers {
    /// An event has one in each stream that a reaction updates.
    OneAStream,
    /// A command has one in all, known by this id.
    One(EventId),
}

impl Cause {
    /// A cause by its id and its correlation; without one it begins a story of its own.
    pub fn of_event(event: EventId, correlation: Option<EventId>) -> Self {
        let correlation = correlation.unwrap_or(event);
        let answers = Answers::OneAStream;
        Self { event, correlation, reaction: String::new(), answers, turns: Arc::default() }
    }

    /// A command, named by what it says, with the id of its one answer.
    pub(crate) fn of_command(
        command: EventId,
        answer: EventId,
        correlation: Option<EventId>,
    ) -> Self {
        Self { answers: Answers::One(answer), ..Self::of_event(command, correlation) }
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
        match self.answers {
            Answers::OneAStream => {
                self.event.derived(&format!("{}\n{stream}\n{index}", self.reaction))
            }
            Answers::One(id) => id.derived(&index.to_string()),
        }
    }

    /// Whether this is a command: it has one answer, wherever it is stored.
    pub(crate) fn is_command(&self) -> bool {
        matches!(self.answers, Answers::One(_))
    }

    /// Writes down the cause in what it caused.
    pub(crate) fn mark(&self, stream: &StreamName, index: usize, event: NewEvent) -> NewEvent {
        let event = event.id(self.event_id(stream, index));
        event.causation(self.event).correlation(self.correlation)
    }

    /// Refuses an answer that was given to another command under the same key.
    pub(crate) fn check_is_answered_by(&self, answer: &hitherto_store::Recorded) -> Result<()> {
        if !self.is_command() || answer.causation() == Some(self.event) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "this idempotency key was used for another command, or for the same with another content, and \
             was answered by event {}: nothing was done; give each command a key of its own",
            answer.position()
        )))
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
        if self.is_command() {
            return Err(Error::invalid(format!(
                "{stream} is a second thing to be changed by one command: a command changes one thing, so \
                 that it can be repeated safely; let a process change the others because of the first"
            )));
        }
        let stream =
            if stream.as_str().is_empty() { "what has no stream" } else { stream.as_str() };
        Err(Error::invalid(format!(
            "{stream} is updated a second time because of event {}: one reaction updates a stream once, so \
             that it can be repeated safely; do both in one update, or name two reactions with `by`",
            self.event
        )))
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
/// by an error, or because nobody awaits it any more. A refusal is an answer, not an error.
pub(crate) struct Turn<'cause> {
    cause: &'cause Cause,
    key: EventId,
    is_over: bool,
}

impl Turn<'_> {
    /// There is an answer, and the stream is not asked again in this reaction.
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
