//! Each subscriber hears every event of its query once, in order, from where it was.

use std::sync::{Arc, Mutex};

use crate::common::teller::{deposit, teller, withdraw};
use crate::common::transfer::quick;
use crate::common::*;
use hitherto::checkpoints::Checkpoints;
use hitherto::runner::Begin;
use hitherto::{
    Append, Bus, Commands, Error, NewEvent, Query, Recorded, Store, StoredEvent, Subscription, wait,
};

/// What a subscriber has heard.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<Vec<String>>>);

impl Ear {
    fn hears(&self) -> impl Fn(&StoredEvent) -> hitherto::Result<()> + Send + Sync + use<> {
        let Self(heard) = self.clone();
        move |event| {
            let text = format!("{} {}", event.stream_id(), event.kind());
            heard.lock().expect("nobody panicked").push(text);
            Ok(())
        }
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("nobody panicked"))
    }
}

fn withdrawals() -> Query {
    Query::category("account").kinds(["MoneyWithdrawn"])
}

/// Waits until a subscriber has got all there is.
fn settle(store: &Store, subscription: &Subscription) {
    wait(subscription.reached(wait(store.head()).expect("memory works"))).expect("it runs");
}

fn act(commands: &Commands) {
    wait(commands.send(deposit("b", 7))).expect("it is open");
    wait(commands.send(withdraw("a", 1))).expect("it has 100");
    wait(commands.send(withdraw("b", 2))).expect("it has 7");
}

#[test]
fn by_kind_and_category_and_each_its_own() {
    let store = Store::in_memory();
    let bus = Bus::new(&store, &Checkpoints::in_memory());
    let (all, some, none) = (Ear::default(), Ear::default(), Ear::default());
    let subscriptions = [
        bus.subscribe("all", Query::all(), all.hears()),
        bus.subscribe("some", withdrawals(), some.hears()),
        bus.subscribe("none", Query::category("transfer"), none.hears()),
    ];
    let subscriptions = subscriptions.map(|subscribing| wait(subscribing).expect("it begins"));
    let (commands, _) = teller(&store);
    act(&commands);
    let door = Append::to("door-1").event(NewEvent::json("MoneyWithdrawn", "{}"));
    wait(bus.publish(door)).expect("it is stored");
    for subscription in &subscriptions {
        settle(&store, subscription);
    }
    assert_eq!(some.heard(), ["a MoneyWithdrawn", "b MoneyWithdrawn"]);
    assert_eq!(all.heard().len(), 6);
    assert_eq!(none.heard(), Vec::<String>::new());
}

#[test]
fn each_goes_on_where_it_was_whenever_it_comes_back() {
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path().join("bank.hitherto");
    let checkpoints = directory.path().join("checkpoints");
    let (often, seldom) = (Ear::default(), Ear::default());
    for round in 0..4 {
        let store = Store::open(&path).expect("it opens");
        let checkpoints = Checkpoints::in_directory(&checkpoints).expect("there is room");
        let bus = Bus::new(&store, &checkpoints);
        let subscription = bus.subscribe("often", withdrawals(), often.hears());
        let subscription = wait(subscription).expect("it begins");
        act(&teller(&store).0);
        settle(&store, &subscription);
        assert_eq!(often.heard(), ["a MoneyWithdrawn", "b MoneyWithdrawn"]);
        if round % 2 == 1 {
            let late = bus.subscribe("seldom", withdrawals(), seldom.hears());
            settle(&store, &wait(late).expect("it begins"));
            assert_eq!(seldom.heard().len(), 4, "those of two rounds");
        }
    }
}

#[test]
fn one_that_fails_does_not_hold_up_the_others() {
    let store = Store::in_memory();
    let bus = Bus::new(&store, &Checkpoints::in_memory());
    let deaf = |_: &StoredEvent| Err(Error::invalid("it does not listen"));
    let deaf = wait(bus.subscribe("deaf", Query::all(), deaf).retry(quick())).expect("it begins");
    let ear = Ear::default();
    let ear_of = wait(bus.subscribe("ear", Query::all(), ear.hears())).expect("it begins");
    act(&teller(&store).0);
    settle(&store, &ear_of);
    settle(&store, &deaf);
    assert_eq!((ear.heard().len(), ear_of.status().parked), (5, 0));
    assert_eq!(deaf.status().parked, 5);
}

#[test]
fn typed_subscribers_get_their_type_and_nothing_else() {
    let store = Store::in_memory();
    let bus = Bus::new(&store, &Checkpoints::in_memory());
    let sum = Arc::new(Mutex::new(0));
    let adds = Arc::clone(&sum);
    let taken = bus.subscribe_to("sum", Query::all(), move |event: &Recorded<AccountEvent>| {
        if let MoneyWithdrawn { amount } = event.data {
            *adds.lock().expect("nobody panicked") += amount;
        }
        Ok(())
    });
    let taken = wait(taken).expect("it begins");
    wait(bus.publish(Append::to("door-1").event(NewEvent::json("Opened", "{}")))).expect("stored");
    act(&teller(&store).0);
    settle(&store, &taken);
    assert_eq!((*sum.lock().expect("nobody panicked"), taken.status().parked), (3, 0));
}

#[test]
fn a_new_subscriber_may_begin_with_what_happens_from_now_on() {
    let store = Store::in_memory();
    let (commands, _) = teller(&store);
    act(&commands);
    let (bus, ear) = (Bus::new(&store, &Checkpoints::in_memory()), Ear::default());
    let now = bus.subscribe("now", withdrawals(), ear.hears()).begin(Begin::FromNowOn);
    let now = wait(now).expect("it begins");
    settle(&store, &now);
    act(&commands);
    settle(&store, &now);
    assert_eq!(ear.heard(), ["a MoneyWithdrawn", "b MoneyWithdrawn"]);
}

#[test]
fn a_name_that_cannot_be_one_is_told() {
    let bus = Bus::new(&Store::in_memory(), &Checkpoints::in_memory());
    let nameless = wait(bus.subscribe("a/b", Query::all(), |_: &StoredEvent| Ok(())));
    let error = nameless.map(|_| ()).expect_err("it would be a file elsewhere");
    assert!(error.to_string().contains("cannot be the name of a follower"), "{error}");
}
