//! Query: which events, between which bounds, in which direction. Plain data, and `matches`.

use std::fmt;

use crate::event::{Position, StreamName, Tag, Timestamp};
use crate::record::Recorded;

/// One alternative of a query: an event matches if it fulfils everything that is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryItem {
    /// In this stream.
    pub stream: Option<StreamName>,
    /// In a stream of this category.
    pub category: Option<String>,
    /// Of one of these kinds; of any kind if empty.
    pub kinds: Vec<String>,
    /// With all of these tags.
    pub tags: Vec<Tag>,
}

impl QueryItem {
    /// Whether an event fulfils everything that is given.
    pub fn matches(&self, event: &Recorded) -> bool {
        let stream_fits = self.stream.as_ref().is_none_or(|s| event.stream() == Some(s.as_str()));
        let category_fits = self.category.is_none() || event.category() == self.category.as_deref();
        let kind_fits = self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == event.kind());
        let has = |tag: &Tag| event.tags().any(|other| other == tag.as_str());
        stream_fits && category_fits && kind_fits && self.tags.iter().all(has)
    }

    /// Whether all events of a stream are asked for.
    pub(crate) fn is_whole_stream(&self) -> bool {
        let Self { stream, category, kinds, tags } = self;
        stream.is_some() && category.is_none() && kinds.is_empty() && tags.is_empty()
    }
}

/// The end of a range: a version of the stream, a position, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bounds {
    /// Only events with a higher position.
    pub after: Option<Position>,
    /// Only events with this position or a lower one.
    pub up_to: Option<Position>,
    /// Only events with a higher version (in a query for one stream).
    pub after_version: Option<u64>,
    /// Only events with this version or a lower one (in a query for one stream).
    pub up_to_version: Option<u64>,
    /// Only events recorded at this time or later.
    pub since: Option<Timestamp>,
    /// Only events recorded at this time or earlier.
    pub until: Option<Timestamp>,
}

/// From the oldest to the newest, or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// From the oldest to the newest.
    #[default]
    Forward,
    /// From the newest to the oldest.
    Backward,
}

/// Which events to read, or to follow.
///
/// `kinds` and `tag` narrow the alternative that was named last; `or` adds another one.
///
/// ```
/// use hitherto_store::{Position, Query};
///
/// let history = Query::stream("account-ACC-001").after_version(3);
/// let student = Query::tag("student", 7).kinds(["StudentSubscribed"]);
/// let seats = Query::tag("course", "rust").or(student);
/// let latest = Query::all().after(Position(17)).backward().limit(10);
/// assert_eq!(seats.items.len(), 2);
/// # let _ = (history, latest);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// The alternatives; none means every event.
    pub items: Vec<QueryItem>,
    /// Between which bounds.
    pub bounds: Bounds,
    /// In which direction.
    pub direction: Direction,
    /// At most so many events.
    pub limit: Option<u64>,
}

impl Query {
    /// Every event.
    pub fn all() -> Self {
        Self::default()
    }

    /// The events of one stream.
    pub fn stream(stream: impl Into<StreamName>) -> Self {
        Self::item(QueryItem { stream: Some(stream.into()), ..QueryItem::default() })
    }

    /// The events of all streams of a category.
    pub fn category(category: impl Into<String>) -> Self {
        Self::item(QueryItem { category: Some(category.into()), ..QueryItem::default() })
    }

    /// The events of these kinds.
    pub fn of_kinds<K: Into<String>>(kinds: impl IntoIterator<Item = K>) -> Self {
        Self::all().kinds(kinds)
    }

    /// The events with the tag `key:value`.
    pub fn tag(key: &str, value: impl fmt::Display) -> Self {
        Self::all().with_tag(Tag::new(key, value))
    }

    fn item(item: QueryItem) -> Self {
        Self { items: vec![item], ..Self::default() }
    }

    /// Narrows the last alternative to these kinds.
    #[must_use]
    pub fn kinds<K: Into<String>>(mut self, kinds: impl IntoIterator<Item = K>) -> Self {
        self.last_item().kinds.extend(kinds.into_iter().map(Into::into));
        self
    }

    /// Narrows the last alternative to events that have this tag too.
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<Tag>) -> Self {
        self.last_item().tags.push(tag.into());
        self
    }

    /// Adds the alternatives of the other query. Bounds, direction and limit stay those of this
    /// one.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        if self.items.is_empty() || other.items.is_empty() {
            self.items.clear();
        } else {
            self.items.extend(other.items);
        }
        self
    }

    /// Adds the alternative "has the tag `key:value`".
    #[must_use]
    pub fn or_tag(self, key: &str, value: impl fmt::Display) -> Self {
        self.or(Self::tag(key, value))
    }

    /// Only events after this position.
    #[must_use]
    pub fn after(mut self, position: Position) -> Self {
        self.bounds.after = Some(position);
        self
    }

    /// Only events up to this position, itself included.
    #[must_use]
    pub fn up_to(mut self, position: Position) -> Self {
        self.bounds.up_to = Some(position);
        self
    }

    /// Only events after this version of the stream.
    #[must_use]
    pub fn after_version(mut self, version: u64) -> Self {
        self.bounds.after_version = Some(version);
        self
    }

    /// Only events up to this version of the stream, itself included.
    #[must_use]
    pub fn up_to_version(mut self, version: u64) -> Self {
        self.bounds.up_to_version = Some(version);
        self
    }

    /// Only events recorded at this time or later.
    #[must_use]
    pub fn since(mut self, time: Timestamp) -> Self {
        self.bounds.since = Some(time);
        self
    }

    /// Only events recorded at this time or earlier.
    #[must_use]
    pub fn until(mut self, time: Timestamp) -> Self {
        self.bounds.until = Some(time);
        self
    }

    /// From the newest to the oldest.
    #[must_use]
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// At most so many events.
    #[must_use]
    pub fn limit(mut self, events: u64) -> Self {
        self.limit = Some(events);
        self
    }

    /// Whether an event matches one of the alternatives and stands between the bounds.
    pub fn matches(&self, event: &Recorded) -> bool {
        self.matches_any_item(event) && self.bounds.contain(event)
    }

    /// Whether an event matches one of the alternatives, wherever it stands.
    pub fn matches_any_item(&self, event: &Recorded) -> bool {
        self.items.is_empty() || self.items.iter().any(|item| item.matches(event))
    }

    pub(crate) fn bounds_versions(&self) -> bool {
        self.bounds.after_version.is_some() || self.bounds.up_to_version.is_some()
    }

    fn last_item(&mut self) -> &mut QueryItem {
        if self.items.is_empty() {
            self.items.push(QueryItem::default());
        }
        self.items.last_mut().expect("there is at least one alternative by now")
    }
}

impl Bounds {
    /// Whether an event stands between all bounds that are given.
    pub fn contain(&self, event: &Recorded) -> bool {
        let position = event.position();
        let version = event.version();
        let time = event.recorded_at();
        self.after.is_none_or(|after| position > after)
            && self.up_to.is_none_or(|last| position <= last)
            && self.after_version.is_none_or(|after| version > after)
            && self.up_to_version.is_none_or(|last| version <= last)
            && self.since.is_none_or(|since| time >= since)
            && self.until.is_none_or(|until| time <= until)
    }
}
