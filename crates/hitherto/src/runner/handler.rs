//! The seam between the runner and what handles events: what is handed over, and what comes back.

use std::fmt;

use hitherto_store::{EventId, Position, Timestamp};

use crate::{Error, Result, StoredEvent};

/// Handles the events of one partition, and keeps *in the same commit* how far it has come.
///
/// The [runner](crate::runner) hands over work in order, one piece at a time, from one thread. It
/// retries, parks and measures; a handler does its work or says why not.
pub trait Handler: Send {
    /// What the last commit of this partition kept. Asked at the start, and again whenever the
    /// outcome of a commit is unknown.
    ///
    /// # Errors
    /// If what is kept cannot be read now.
    fn resume(&mut self) -> Result<Progress, Failure>;

    /// Does all of the work, or nothing.
    ///
    /// # Errors
    /// Why nothing was done: see [`Failure`]. A panic counts as a failure of an event.
    fn commit(&mut self, work: &Work<'_>) -> Result<(), Failure>;

    /// The parked events of this partition for which an order was left, in order. Asked now and
    /// then, if something is parked.
    ///
    /// # Errors
    /// If they cannot be read now.
    fn orders(&mut self) -> Result<Vec<Parked>, Failure>;
}

/// One commit of a handler. All of it happens, or nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Work<'a> {
    /// What to handle, in order.
    pub events: &'a [StoredEvent],
    /// What to park: in place of what is parked at the same position, if something is.
    pub park: &'a [Parked],
    /// Parked events that are parked no longer: they are among `events`, or let go.
    pub release: &'a [Position],
    /// Everything of this partition up to here is handled or parked then.
    pub up_to: Position,
    /// What is told with it, for whoever looks from outside.
    pub tally: Tally,
}

/// What a partition has counted since it was started first: kept with its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Events that were handled.
    pub handled: u64,
    /// Attempts that failed.
    pub errors: u64,
}

/// What a partition's last commit has kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Everything of this partition up to here is handled or parked.
    pub position: Position,
    /// What is parked, in order.
    pub parked: Vec<Parked>,
    /// What it has counted.
    pub tally: Tally,
}

/// An event that could not be handled, or that waits behind one of the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// Where the event stands.
    pub position: Position,
    /// The event's id.
    pub event: EventId,
    /// What kind of event it is.
    pub kind: String,
    /// What has to stay in order: what follows with the same key is parked behind it.
    pub key: String,
    /// Why it could not be handled, or behind what it waits.
    pub error: String,
    /// How often it was tried; 0 if it only waits behind another.
    pub attempts: u32,
    /// Since when it is parked.
    pub since: Timestamp,
    /// What somebody wants to happen to it.
    pub order: Option<Order>,
}

/// What is to happen to a parked event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Try it again, and what waits behind it.
    Retry,
    /// Let it go unhandled, and go on with what waits behind it.
    Skip,
}

impl Order {
    /// The word for it: `retry`, `skip`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Skip => "skip",
        }
    }

    /// The order of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Retry, Self::Skip].into_iter().find(|order| order.as_str() == word)
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a piece of work was not done.
#[derive(Debug)]
pub enum Failure {
    /// An event cannot be handled, and the event is what is wrong: it is retried a few times, then
    /// parked.
    Event {
        /// Which of the work's events, if that is known.
        index: Option<usize>,
        /// So many events from the front are handled and kept all the same, with what is to be
        /// parked between them. Always 0 where a commit is a transaction.
        kept: usize,
        /// What is wrong with it.
        error: Error,
    },
    /// Nothing is wrong with the events, but the work cannot be done now: the place is not
    /// reachable, its disk is full. Retried for ever; nothing is parked.
    Unavailable(Error),
    /// This handler must not go on: see [`Ended`].
    Ended(Ended),
}

impl Failure {
    /// The event with this index cannot be handled, and nothing was done.
    pub fn of_event(index: usize, error: Error) -> Self {
        Self::Event { index: Some(index), kept: 0, error }
    }

    /// Some event cannot be handled, and nothing was done.
    pub fn of_some_event(error: Error) -> Self {
        Self::Event { index: None, kept: 0, error }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event { error, .. } | Self::Unavailable(error) => error.fmt(f),
            Self::Ended(ended) => ended.fmt(f),
        }
    }
}

/// Why a follower has ended for good. Starting it again is safe, and says it again if it is still
/// so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to.
    Stopped,
    /// Another version is the one that is read now.
    Superseded {
        /// The version that took its place.
        by: u32,
    },
    /// Another process handles the same name and version now.
    TakenOver,
    /// An event failed, and the policy is to stop; or something is wrong that waiting does not
    /// cure.
    Failed(String),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::Superseded { by } => write!(f, "superseded by version {by}"),
            Self::TakenOver => f.write_str("another process has taken over"),
            Self::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// What the handlers of one follower keep together: how many they are, how far each has come.
///
/// A place opens one for a name and a version; the runner asks it for a [`Handler`] for each
/// partition. Opening fences: whoever opened it before cannot commit any more.
pub trait Target: Send {
    /// The positions of all partitions as they were kept; empty if nothing was kept yet.
    ///
    /// # Errors
    /// If it cannot be read now.
    fn positions(&mut self) -> Result<Vec<Position>, Failure>;

    /// Spreads anew: from now on there are so many partitions, and each has come this far.
    /// What is parked stays. Called when all partitions stand at one position.
    ///
    /// # Errors
    /// If it cannot be written now.
    fn spread(&mut self, partitions: u32, position: Position) -> Result<(), Failure>;

    /// The handler of one of so many partitions. What is parked belongs to the partition that
    /// [`partition_of`] says for its key.
    ///
    /// # Errors
    /// If it cannot be opened now.
    fn handler(&mut self, partition: u32, partitions: u32) -> Result<Box<dyn Handler>, Failure>;

    /// What is parked in all partitions, in order.
    ///
    /// # Errors
    /// If it cannot be read now.
    fn parked(&mut self) -> Result<Vec<Parked>, Failure>;

    /// Leaves an order for a parked event; it is carried out by its partition. Says whether there
    /// is one at this position.
    ///
    /// # Errors
    /// If it cannot be written now.
    fn order(&mut self, position: Position, order: Order) -> Result<bool, Failure>;

    /// Whether it is built beside another version that is read meanwhile.
    fn is_beside(&self) -> bool {
        false
    }

    /// Everything up to the end was handled: what is built beside takes the place of what is read
    /// now, if that is wanted. Handlers may be at work on what came later; must be harmless to
    /// repeat.
    ///
    /// # Errors
    /// If it could not be done; nothing has changed then.
    fn caught_up(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Which of so many partitions a key belongs to: the same for ever, everywhere.
pub fn partition_of(key: &str, partitions: u32) -> u32 {
    let hash = xxhash_rust::xxh3::xxh3_64(key.as_bytes());
    (hash % u64::from(partitions.max(1))) as u32
}
