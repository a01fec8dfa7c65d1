//! The words of retention: what a rule is about, how much is kept, and what is held back.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::event::{Position, StreamName, Timestamp, split_stream_name};
use crate::limits;

/// What a rule of retention is about: one stream, or all streams of a category.
///
/// ```
/// use hitherto_store::Target;
///
/// assert_eq!(Target::stream("session-7").to_string(), "stream session-7");
/// assert_eq!(Target::category("session").to_string(), "category session");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// One stream.
    Stream(StreamName),
    /// All streams of a category.
    Category(String),
}

impl Target {
    /// The stream of this name.
    pub fn stream(name: impl Into<StreamName>) -> Self {
        Self::Stream(name.into())
    }

    /// All streams of this category.
    pub fn category(name: impl Into<String>) -> Self {
        Self::Category(name.into())
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Stream(stream) => stream.as_str(),
            Self::Category(category) => category,
        }
    }

    /// Refuses a name that cannot be, or that is the store's own.
    pub(super) fn check(&self) -> Result<()> {
        limits::check_target(self.name())?;
        match self {
            Self::Category(name) if name.contains('-') => Err(Error::invalid(format!(
                "{name:?} is no category, which ends before the first `-` of a stream's name: name \
                 that part, or the stream"
            ))),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(stream) => write!(f, "stream {stream}"),
            Self::Category(category) => write!(f, "category {category}"),
        }
    }
}

/// How much is kept; what is older, or more, is removed. With both bounds, what is over either.
///
/// ```
/// use std::time::Duration;
/// use hitherto_store::Keep;
///
/// let a_month = Keep::max_age(Duration::from_hours(30 * 24));
/// let the_last_hundred = Keep::max_count(100);
/// assert_eq!(a_month.and(the_last_hundred).count(), Some(100));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Keep {
    max_age_seconds: Option<u64>,
    max_count: Option<u64>,
}

impl Keep {
    /// Everything: takes a policy back. What it removed stays removed.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Events that were recorded at most so long ago, in whole seconds.
    pub fn max_age(age: Duration) -> Self {
        Self { max_age_seconds: Some(age.as_secs()), max_count: None }
    }

    /// The last so many events of each stream.
    pub fn max_count(events: u64) -> Self {
        Self { max_age_seconds: None, max_count: Some(events) }
    }

    /// Only what both keep. Where both bound the same, `other` counts.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            max_age_seconds: other.max_age_seconds.or(self.max_age_seconds),
            max_count: other.max_count.or(self.max_count),
        }
    }

    /// How old an event may be.
    pub fn age(&self) -> Option<Duration> {
        self.max_age_seconds.map(Duration::from_secs)
    }

    /// How many events of a stream are kept.
    pub fn count(&self) -> Option<u64> {
        self.max_count
    }

    pub(super) fn check(self) -> Result<()> {
        if self.max_age_seconds == Some(0) {
            return Err(Error::invalid(
                "a maximum age of less than a second would keep nothing: name an age of at least a \
                 second, or delete what shall go",
            ));
        }
        if self.max_count == Some(0) {
            return Err(Error::invalid(
                "a maximum count of 0 would keep nothing: name at least 1, or delete what shall go",
            ));
        }
        Ok(())
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: u64 = 24 * 60 * 60;
        let age = self.max_age_seconds.map(|age| match age {
            DAY => "1 day".to_owned(),
            days if days > 0 && days.is_multiple_of(DAY) => format!("{} days", days / DAY),
            seconds => format!("{seconds} s"),
        });
        match (age, self.max_count) {
            (None, None) => write!(f, "everything"),
            (Some(age), None) => write!(f, "{age}"),
            (None, Some(count)) => write!(f, "the last {count}"),
            (Some(age), Some(count)) => write!(f, "{age}, of these the last {count}"),
        }
    }
}

/// Up to where a stream or category is truncated; the event named here is the first that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Before {
    /// A version of the stream.
    Version(u64),
    /// A position among all events.
    Position(Position),
    /// What was recorded at this time is the first that stays.
    Time(Timestamp),
}

/// Events of legal interest: whatever a policy or operation says, they are not removed while this
/// is in force.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// All events of a stream.
    Stream(StreamName),
    /// All events of a category's streams.
    Category(String),
    /// All events of a kind, in whichever stream.
    Kind(String),
}

impl Hold {
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Stream(stream) => Target::Stream(stream.clone()).check(),
            Self::Category(category) => Target::category(category.as_str()).check(),
            Self::Kind(kind) => limits::check_kind(kind),
        }
    }

    /// Whether an event of this stream and kind is held.
    pub(super) fn covers(&self, stream: &str, kind: &str) -> bool {
        match self {
            Self::Stream(held) => held.as_str() == stream,
            Self::Category(held) => split_stream_name(stream).0 == held,
            Self::Kind(held) => held == kind,
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(stream) => write!(f, "stream {stream}"),
            Self::Category(category) => write!(f, "category {category}"),
            Self::Kind(kind) => write!(f, "kind {kind}"),
        }
    }
}

/// What retention has taken away from the beginning of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Removed {
    /// The last version before the first event that can be read; the stream's version if none can.
    pub up_to_version: u64,
    /// The version at which the stream was deleted, if it was: what comes behind begins anew.
    pub deleted_at_version: Option<u64>,
}
