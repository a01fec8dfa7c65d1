//! Append: what to write, where, and under which conditions. Plain data, checked at the door.

use crate::event::{EventId, NewEvent, Position, StreamName};
use crate::query::Query;
use crate::record;

/// What a stream must look like for an append to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ExpectedVersion {
    /// Whatever it looks like.
    #[default]
    Any,
    /// Nothing has happened to it yet.
    NoStream,
    /// Something has happened to it.
    StreamExists,
    /// It is at exactly this version; 0 is the same as [`ExpectedVersion::NoStream`].
    Exact(u64),
}

/// The events of one append that go to one stream, or to none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamWrite {
    /// Where the events go; an event without a stream is found by its kind and tags.
    pub stream: Option<StreamName>,
    /// What the stream must look like. Without a stream, only `Any` makes sense.
    pub expected: ExpectedVersion,
    /// What happened. May be empty beside other writes: then it is only an expectation.
    pub events: Vec<NewEvent>,
}

/// "Nothing that matches this query was appended after this position": the boundary of a decision
/// that is wider than a stream (a dynamic consistency boundary).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What the decision was based on. Only its alternatives count, not its bounds.
    pub query: Query,
    /// The position up to which the decision has seen everything.
    pub after: Position,
}

/// One append: all of it is written, or nothing.
///
/// ```
/// use hitherto_store::{Append, ExpectedVersion, NewEvent};
///
/// let transfer = Append::to("account-1")
///     .expect(ExpectedVersion::Exact(3))
///     .event(NewEvent::json("MoneyWithdrawn", r#"{"amount":500}"#))
///     .and(Append::to("account-2").event(NewEvent::json("MoneyDeposited", r#"{"amount":500}"#)));
/// assert_eq!(transfer.writes.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Append {
    /// What goes where, in this order.
    pub writes: Vec<StreamWrite>,
    /// What must not have happened meanwhile.
    pub condition: Option<Condition>,
}

impl Append {
    /// An append to one stream.
    pub fn to(stream: impl Into<StreamName>) -> Self {
        Self::write(Some(stream.into()))
    }

    /// An append of events that belong to no stream.
    pub fn without_stream() -> Self {
        Self::write(None)
    }

    fn write(stream: Option<StreamName>) -> Self {
        let write = StreamWrite { stream, expected: ExpectedVersion::Any, events: Vec::new() };
        Self { writes: vec![write], condition: None }
    }

    /// The same append, if the stream that was named last looks like this.
    #[must_use]
    pub fn expect(mut self, expected: ExpectedVersion) -> Self {
        self.last_write().expected = expected;
        self
    }

    /// The same append with one more event in the stream that was named last.
    #[must_use]
    pub fn event(mut self, event: NewEvent) -> Self {
        self.last_write().events.push(event);
        self
    }

    /// The same append with more events in the stream that was named last.
    #[must_use]
    pub fn events(mut self, events: impl IntoIterator<Item = NewEvent>) -> Self {
        self.last_write().events.extend(events);
        self
    }

    /// Both appends as one. A condition of `other` replaces the condition of this one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.writes.extend(other.writes);
        self.condition = other.condition.or(self.condition);
        self
    }

    /// The same append, unless something that matches the query stands after the position.
    #[must_use]
    pub fn unless(mut self, query: Query, after: Position) -> Self {
        self.condition = Some(Condition { query, after });
        self
    }

    /// The ids of all events, in the order in which they will be stored.
    pub fn event_ids(&self) -> impl Iterator<Item = EventId> + '_ {
        self.writes.iter().flat_map(|write| &write.events).map(|event| event.id)
    }

    /// How many bytes all events take on disk.
    pub fn stored_bytes(&self) -> usize {
        let of = |write: &StreamWrite| {
            let stream = write.stream.as_ref();
            write.events.iter().map(|event| record::padded_len(stream, event)).sum::<usize>()
        };
        self.writes.iter().map(of).sum()
    }

    fn last_write(&mut self) -> &mut StreamWrite {
        if self.writes.is_empty() {
            *self = Self::without_stream();
        }
        self.writes.last_mut().expect("there is at least one write by now")
    }
}

/// Where an append was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The position of its first event.
    pub first_position: Position,
    /// The position of its last event: wait for this one to read your own write.
    pub position: Position,
    /// The version of the stream that was named last, after the append; 0 for events without a
    /// stream.
    pub version: u64,
    /// The versions after the append, one for each write, in the order of the writes.
    pub versions: Vec<u64>,
    /// Whether it had been stored by an earlier append with the same ids, so that nothing was
    /// written now.
    pub repeated: bool,
}
