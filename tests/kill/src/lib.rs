//! The load that is killed: which append is the n-th of which thread in which round.
//!
//! Nothing about an append is random, so whoever knows its key can say what must be in the store.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hitherto_store::{
    Append, Before, EmbeddedStore, EventId, EventStore, ExpectedVersion, NewEvent, Options,
    Position, Query, Result, StreamName, Tag, Target,
};

/// Threads that append at once.
pub const THREADS: u64 = 8;
/// What every event of the load is.
pub const KIND: &str = "StepTaken";
/// What every event is that is removed again.
pub const NOISE_KIND: &str = "NoiseHeard";
/// What every event is that has something personal.
pub const PERSON_KIND: &str = "PersonSeen";
/// What is personal in it; it stands in no file.
pub const CANARY: &str = "Zoe-of-the-4711-lighthouses";
const SHARED_STREAMS: u64 = 3;

/// Where everything of the test lies.
#[derive(Debug, Clone)]
pub struct Places(PathBuf);

impl Places {
    /// All of it below this directory.
    pub fn below(directory: impl AsRef<Path>) -> Self {
        Self(directory.as_ref().to_owned())
    }

    /// The store.
    pub fn store(&self) -> PathBuf {
        self.0.join("killed.hitherto")
    }

    /// The keys of persons.
    pub fn keys(&self) -> PathBuf {
        self.0.join("killed.keys")
    }

    /// The archive that old files are moved to.
    pub fn archive(&self) -> PathBuf {
        self.0.join("cold")
    }

    /// The backup that is brought up to date while the store is written to.
    pub fn backup(&self) -> PathBuf {
        self.0.join("backup")
    }
}

/// Somebody whom the load sees and, if the number is even, forgets again.
pub fn person(round: u64, number: u64) -> String {
    format!("person-{round}-{number}")
}

/// The append that has something personal about somebody.
pub fn seen(person: &str) -> Append {
    let name = format!(r#"{{"name":{{"$personal":{{"subject":"{person}","value":"{CANARY}"}}}}}}"#);
    Append::to(person).event(NewEvent::json(PERSON_KIND, name))
}

/// Names one append of the load.
///
/// ```
/// use hitherto_kill_test::Key;
///
/// let key = Key { round: 1, thread: 2, number: 3 };
/// assert_eq!("1 2 3".parse(), Ok(key));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// How many processes were killed before.
    pub round: u64,
    /// Which of the threads.
    pub thread: u64,
    /// Which of this thread's appends in this round.
    pub number: u64,
}

/// What an append is about: all the ways to write take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// One event, to the thread's own stream, at an exact version.
    OwnStream,
    /// Events to the own stream and to one that all threads share.
    TwoStreams,
    /// One event without a stream, under a condition on a kind and a tag.
    Condition,
    /// Two events, appended twice: the second time must find the first.
    Twice,
}

impl Key {
    /// What this append is about.
    pub fn way(self) -> Way {
        match self.number % 4 {
            0 => Way::OwnStream,
            1 => Way::TwoStreams,
            2 => Way::Condition,
            _ => Way::Twice,
        }
    }

    /// How many events it has.
    pub fn events(self) -> u64 {
        match self.way() {
            Way::OwnStream | Way::Condition => 1,
            Way::Twice => 2,
            Way::TwoStreams => 3,
        }
    }

    /// The append itself. `version` is the one of the thread's own stream, `seen` the last position
    /// of an event with the thread's tag.
    pub fn append(self, version: u64, seen: Position) -> Append {
        let own = Append::to(own_stream(self.thread)).expect(ExpectedVersion::Exact(version));
        match self.way() {
            Way::OwnStream => own.event(self.event(0)),
            Way::TwoStreams => {
                let shared = Append::to(self.shared_stream());
                own.event(self.event(0)).and(shared.events([self.event(1), self.event(2)]))
            }
            Way::Condition => {
                let event = self.event(0).tag(tag(self.thread));
                Append::without_stream().event(event).unless(boundary(self.thread), seen)
            }
            Way::Twice => Append::to(self.shared_stream()).events([self.event(0), self.event(1)]),
        }
    }

    fn shared_stream(self) -> StreamName {
        StreamName::of("shared", self.number / 4 % SHARED_STREAMS)
    }

    fn event(self, index: u64) -> NewEvent {
        let id = [self.round, self.thread, self.number, index];
        let id = id.into_iter().fold(0, |id, part| (id << 32) | u128::from(part));
        // The payload says which append it belongs to, and how many there must be of it.
        NewEvent::json(KIND, format!("{self} {index} {}", self.events())).id(EventId::from_u128(id))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.round, self.thread, self.number)
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let mut numbers = text.split(' ').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(round)), Some(Ok(thread)), Some(Ok(number))) => {
                Ok(Self { round, thread, number })
            }
            _ => Err(format!("{text:?} does not begin with round, thread and number")),
        }
    }
}

/// Small log files in all rounds but every fourth, so that the kill hits the change from one to the
/// next, the writing and merging of indexes, and compression as well.
pub fn options(round: u64) -> Options {
    let mut options = Options::default();
    match round % 4 {
        0 => {}
        1 => {
            options.log_file_bytes_max = 16 << 10;
            options.log_file_bytes_min = 8 << 10;
            options.raw_bytes_max = 64 << 10;
        }
        2 => {
            options.log_file_bytes_max = 64 << 10;
            options.log_file_bytes_min = 16 << 10;
            options.raw_bytes_max = 0;
        }
        _ => {
            options.log_file_bytes_max = 256 << 10;
            options.log_file_bytes_min = 64 << 10;
        }
    }
    options
}

/// The stream that only this thread appends to.
pub fn own_stream(thread: u64) -> StreamName {
    StreamName::of("own", thread)
}

/// One of the streams of which all but the last event is removed again.
pub fn noise_stream(number: u64) -> StreamName {
    StreamName::of("noise", number % SHARED_STREAMS)
}

/// Appends what nobody needs, and removes all of it but the last event.
///
/// # Errors
///
/// What the store says.
pub fn make_noise(store: &EmbeddedStore, number: u64) -> Result<()> {
    let stream = noise_stream(number);
    let noise = || NewEvent::json(NOISE_KIND, "n".repeat(700));
    let saved = store.append(Append::to(stream.clone()).events([noise(), noise(), noise()]))?;
    store.truncate(Target::Stream(stream), Before::Version(saved.version))?;
    Ok(())
}

/// The events that this thread's conditions look at.
pub fn boundary(thread: u64) -> Query {
    Query::all().with_tag(tag(thread)).kinds([KIND])
}

fn tag(thread: u64) -> Tag {
    Tag::new("thread", thread)
}
