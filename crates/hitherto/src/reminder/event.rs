//! What is stored of a reminder: that it was set, came, or was forgotten.

use std::time::Duration;

use hitherto_store::{NewEvent, StreamName, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::event::as_stored;
use crate::{Event, EventId, Recorded, Result, StoredEvent};

/// The category of the streams that reminders are set in: one for each stream that is reminded.
pub(super) const CATEGORY: &str = "hitherto.reminder";

/// When a reminder comes.
///
/// ```
/// use std::time::Duration;
/// use hitherto::{Timestamp, When};
///
/// let in_an_hour = When::from(Duration::from_secs(3_600));
/// let at_noon = When::from(Timestamp::from_nanos(1_767_528_000_000_000_000));
/// assert_ne!(in_an_hour, at_noon);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// So long after it was set.
    #[serde(rename = "after_ns", with = "nanoseconds")]
    After(Duration),
    /// At this time; at once if it is over. `event.recorded_at().plus(..)` counts from an event.
    #[serde(rename = "at_ns", with = "timestamp")]
    At(Timestamp),
}

impl From<Duration> for When {
    fn from(duration: Duration) -> Self {
        Self::After(duration)
    }
}

impl From<Timestamp> for When {
    fn from(time: Timestamp) -> Self {
        Self::At(time)
    }
}

/// What can happen to the reminders of a stream.
#[derive(Event, Debug)]
pub(super) enum ReminderEvent {
    /// An event is to happen later.
    #[event(name = "hitherto.ReminderSet")]
    ReminderSet {
        when: When,
        kind: String,
        schema_version: u16,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tags: Vec<String>,
        data: Box<RawValue>,
    },
    /// It has happened, in the same append.
    #[event(name = "hitherto.ReminderCame")]
    ReminderCame {
        /// The version of this stream at which it was set.
        set_at_version: u64,
    },
    /// None that was set before, and did not come, is to come any more.
    #[event(name = "hitherto.RemindersForgotten")]
    RemindersForgotten,
}

/// Whether an event is one by which a reminder was set.
pub(crate) fn is_reminder(event: &StoredEvent) -> bool {
    event.kind() == SET
}

/// The name under which setting is stored.
const SET: &str = "hitherto.ReminderSet";
/// The name under which forgetting is stored.
pub(super) const FORGOTTEN: &str = "hitherto.RemindersForgotten";

/// The stream that the reminders of a stream are set in.
pub(super) fn reminder_stream(target: &StreamName) -> StreamName {
    StreamName::of(CATEGORY, target)
}

impl ReminderEvent {
    /// That this event is to happen then.
    pub(super) fn set<E: Event>(event: &E, when: When) -> Result<Self> {
        let json = String::from_utf8(event.encode()?).map_err(|_| not_json(event.kind().name))?;
        Ok(Self::ReminderSet {
            when,
            kind: event.kind().name.to_owned(),
            schema_version: event.kind().version,
            tags: event.tags().iter().map(|tag| tag.as_str().to_owned()).collect(),
            data: RawValue::from_string(json).map_err(|_| not_json(event.kind().name))?,
        })
    }

    pub(super) fn as_stored(&self, id: EventId) -> Result<NewEvent> {
        as_stored(self, id)
    }
}

fn not_json(kind: &str) -> crate::Error {
    crate::Error::invalid(format!("{kind} cannot be set for later: its fields are no JSON"))
}

/// When a reminder is due that was set by this event, if one was.
pub(super) fn due_of(event: &Recorded<ReminderEvent>) -> Option<Timestamp> {
    match &event.data {
        ReminderEvent::ReminderSet { when: When::At(time), .. } => Some(*time),
        ReminderEvent::ReminderSet { when: When::After(duration), .. } => {
            Some(event.recorded_at().plus(*duration))
        }
        ReminderEvent::ReminderCame { .. } | ReminderEvent::RemindersForgotten => None,
    }
}

/// A duration as its nanoseconds; at most those of some 584 years.
mod nanoseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_nanos)
    }
}

/// A moment as its nanoseconds.
mod timestamp {
    use hitherto_store::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(value: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(value.as_nanos())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp::from_nanos)
    }
}
