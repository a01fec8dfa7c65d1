//! The workload: a bank in which money moves and none is made, with everything that an append can
//! be.

use std::time::Duration;

use hitherto_store::{
    Append, Before, EventId, ExpectedVersion, Hold, Keep, NewEvent, Position, Query, Recorded, Tag,
    Target, Timestamp,
};

use crate::decision::Decision;
use crate::random::Random;
use crate::texts::Texts;

const ACCOUNTS: u64 = 6;
const NOTES: u64 = 4;
const KINDS: [&str; 4] = ["Moved", "Noted", "Tagged", "Marked"];

/// Makes random appends and queries from a seed.
pub struct Bank {
    random: Random,
    texts: Texts,
    next_id: u128,
    /// Appends that were made before, to be repeated.
    made: Vec<Append>,
}

impl Bank {
    /// The bank of this seed.
    pub fn new(seed: u64) -> Self {
        let (random, texts) = (Random::new(seed), Texts::new(seed));
        Self { random, texts, next_id: u128::from(seed) << 64, made: Vec::new() }
    }

    /// The next append: `head` is the last position, and `version_of` tells a stream's version.
    pub fn append(&mut self, head: Position, version_of: impl Fn(&str) -> u64) -> Append {
        let append = match self.random.below(10) {
            0..=2 => self.transfer(&version_of),
            3..=5 => self.notes(&version_of),
            6 | 7 => self.decision(head),
            8 => self.without_stream(),
            _ => return self.repeat().unwrap_or_else(|| self.without_stream()),
        };
        self.made.push(append.clone());
        append
    }

    /// Money leaves one account and arrives in another: both, or neither.
    fn transfer(&mut self, version_of: &impl Fn(&str) -> u64) -> Append {
        let from = self.random.below(ACCOUNTS);
        let to = (from + 1 + self.random.below(ACCOUNTS - 1)) % ACCOUNTS;
        let amount = i64::try_from(self.random.below(100)).expect("it is small");
        let mut half = |account: u64, amount: i64| {
            let stream = format!("account-{account}");
            let version = version_of(&stream);
            let event = self.event("Moved", amount.to_string());
            Append::to(stream).expect(self.expectation(version)).event(event)
        };
        half(from, -amount).and(half(to, amount))
    }

    fn notes(&mut self, version_of: &impl Fn(&str) -> u64) -> Append {
        let stream = format!("note-{}", self.random.below(NOTES));
        let version = version_of(&stream);
        let count = 1 + self.random.below(4);
        let events: Vec<_> = (0..count).map(|_| self.noted()).collect();
        Append::to(stream).expect(self.expectation(version)).events(events)
    }

    /// Mostly right; wrong now and then, to be refused.
    fn expectation(&mut self, version: u64) -> ExpectedVersion {
        match self.random.below(8) {
            0 => ExpectedVersion::Exact(version + 1 + self.random.below(2)),
            1 => ExpectedVersion::NoStream,
            2 => ExpectedVersion::StreamExists,
            3 | 4 => ExpectedVersion::Any,
            _ => ExpectedVersion::Exact(version),
        }
    }

    fn noted(&mut self) -> NewEvent {
        let length = if self.random.once_in(20) { 5_000 } else { self.random.below(400) };
        let length = usize::try_from(length).expect("it is small");
        let text = self.texts.text(length);
        if self.random.once_in(4) {
            let tag = Tag::new("text", self.texts.word());
            return self.event("Marked", text).tag(tag);
        }
        self.event("Noted", text)
    }

    fn decision(&mut self, head: Position) -> Append {
        let after = Position(head.0.saturating_sub(self.random.below(6)));
        let event = self.tagged();
        Append::without_stream().event(event).unless(self.question(), after)
    }

    fn without_stream(&mut self) -> Append {
        let event = self.tagged();
        Append::without_stream().event(event)
    }

    fn tagged(&mut self) -> NewEvent {
        let mut event = self.event("Tagged", "{}".to_owned());
        for key in ["a", "b", "c"] {
            if self.random.once_in(2) {
                event.tags.push(Tag::new(key, self.random.below(3)));
            }
        }
        event
    }

    fn event(&mut self, kind: &'static str, payload: String) -> NewEvent {
        self.next_id += 1;
        let event = NewEvent::json(kind, payload).id(EventId::from_u128(self.next_id));
        if self.random.once_in(4) {
            return event.causation(EventId::from_u128(self.next_id / 2)).metadata("{}");
        }
        event
    }

