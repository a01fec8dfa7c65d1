//! Queries of up to five alternatives with up to five tags that must meet, kinds, streams and
//! categories, from every boundary on: reading, following and conditions give what a look at every
//! event gives.

#[path = "stories/common/mod.rs"]
mod common;

use hitherto_sim::{Random, SimClock, SimDisk, small_files};
use hitherto_store::planted::{PlantedBug, plant};
use hitherto_store::{
    Append, Conflict, EmbeddedStore, Error, EventId, EventStore, NewEvent, Position, Query,
    Recorded, Result, Tag,
};

const EVENTS: u128 = 400;
const QUERIES: u64 = 250;
const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];
const KINDS: [&str; 4] = ["Opened", "Moved", "Noted", "Closed"];

/// A store with many files, some compressed, and all its events.
fn filled(random: &mut Random) -> (EmbeddedStore, Vec<Recorded>) {
    let opened = EmbeddedStore::on(SimDisk::new(), SimClock::default(), small_files());
    let store = opened.expect("it opens");
    for number in 0..EVENTS {
        let mut event = NewEvent::json(KINDS[pick(random, 4)], "x".repeat(pick(random, 120)));
        event = event.id(EventId::from_u128(number + 1));
        for key in KEYS {
            if random.once_in(2) {
                event = event.tag(Tag::new(key, random.below(2)));
            }
        }
        let append = match random.below(4) {
            0 => Append::without_stream(),
            _ => Append::to(format!("{}-{}", ["x", "y"][pick(random, 2)], random.below(4))),
        };
        store.append(append.event(event)).expect("it fits");
    }
    let events = store.read(Query::all()).collect::<Result<_>>().expect("it is sound");
    (store, events)
}

fn pick(random: &mut Random, below: u64) -> usize {
    usize::try_from(random.below(below)).expect("it is small")
}

fn query(random: &mut Random) -> Query {
    let alternatives = 1 + random.below(5);
    let first = alternative(random);
    (1..alternatives).fold(first, |query, _| query.or(alternative(random)))
}

fn alternative(random: &mut Random) -> Query {
    let mut query = match random.below(8) {
        0 => Query::stream(format!("x-{}", random.below(5))),
        1 => Query::category(["x", "y", "z"][pick(random, 3)]),
        2 => Query::of_kinds([KINDS[pick(random, 4)], "Never"]),
        _ => Query::tag(KEYS[pick(random, 5)], random.below(2)),
    };
    for _ in 0..random.below(5) {
        query = query.with_tag(Tag::new(KEYS[pick(random, 5)], random.below(2)));
    }
    if random.once_in(4) {
        query = query.kinds([KINDS[pick(random, 4)], KINDS[pick(random, 4)]]);
    }
    query
}

/// The first thing that differs from brute force.
fn first_difference(seed: u64) -> Option<String> {
    let random = &mut Random::new(seed);
    let (store, events) = filled(random);
    (0..QUERIES).find_map(|_| differs(&store, &events, &query(random), random))
}

fn differs(
    store: &EmbeddedStore,
    events: &[Recorded],
    query: &Query,
    random: &mut Random,
) -> Option<String> {
    let matching = events.iter().filter(|event| query.matches(event)).collect::<Vec<_>>();
    let mut boundaries = matching.iter().map(|event| event.position().0).collect::<Vec<_>>();
    boundaries.retain(|_| random.once_in(6));
    boundaries.extend(matching.last().map(|event| event.position().0));
    let before = boundaries.iter().map(|position| position - 1).collect::<Vec<_>>();
    boundaries.extend(before);
    boundaries.extend([0, events.len() as u64]);
    boundaries.into_iter().find_map(|after| {
        let after = Position(after);
        let wanted = matching.iter().filter(|event| event.position() > after).copied();
        let wanted = wanted.collect::<Vec<_>>();
        let found = store.read(query.clone().after(after)).collect::<Result<Vec<_>>>();
        let found = found.expect("it is sound");
        if !found.iter().eq(wanted.iter().copied()) {
            return Some(format!(
                "{query:?} after {after}: {} found, {}",
                found.len(),
                wanted.len()
            ));
        }
        let last = wanted.last().map(|event| event.position());
        // What would be accepted would change the store; what is refused is refused for this.
        let position = last?;
        let append = Append::without_stream().event(NewEvent::json("Never", "{}"));
        let answer = store.append(append.unless(query.clone(), after));
        let expected = Conflict::ConditionFailed { position };
        let conflict = answer.as_ref().err().and_then(Error::as_conflict);
        (conflict != Some(&expected)).then(|| format!("{query:?} after {after}: {answer:?}"))
    })
}

#[test]
fn whatever_must_meet() {
    for seed in 0..4 {
        assert_eq!(first_difference(seed), None, "seed {seed}");
    }
}

/// A condition that holds is accepted, and what it let in makes the next one fail.
#[test]
fn a_condition_that_holds_is_accepted_once() {
    let random = &mut Random::new(11);
    let (store, events) = filled(random);
    let mut accepted = 0;
    for _ in 0..QUERIES {
        let query = query(random);
        let mut event = NewEvent::json(KINDS[pick(random, 4)], "{}");
        event.tags = query.items[0].tags.clone();
        let head = store.head().wait().expect("it is sound");
        let append = Append::without_stream().event(event);
        let saved = store.append(append.unless(query.clone(), head)).expect("it holds");
        assert_eq!(saved.position, head.next());
        accepted += 1;
        let newest = store.read(Query::all().after(head)).next().expect("it is there");
        let newest = newest.expect("it is sound");
        let again = Append::without_stream().event(NewEvent::json("Never", "{}"));
        let again = store.append(again.unless(query.clone(), head));
        assert_eq!(again.is_err(), query.matches(&newest), "{query:?}");
    }
    assert!(store.head().wait().expect("it is sound").0 >= events.len() as u64 + accepted);
}

#[test]
fn looking_only_for_the_first_tag_is_found() {
    plant(Some(PlantedBug::OneTermIsEnough));
    let found = first_difference(0);
    plant(None);
    assert!(found.is_some());
}
