//! Outlets: where events leave to, such as Kafka, RabbitMQ or NATS.

use std::borrow::Cow;

use crate::checkpoints::Effects;
use crate::projection::KeyOf;
use crate::{Error, StoredEvent};

/// Where events leave to: the seam that a broker is attached to.
///
/// Messages come in order within a key, each at least once: when an answer was lost, or the process
/// ended before it was kept how far it had come, some come again, in order. The event's
/// [id](StoredEvent::id) tells a repetition, and its [position](StoredEvent::position) grows.
/// Nothing is skipped: what an outlet did not take is sent again before anything else of its key.
///
/// ```
/// use hitherto::bus::{Message, Outlet, Undelivered};
///
/// /// Prints what leaves.
/// #[derive(Clone)]
/// struct Printer;
///
/// impl Outlet for Printer {
///     fn send(&mut self, messages: &[Message<'_>]) -> Result<(), Undelivered> {
///         for message in messages {
///             println!("{}: {} {}", message.key, message.event.kind(), message.event.id());
///         }
///         Ok(())
///     }
/// }
/// # Printer.send(&[]).expect("nothing can be wrong with nothing");
/// ```
pub trait Outlet: Clone + Send + 'static {
    /// Hands on messages in this order, and returns when the other side has all of them for good.
    ///
    /// Each partition has a clone of its own, and calls it from a thread of its own; it may block.
    /// A client that needs a runtime is driven by one that the outlet brings along.
    ///
    /// # Errors
    /// How many messages from the front the other side has, and why not the next one.
    fn send(&mut self, messages: &[Message<'_>]) -> Result<(), Undelivered>;
}

/// An event on its way out.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// What has to stay in order: a partition key, a subject, a routing key.
    pub key: Cow<'a, str>,
    /// What happened, as it is stored: id, kind, position, payload and whatever else is wanted.
    pub event: &'a StoredEvent,
}

/// Why not all messages were taken.
#[derive(Debug)]
pub struct Undelivered {
    /// So many from the front were.
    pub delivered: usize,
    /// `Unavailable` if it is the other side that is wrong: then it is tried for ever, and what
    /// follows waits. Anything else if it is the next message (too large, not allowed): it is
    /// tried a few times, and parked with what follows of its key.
    pub error: Error,
}

/// Sends the events of one partition to an outlet.
pub(super) struct Sending<O> {
    pub(super) outlet: O,
    pub(super) key: KeyOf,
}

impl<O: Outlet> Effects for Sending<O> {
    fn have(&mut self, events: &[StoredEvent]) -> Result<(), (usize, Error)> {
        if events.is_empty() {
            return Ok(());
        }
        let messages = events.iter().map(|event| Message { key: (self.key)(event), event });
        let sent = self.outlet.send(&messages.collect::<Vec<_>>());
        sent.map_err(|Undelivered { delivered, error }| (delivered, error))
    }
}
