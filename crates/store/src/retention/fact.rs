//! Facts of retention as events of the store's own stream: lines of text that people can read.

use crate::event::{ContentType, EventId, NewEvent, Position, StreamName};
use crate::record::Recorded;

use super::target::{Hold, Keep, Target};

/// The stream that all facts of retention stand in.
pub(crate) const STREAM: &str = "$retention";

/// Something that was decided about what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    Kept(Target, Keep),
    /// Everything before the position was removed.
    Truncated(Target, Position),
    /// Everything before this fact was removed.
    Deleted(Target),
    /// The same, and nothing will ever be appended again.
    Tombstoned(Target),
    Held(Hold),
    Released(Hold),
    /// From here on bytes are removed: of everything that is hidden now.
    ScavengeBegun,
}

/// The facts among the events of an append or of the log, with the event's place in its list.
pub(crate) fn facts_of<'a>(
    stream: Option<&StreamName>,
    events: &'a [NewEvent],
) -> impl Iterator<Item = (usize, Fact)> + 'a {
    let is_ours = stream.is_some_and(|stream| stream.as_str() == STREAM);
    let numbered = events.iter().enumerate().filter(move |_| is_ours);
    numbered
        .filter_map(|(number, event)| Some((number, Fact::decode(&event.kind, &event.payload)?)))
}

impl Fact {
    fn kind(&self) -> &'static str {
        match self {
            Self::Kept(..) => "$Kept",
            Self::Truncated(..) => "$Truncated",
            Self::Deleted(_) => "$Deleted",
            Self::Tombstoned(_) => "$Tombstoned",
            Self::Held(_) => "$Held",
            Self::Released(_) => "$Released",
            Self::ScavengeBegun => "$ScavengeBegun",
        }
    }

    /// The event that says so.
    pub(crate) fn encode(&self, id: EventId) -> NewEvent {
        NewEvent::new(self.kind(), ContentType::Text, self.text()).id(id)
    }

    fn text(&self) -> String {
        match self {
            Self::Kept(target, keep) => {
                let age = keep.age().map(|age| format!("max-age-seconds {}\n", age.as_secs()));
                let count = keep.count().map(|count| format!("max-count {count}\n"));
                let bounds = age.into_iter().chain(count).collect::<String>();
                format!("{target}\n{bounds}")
            }
            Self::Truncated(target, before) => format!("{target}\nbefore-position {before}\n"),
            Self::Deleted(target) | Self::Tombstoned(target) => format!("{target}\n"),
            Self::Held(hold) | Self::Released(hold) => format!("{hold}\n"),
            Self::ScavengeBegun => String::new(),
        }
    }

    /// The fact that an event of the stream is; `None` for one that only later versions know.
    pub(crate) fn of(event: &Recorded) -> Option<Self> {
        Self::decode(event.kind(), event.payload())
    }

    fn decode(kind: &str, payload: &[u8]) -> Option<Self> {
        let text = Text(std::str::from_utf8(payload).ok()?);
        Some(match kind {
            "$Kept" => Self::Kept(text.target()?, text.keep()),
            "$Truncated" => {
                Self::Truncated(text.target()?, Position(text.number("before-position")?))
            }
            "$Deleted" => Self::Deleted(text.target()?),
            "$Tombstoned" => Self::Tombstoned(text.target()?),
            "$Held" => Self::Held(text.hold()?),
            "$Released" => Self::Released(text.hold()?),
            "$ScavengeBegun" => Self::ScavengeBegun,
            _ => return None,
        })
    }
}

/// Lines of a word and a value each; names have no control characters, so none can look like
/// another line.
struct Text<'a>(&'a str);

impl Text<'_> {
    fn value(&self, word: &str) -> Option<&str> {
        self.0
            .lines()
            .find_map(|line| line.split_once(' ').filter(|(it, _)| *it == word))
            .map(|it| it.1)
    }

    fn number(&self, word: &str) -> Option<u64> {
        self.value(word)?.parse().ok()
    }

    fn target(&self) -> Option<Target> {
        let stream = self.value("stream").map(Target::stream);
        stream.or_else(|| self.value("category").map(Target::category))
    }

    fn keep(&self) -> Keep {
        let age = self.number("max-age-seconds").map(std::time::Duration::from_secs);
        let count = self.number("max-count").map(Keep::max_count);
        let age = age.map(Keep::max_age).unwrap_or_default();
        count.map_or(age, |count| age.and(count))
    }

    fn hold(&self) -> Option<Hold> {
        match self.target() {
            Some(Target::Stream(stream)) => Some(Hold::Stream(stream)),
            Some(Target::Category(category)) => Some(Hold::Category(category)),
            None => self.value("kind").map(|kind| Hold::Kind(kind.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_fact_is_read_as_it_was_written() {
        let stream = || Target::stream("a stream-with spaces ä");
        let both = Keep::max_age(Duration::from_secs(9)).and(Keep::max_count(3));
        let facts = [
            Fact::Kept(stream(), both),
            Fact::Kept(Target::category("kind x"), Keep::everything()),
            Fact::Truncated(stream(), Position(17)),
            Fact::Deleted(stream()),
            Fact::Tombstoned(Target::category("stream y")),
            Fact::Held(Hold::Kind("stream z".to_owned())),
            Fact::Released(Hold::Category("category".to_owned())),
            Fact::ScavengeBegun,
        ];
        for fact in facts {
            let event = fact.encode(EventId::new());
            assert_eq!(Fact::decode(&event.kind, &event.payload), Some(fact), "{event:?}");
        }
        assert_eq!(Fact::decode("$Unheard", b""), None);
        assert_eq!(Fact::decode("$Deleted", b"nothing"), None);
    }
}
