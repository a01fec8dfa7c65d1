//! The words: what an event is before it is stored, and the small types that name its parts.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use uuid::Uuid;

use crate::error::Error;

/// Where an event stands among all events of a store: 1, 2, 3 … without gaps.
///
/// [`Position::START`] (0) stands before the first event, so "after START" means everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A moment in UTC, in nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that many nanoseconds after 1970-01-01T00:00:00Z.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// This moment and a duration later, at most the last moment that can be told.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// This moment and a duration earlier, at least the first moment that can be told.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// How long before `later` this moment was; zero if it was not.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_nanos(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self(nanos(after)),
            Err(before) => Self(-nanos(before.duration())),
        }
    }
}

/// Names one event for ever; repeating an append with the same ids has the effect of one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

impl EventId {
    /// A new id (UUID version 7: ids made later sort later).
    #[expect(clippy::new_without_default, reason = "every call gives another id")]
    pub fn new() -> Self {
        Self(crate::new_ids::next())
    }

    /// A new id that nobody can guess who knows others.
    pub(crate) fn unpredictable() -> Self {
        Self(crate::new_ids::unpredictable())
    }

    /// The id of these 16 bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The id of this number.
    pub const fn from_u128(number: u128) -> Self {
        Self(Uuid::from_u128(number))
    }

    /// An id that follows from this one and a name: always the same for the same two (UUID version
    /// 5).
    ///
    /// ```
    /// use hitherto_store::EventId;
    ///
    /// let cause = EventId::new();
    /// assert_eq!(cause.derived("transfer/0"), cause.derived("transfer/0"));
    /// assert_ne!(cause.derived("transfer/0"), cause.derived("transfer/1"));
    /// ```
    #[must_use]
    pub fn derived(&self, name: &str) -> Self {
        Self(Uuid::new_v5(&self.0, name.as_bytes()))
    }

    /// The 16 bytes of this id.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EventId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = Uuid::try_parse(text);
        parsed.map(Self).map_err(|source| {
            Error::invalid(format!("{text:?} is no event id: write a UUID")).because(source)
        })
    }
}

/// The name of a stream: a category and an id, joined by the first `-`.
///
/// ```
/// use hitherto_store::StreamName;
///
/// let stream = StreamName::from("account-ACC-001");
/// assert_eq!((stream.category(), stream.id()), ("account", "ACC-001"));
/// assert_eq!(StreamName::of("account", "ACC-001"), stream);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(String);

impl StreamName {
    /// The stream of this id in this category.
    pub fn of(category: &str, id: impl fmt::Display) -> Self {
        Self(format!("{category}-{id}"))
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first `-`; the whole name if there is none.
    pub fn category(&self) -> &str {
        split_stream_name(&self.0).0
    }

    /// What stands after the first `-`; empty if there is none.
    pub fn id(&self) -> &str {
        split_stream_name(&self.0).1
    }
}

/// Category and id of a stream's full name.
pub fn split_stream_name(name: &str) -> (&str, &str) {
    name.split_once('-').unwrap_or((name, ""))
}

impl<T: Into<String>> From<T> for StreamName {
    fn from(name: T) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A word that events can be found by, besides stream and kind. By habit `key:value`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The tag `key:value`.
    ///
    /// ```
    /// use hitherto_store::Tag;
    ///
    /// assert_eq!(Tag::new("customer", 7).as_str(), "customer:7");
    /// ```
    pub fn new(key: &str, value: impl fmt::Display) -> Self {
        Self(format!("{key}:{value}"))
    }

    /// The whole tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Tag {
    fn from(tag: T) -> Self {
        Self(tag.into())
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How the payload of an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ContentType {
    /// Any bytes (`application/octet-stream`).
    Binary,
    /// JSON text in UTF-8 (`application/json`).
    #[default]
    Json,
    /// Plain text in UTF-8 (`text/plain`).
    Text,
}

impl ContentType {
    /// The media type, as protocols write it.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Binary => "application/octet-stream",
            Self::Json => "application/json",
            Self::Text => "text/plain",
        }
    }

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Binary => 0,
            Self::Json => 1,
            Self::Text => 2,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Binary),
            1 => Some(Self::Json),
            2 => Some(Self::Text),
            _ => None,
        }
    }
}

/// An event that is about to be appended.
///
/// ```
/// use hitherto_store::{NewEvent, Tag};
///
/// let event = NewEvent::json("MoneyDeposited", r#"{"amount":500}"#).tag(Tag::new("customer", 7));
/// assert_eq!(event.kind, "MoneyDeposited");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The event's own id; a repeated append must repeat it.
    pub id: EventId,
    /// What happened, in the past tense.
    pub kind: Cow<'static, str>,
    /// The version of the payload's shape, counted from 1.
    pub schema_version: u16,
    /// What the event can be found by.
    pub tags: Vec<Tag>,
    /// How the payload is written.
    pub content_type: ContentType,
    /// What exactly happened.
    pub payload: Bytes,
    /// What is known about the circumstances; by habit JSON, or empty.
    pub metadata: Bytes,
    /// What all events of one story have in common: the id of the first, or of the request.
    pub correlation: Option<EventId>,
    /// The event that made this one happen.
    pub causation: Option<EventId>,
}

impl NewEvent {
    /// An event with any bytes for a payload, a new id and schema version 1.
    pub fn new(
        kind: impl Into<Cow<'static, str>>,
        content_type: ContentType,
        payload: impl Into<Bytes>,
    ) -> Self {
        Self {
            id: EventId::new(),
            kind: kind.into(),
            schema_version: 1,
            tags: Vec::new(),
            content_type,
            payload: payload.into(),
            metadata: Bytes::new(),
            correlation: None,
            causation: None,
        }
    }

    /// An event with a JSON payload. The text is stored as it is; it is not parsed here.
    pub fn json(kind: impl Into<Cow<'static, str>>, payload: impl Into<Bytes>) -> Self {
        Self::new(kind, ContentType::Json, payload)
    }

    /// The same event with this id.
    #[must_use]
    pub fn id(mut self, id: EventId) -> Self {
        self.id = id;
        self
    }

    /// The same event with this version of its payload's shape.
    #[must_use]
    pub fn schema_version(mut self, version: u16) -> Self {
        self.schema_version = version;
        self
    }

    /// The same event with one more tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<Tag>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// The same event with this metadata.
    #[must_use]
    pub fn metadata(mut self, metadata: impl Into<Bytes>) -> Self {
        self.metadata = metadata.into();
        self
    }

    /// The same event as a part of the story that has this id.
    #[must_use]
    pub fn correlation(mut self, id: EventId) -> Self {
        self.correlation = Some(id);
        self
    }

    /// The same event as a consequence of that one.
    #[must_use]
    pub fn causation(mut self, id: EventId) -> Self {
        self.causation = Some(id);
        self
    }
}