    /// An append that was made before: as it was, or with something changed.
    fn repeat(&mut self) -> Option<Append> {
        let index = self.random.below(self.made.len() as u64);
        let mut append = self.made.get(usize::try_from(index).expect("it is small"))?.clone();
        if self.random.once_in(4) {
            append.writes[0].events[0].metadata = "changed".into();
        }
        Some(append)
    }

    /// What may be decided about notes; money only moves, and none of it is removed.
    pub fn about_notes(&mut self, version_of: impl Fn(&str) -> u64) -> Decision {
        let stream = format!("note-{}", self.random.below(NOTES));
        let version = version_of(&stream);
        let is_category = self.random.once_in(4);
        let target =
            if is_category { Target::category("note") } else { Target::stream(stream.as_str()) };
        let keep = match self.random.below(4) {
            0 => Keep::everything(),
            1 => Keep::max_age(Duration::from_secs(5 + self.random.below(60))),
            _ => Keep::max_count(1 + self.random.below(6)),
        };
        let hold = match self.random.below(3) {
            0 => Hold::Stream(stream.as_str().into()),
            1 => Hold::Category("note".to_owned()),
            _ => Hold::Kind("Marked".to_owned()),
        };
        match self.random.below(12) {
            0..=2 => Decision::Keep(target, keep),
            3..=6 => Decision::Truncate(
                Target::stream(stream),
                Before::Version(1 + self.random.below(version + 1)),
            ),
            7 => Decision::Delete(target),
            8 if self.random.once_in(8) => Decision::Tombstone(Target::stream(stream)),
            8 | 9 => Decision::Hold(hold),
            _ => Decision::Release(hold),
        }
    }

    /// A query with tags that must meet, alternatives, kinds, streams and categories.
    pub fn question(&mut self) -> Query {
        let alternatives = 1 + self.random.below(3);
        let first = self.alternative();
        (1..alternatives).fold(first, |query, _| query.or(self.alternative()))
    }

    fn alternative(&mut self) -> Query {
        let mut query = match self.random.below(6) {
            0 => Query::stream(format!("account-{}", self.random.below(ACCOUNTS + 1))),
            1 => Query::category(["account", "note", "none"][self.random.below(3) as usize]),
            2 => Query::of_kinds([KINDS[self.random.below(4) as usize]]),
            _ => Query::tag("a", self.random.below(3)),
        };
        for key in ["b", "c"] {
            if self.random.once_in(3) {
                query = query.with_tag(Tag::new(key, self.random.below(3)));
            }
        }
        query
    }

    /// A question between random bounds, in a random direction.
    pub fn query(&mut self, head: Position, events: &[Recorded]) -> Query {
        let mut query = if self.random.once_in(3) { Query::all() } else { self.question() };
        let mut position = || Position(self.random.below(head.0 + 2));
        let (low, high) = (position(), position());
        if self.random.once_in(2) {
            query = query.after(low);
        }
        if self.random.once_in(3) {
            query = query.up_to(high);
        }
        if self.random.once_in(4) {
            query = query.since(time_of(events, low));
        }
        if self.random.once_in(4) {
            query = query.until(time_of(events, high));
        }
        if self.random.once_in(2) {
            query = query.backward();
        }
        if self.random.once_in(4) {
            query = query.limit(self.random.below(10));
        }
        query
    }

    /// The history of one stream, between versions.
    pub fn history(&mut self) -> Query {
        let query = Query::stream(format!("account-{}", self.random.below(ACCOUNTS)));
        let query = query.after_version(self.random.below(6));
        if self.random.once_in(2) { query.up_to_version(self.random.below(12)) } else { query }
    }

    /// What all accounts hold together: always nothing, because money only moves.
    pub fn total<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> i64 {
        let amount = |event: &Recorded| -> i64 {
            let text = std::str::from_utf8(event.payload()).expect("it was text");
            text.parse().expect("it was a number")
        };
        events.into_iter().filter(|event| event.kind() == "Moved").map(amount).sum()
    }
}

fn time_of(events: &[Recorded], position: Position) -> Timestamp {
    let index = usize::try_from(position.0).expect("it is small");
    events.get(index).or(events.last()).map_or(Timestamp::default(), Recorded::recorded_at)
}
