//! The load under which power is cut: which append is the n-th of which thread in which round.
//!
//! Nothing about an append is random, so whoever knows its key can say what must be in the store.

use std::fmt;
use std::str::FromStr;

use hitherto_store::{
    Append, EventId, ExpectedVersion, NewEvent, Options, Position, Query, Recorded, StreamName, Tag,
};

use crate::random::Random;

/// Threads that append at once.
pub(crate) const THREADS: u64 = 8;
/// What every event of the load is.
pub(crate) const KIND: &str = "StepTaken";
const SHARED_STREAMS: u64 = 3;
const MANY_EVENTS: u64 = 24;
const SMALL_BYTES_MAX: usize = 300;
const MANY_BYTES_MAX: usize = 1000;
/// More than a log file of this load has room for.
const LARGE_BYTES: usize = 150_000;
const SNAPSHOT_BYTES_MAX: usize = 8000;

/// Names one append of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Which opening of the store.
    pub(crate) round: u64,
    /// Which of the threads.
    pub(crate) thread: u64,
    /// Which of this thread's appends in this round.
    pub(crate) number: u64,
}

/// The number of an append of [`Way::Many`].
pub(crate) const NUMBER_OF_MANY: u64 = 4;

/// What an append is about: all the ways to write take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// One event, to the thread's own stream, at an exact version.
    OwnStream,
    /// Events to the own stream and to one that all threads share.
    TwoStreams,
    /// One event without a stream, under a condition on a kind and a tag.
    Condition,
    /// Many events at once, to the own stream and to a shared one.
    Many,
    /// One event that needs a log file of its own.
    Large,
    /// Two events, appended twice: the second time must find the first.
    Twice,
}

impl Key {
    /// The append that an event belongs to.
    pub(crate) fn of(event: &Recorded) -> Result<Self, String> {
        String::from_utf8_lossy(event.payload()).parse()
    }

    pub(crate) fn way(self) -> Way {
        match self.number % 16 {
            1 | 9 => Way::TwoStreams,
            2 | 7 | 10 => Way::Condition,
            NUMBER_OF_MANY | 12 => Way::Many,
            5 | 13 => Way::Twice,
            15 if self.thread % 4 == 3 => Way::Large,
            _ => Way::OwnStream,
        }
    }

    /// The append itself. `version` is the one of the thread's own stream, `seen` the last position
    /// of an event with the thread's tag.
    pub(crate) fn append(self, version: u64, seen: Position) -> Append {
        let own = Append::to(own_stream(self.thread)).expect(ExpectedVersion::Exact(version));
        let shared = Append::to(StreamName::of("shared", self.number / 4 % SHARED_STREAMS));
        let small = |index| self.event(index, SMALL_BYTES_MAX);
        match self.way() {
            Way::OwnStream => own.event(small(0)),
            Way::TwoStreams => own.event(small(0)).and(shared.events([small(1), small(2)])),
            Way::Condition => {
                let event = small(0).tag(tag(self.thread));
                Append::without_stream().event(event).unless(boundary(self.thread), seen)
            }
            Way::Many => {
                let many = (1..MANY_EVENTS).map(|index| self.event(index, MANY_BYTES_MAX));
                own.event(small(0)).and(shared.events(many))
            }
            Way::Large => own.event(self.event(0, LARGE_BYTES)),
            Way::Twice => shared.events([small(0), small(1)]),
        }
    }

    /// What this thread keeps as a snapshot after this append.
    pub(crate) fn snapshot(self) -> Vec<u8> {
        self.content(self.id(0), SNAPSHOT_BYTES_MAX)
    }

    fn event(self, index: u64, bytes_max: usize) -> NewEvent {
        let id = self.id(index);
        NewEvent::json(KIND, self.content(id, bytes_max)).id(EventId::from_u128(id))
    }

    fn id(self, index: u64) -> u128 {
        let parts = [self.round, self.thread, self.number, index];
        parts.into_iter().fold(0, |id, part| (id << 32) | u128::from(part))
    }

    /// Says which append it belongs to, and fills the rest with what no other has.
    fn content(self, id: u128, bytes_max: usize) -> Vec<u8> {
        let mut random = Random::new((id >> 64) as u64 ^ (id as u64).rotate_left(17));
        let length = bytes_max / 2 + random.below(bytes_max / 2);
        let mut content = format!("{self} ").into_bytes();
        while content.len() < length {
            let letters = random.number().to_be_bytes().map(|byte| b'a' + byte % 26);
            content.extend_from_slice(&letters);
        }
        content
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.round, self.thread, self.number)
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut numbers = text.split(' ').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(round)), Some(Ok(thread)), Some(Ok(number))) => {
                Ok(Self { round, thread, number })
            }
            _ => Err(format!("{:?} does not begin with a key", text.get(..40).unwrap_or(text))),
        }
    }
}

/// Log files so small that the change from one to the next, and from raw to compressed, is cut
/// often; in every third round they are so large that many batches stand in one.
pub(crate) fn options(round: u64) -> Options {
    let mut options = Options::default();
    let is_third = round % 3 == 2;
    options.log_file_bytes_min = if is_third { 256 << 10 } else { 16 << 10 };
    options.log_file_bytes_max = if is_third { 1 << 20 } else { 128 << 10 };
    options.raw_bytes_max = if is_third { u64::MAX } else { 256 << 10 };
    options
}

/// The stream that only this thread appends to.
pub(crate) fn own_stream(thread: u64) -> StreamName {
    StreamName::of("own", thread)
}

/// The events that this thread's conditions look at.
pub(crate) fn boundary(thread: u64) -> Query {
    Query::all().with_tag(tag(thread)).kinds([KIND])
}

fn tag(thread: u64) -> Tag {
    Tag::new("thread", thread)
}
