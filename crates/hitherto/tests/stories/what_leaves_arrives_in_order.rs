//! To the outside: at least once, in order within a key, and nothing skipped, however unreliable
//! the other side is and however often it is started anew.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::common::transfer::quick;
use hitherto::bus::{Message, Outlet, Undelivered};
use hitherto::checkpoints::Checkpoints;
use hitherto::{Append, Bus, Error, NewEvent, Query, Store, Subscription, wait};

const KEYS: u64 = 7;

/// A broker that takes some of what it gets, loses answers, and refuses some messages.
#[derive(Clone)]
struct Broker(Arc<Mutex<Inside>>);

struct Inside {
    /// The positions that have arrived, by key.
    arrived: BTreeMap<String, Vec<u64>>,
    random: u64,
    is_reliable: bool,
    refuses: Option<u64>,
    calls: u64,
}

impl Broker {
    fn new(seed: u64, is_reliable: bool) -> Self {
        let arrived = BTreeMap::new();
        let (random, refuses, calls) = (seed, None, 0);
        Self(Arc::new(Mutex::new(Inside { arrived, random, is_reliable, refuses, calls })))
    }

    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.0.lock().expect("nobody panicked")
    }

    /// How many have arrived more than once; each key was in order and has no gap.
    fn check(&self, expected: &BTreeMap<String, Vec<u64>>) -> usize {
        let inside = self.inside();
        let mut repeated = 0;
        for (key, arrived) in &inside.arrived {
            let mut firsts: Vec<u64> = Vec::new();
            for position in arrived {
                if firsts.contains(position) {
                    repeated += 1;
                } else {
                    firsts.push(*position);
                }
            }
            assert_eq!(&firsts, &expected[key], "first arrivals of {key}");
        }
        assert_eq!(inside.arrived.len(), expected.len());
        repeated
    }
}

impl Inside {
    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % bound
    }

    fn take(&mut self, messages: &[Message<'_>]) {
        for message in messages {
            let position = message.event.position().0;
            self.arrived.entry(message.key.to_string()).or_default().push(position);
        }
    }
}

impl Outlet for Broker {
    fn send(&mut self, messages: &[Message<'_>]) -> Result<(), Undelivered> {
        let mut inside = self.inside();
        inside.calls += 1;
        let refused = messages.iter().position(|m| Some(m.event.position().0) == inside.refuses);
        if let Some(delivered) = refused {
            inside.take(&messages[..delivered]);
            return Err(Undelivered { delivered, error: Error::invalid("it is too large") });
        }
        let down = || Error::unavailable("the broker does not answer");
        let fate = if inside.is_reliable { 9 } else { inside.below(4) };
        let some = inside.below(messages.len() as u64 + 1) as usize;
        match fate {
            0 => Err(Undelivered { delivered: 0, error: down() }),
            1 => {
                inside.take(&messages[..some]);
                Err(Undelivered { delivered: some, error: down() })
            }
            2 => {
                // It has them, and its answer is lost.
                inside.take(&messages[..some]);
                Err(Undelivered { delivered: 0, error: down() })
            }
            _ => {
                inside.take(messages);
                Ok(())
            }
        }
    }
}

fn publish(bus: &Bus, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let append = Append::to(format!("door-{}", number * 31 % KEYS));
        wait(bus.publish(append.event(NewEvent::json("Opened", "{}")))).expect("it is stored");
    }
}

/// What has to arrive, by key.
fn expected(store: &Store) -> BTreeMap<String, Vec<u64>> {
    let mut expected = BTreeMap::<String, Vec<u64>>::new();
    for event in store.read(Query::all()) {
        let event = event.expect("the store is well");
        let stream = event.stream().expect("all have one").to_owned();
        expected.entry(stream).or_default().push(event.position().0);
    }
    expected
}

fn settle(store: &Store, subscription: &Subscription) {
    wait(subscription.reached(wait(store.head()).expect("memory works"))).expect("it runs");
}

#[test]
fn to_a_reliable_broker_everything_goes_once_and_in_batches() {
    let store = Store::in_memory();
    let (bus, broker) = (Bus::new(&store, &Checkpoints::in_memory()), Broker::new(1, true));
    publish(&bus, 0..300);
    let sending = wait(bus.send_to("out", Query::all(), broker.clone())).expect("it begins");
    settle(&store, &sending);
    assert_eq!(broker.check(&expected(&store)), 0);
    assert!(broker.inside().calls < 300, "many at once where many are waiting");
}

#[test]
fn to_an_unreliable_broker_everything_goes_at_least_once_and_in_order() {
    for seed in 1..=8 {
        let store = Store::in_memory();
        let (bus, broker) = (Bus::new(&store, &Checkpoints::in_memory()), Broker::new(seed, false));
        let sending =
            bus.send_to("out", Query::all(), broker.clone()).partitions(1 + seed as u32 % 3);
        let sending = wait(sending.batch(16).retry(quick())).expect("it begins");
        publish(&bus, 0..200);
        settle(&store, &sending);
        assert!(broker.check(&expected(&store)) < 2_000, "repetitions have an end");
        assert_eq!(sending.status().parked, 0);
    }
}

#[test]
fn nothing_is_lost_or_out_of_order_over_restarts() {
    let directory = tempfile::tempdir().expect("there is room");
    let store = Store::in_memory();
    let broker = Broker::new(5, false);
    for round in 0..10 {
        let checkpoints = Checkpoints::in_directory(directory.path()).expect("there is room");
        let bus = Bus::new(&store, &checkpoints);
        publish(&bus, round * 20..(round + 1) * 20);
        let sending = bus.send_to("out", Query::all(), broker.clone()).batch(5).retry(quick());
        let sending = wait(sending).expect("it begins");
        if round % 2 == 1 {
            settle(&store, &sending);
        } // and else it stops in the middle of it
    }
    broker.check(&expected(&store));
}

#[test]
fn a_message_that_is_refused_is_parked_with_its_key_and_sent_when_it_is_retried() {
    let store = Store::in_memory();
    let (bus, broker) = (Bus::new(&store, &Checkpoints::in_memory()), Broker::new(1, true));
    publish(&bus, 0..50);
    broker.inside().refuses = Some(10);
    let sending = bus.send_to("out", Query::all(), broker.clone()).retry(quick());
    let sending = wait(sending).expect("it begins");
    settle(&store, &sending);
    let parked = sending.parked().expect("memory works");
    let waiting = expected(&store)[&parked[0].key].iter().filter(|at| **at >= 10).count();
    assert_eq!((parked[0].position.0, parked.len()), (10, waiting));
    assert!(parked[0].error.contains("it is too large"));

    broker.inside().refuses = None;
    wait(sending.retry(parked[0].position)).expect("it is parked");
    assert_eq!(broker.check(&expected(&store)), 0);
    assert_eq!(sending.status().parked, 0);
}

#[test]
fn the_key_may_be_another_than_the_stream() {
    let store = Store::in_memory();
    let (bus, broker) = (Bus::new(&store, &Checkpoints::in_memory()), Broker::new(3, true));
    publish(&bus, 0..60);
    let keyed = bus.send_to("out", Query::all(), broker.clone());
    let keyed = keyed.keyed(|event| Cow::Borrowed(event.category().unwrap_or_default()));
    settle(&store, &wait(keyed.partitions(4)).expect("it begins"));
    let all = expected(&store).into_values().flatten().collect::<std::collections::BTreeSet<_>>();
    let one = BTreeMap::from([("door".to_owned(), all.into_iter().collect())]);
    assert_eq!(broker.check(&one), 0);
}
