//! A realistic life: streams of 10 events, many of them open at a time, each closed one followed by
//! a new one.

use std::collections::{HashSet, VecDeque};

use hitherto_store::{Append, ExpectedVersion, Tag};

use crate::filled::stream_name;
use crate::hitherto::new_event;
use crate::random::Random;
use crate::sample::Samples;

pub(super) use crate::filled::STREAM_EVENTS;

/// How many events have the same rare tag.
pub(super) const TAGGED_EVENTS: u64 = 10;
const TAG: &str = "recall";
/// Streams that closed last, and still count as recent.
const RECENT: usize = 1000;

/// What is appended next.
pub(super) struct Life {
    random: Random,
    /// For what is asked: so that what happens does not depend on that.
    asked: Random,
    samples: Samples,
    slots: Vec<Slot>,
    /// The slots in the order in which they get their next event.
    order: Vec<usize>,
    next: usize,
    rounds: u64,
    streams: u64,
    events: u64,
    tagged_one_in: u64,
    recently_closed: VecDeque<u64>,
}

/// A stream that is open, and its version.
struct Slot {
    stream: u64,
    version: u64,
}

impl Life {
    /// A life whose first `events` have 10 events for each stream that is open, and 100 tagged
    /// ones: with a million, 100,000 streams are open at a time.
    pub(super) fn new(events: u64) -> Self {
        let streams = (events / STREAM_EVENTS).clamp(1, 100_000);
        let mut random = Random::seeded(2);
        let mut order = (0..streams as usize).collect::<Vec<_>>();
        random.shuffle(&mut order);
        Self {
            random,
            asked: Random::seeded(4),
            samples: Samples::new(),
            slots: (0..streams).map(|stream| Slot { stream, version: 0 }).collect(),
            order,
            next: 0,
            rounds: 0,
            streams,
            events: 0,
            tagged_one_in: (events / 100).max(1),
            recently_closed: VecDeque::new(),
        }
    }

    /// How many events it has given so far.
    pub(super) fn events(&self) -> u64 {
        self.events
    }

    /// The next events of as many streams; fewer where every open stream has had its turn, but
    /// never none.
    pub(super) fn next_commit(&mut self, events_max: usize) -> Append {
        loop {
            let append = self.next_of_round(events_max);
            if !append.writes.is_empty() {
                return append;
            }
        }
    }

    /// As many of this round's events; none if all streams behind the last one are still closed.
    fn next_of_round(&mut self, events_max: usize) -> Append {
        if self.next == self.order.len() {
            self.next = 0;
            self.rounds += 1;
            self.random.shuffle(&mut self.order);
        }
        let mut append = Append::default();
        while append.writes.len() < events_max && self.next < self.order.len() {
            let slot = self.order[self.next];
            self.next += 1;
            // In the first rounds only some streams are open, so that they close one by one later.
            if slot as u64 % STREAM_EVENTS <= self.rounds {
                append = append.and(self.next_event(slot));
            }
        }
        append
    }

    fn next_event(&mut self, slot: usize) -> Append {
        let slot = &mut self.slots[slot];
        let expected = ExpectedVersion::Exact(slot.version);
        let append = Append::to(stream_name(slot.stream)).expect(expected);
        let mut event = new_event(self.samples.make());
        if self.events.is_multiple_of(self.tagged_one_in) {
            event = event.tag(tag(self.events / self.tagged_one_in / TAGGED_EVENTS));
        }
        self.events += 1;
        slot.version += 1;
        if slot.version == STREAM_EVENTS {
            self.recently_closed.push_back(slot.stream);
            if self.recently_closed.len() > RECENT {
                self.recently_closed.pop_front();
            }
            *slot = Slot { stream: self.streams, version: 0 };
            self.streams += 1;
        }
        append.event(event)
    }

    /// Rare tags, in a random order: each has all of its events, scattered.
    pub(super) fn tags(&mut self) -> Vec<Tag> {
        let complete = self.events / self.tagged_one_in / TAGGED_EVENTS;
        (0..complete.max(1)).map(|_| tag(self.asked.below(complete.max(1)))).collect()
    }

    /// Names of random streams that have all of their events, of any age.
    pub(super) fn closed(&mut self, names: usize) -> Vec<String> {
        let open = self.slots.iter().map(|slot| slot.stream).collect::<HashSet<_>>();
        let closed = std::iter::repeat_with(|| self.asked.below(self.streams));
        closed.filter(|stream| !open.contains(stream)).map(stream_name).take(names).collect()
    }

    /// Names of random streams of those that got their last event lately.
    pub(super) fn recently_closed(&mut self, names: usize) -> Vec<String> {
        let recent = self.recently_closed.make_contiguous();
        let mut any = || recent[self.asked.below(recent.len() as u64) as usize];
        (0..names).map(|_| stream_name(any())).collect()
    }
}

fn tag(number: u64) -> Tag {
    Tag::new(TAG, number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto_store::{EmbeddedStore, EventStore, Query};

    #[test]
    fn closed_streams_have_ten_events_and_a_rare_tag_has_ten() {
        let store = EmbeddedStore::in_memory();
        let mut life = Life::new(1000);
        while life.events() < 3000 {
            store.append(life.next_commit(64)).unwrap();
        }
        let count = |query| store.read(query).map(Result::unwrap).count() as u64;
        assert_eq!(count(Query::all()), life.events());
        let names = [life.closed(50), life.recently_closed(50)].concat();
        for name in names {
            assert_eq!(count(Query::stream(name)), STREAM_EVENTS);
        }
        for tag in life.tags() {
            assert_eq!(count(Query::all().with_tag(tag)), TAGGED_EVENTS);
        }
    }
}
