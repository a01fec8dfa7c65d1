//! An aggregate's id has a type of its own, and every type that can be shown can be one.

use std::fmt;

use crate::common::*;
use hitherto::{Aggregate, ErrorKind, Event, Repository, Root, Store, UpdateError, wait};

#[derive(Clone, Copy)]
struct OrderId(u128);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[derive(Event)]
enum OrderEvent {
    OrderPlaced,
}

#[derive(Default)]
struct Order {
    root: Root<OrderEvent>,
    is_placed: bool,
}

impl Aggregate for Order {
    const CATEGORY: &'static str = "order";
    type Id = OrderId;
    type Event = OrderEvent;
    type Error = ();

    fn root(&mut self) -> &mut Root<OrderEvent> {
        &mut self.root
    }

    fn apply(&mut self, OrderEvent::OrderPlaced: &OrderEvent) {
        self.is_placed = true;
    }
}

#[test]
fn an_id_of_its_own_type_names_the_stream_as_it_is_shown() {
    let orders = Repository::<Order>::new(&Store::in_memory());
    let id = OrderId(7);
    wait(orders.update(&id, |order| order.raise(OrderEvent::OrderPlaced))).expect("it is placed");
    let order = wait(orders.load(&id)).expect("it loads");
    let stream = order.root.stream().expect("it was loaded").as_str();
    assert_eq!(stream, "order-00000000000000000000000000000007");
    assert!(order.is_placed);
    assert!(!wait(orders.load(&OrderId(8))).expect("it is new").is_placed);
}

#[test]
fn a_text_id_is_passed_as_text_however_it_is_held() {
    let accounts = Repository::<BankAccount>::new(&Store::in_memory());
    let id = String::from("a-b-c");
    wait(accounts.update(&id, |account| account.open("x", 1))).expect("it opens");
    for text in [id.as_str(), "a-b-c"] {
        assert_eq!(wait(accounts.load(text)).expect("it loads").balance, 1);
    }
    let cow = std::borrow::Cow::Borrowed("a-b-c");
    assert_eq!(wait(accounts.load(&*cow)).expect("it loads").balance, 1);
}

#[test]
fn the_future_of_an_update_is_sent_and_outlives_the_id_it_was_given() {
    fn sent<T: Send + 'static>(future: T) -> T {
        future
    }
    let accounts = Repository::<BankAccount>::new(&Store::in_memory());
    let (update, load) = {
        let id = String::from("a");
        (
            sent(accounts.update(id.as_str(), |account| account.open("a", 1))),
            sent(accounts.load(id.as_str())),
        )
    };
    drop(accounts);
    let updated = std::thread::spawn(move || wait(update)).join().expect("it ends");
    assert_eq!(updated.expect("it opens").version, 1);
    assert_eq!(wait(load).expect("it loads").balance, 1);
}

#[test]
fn an_id_that_no_stream_can_be_named_by_is_refused_by_name() {
    let accounts = Repository::<BankAccount>::new(&Store::in_memory());
    let long = "x".repeat(600);
    for (id, words) in [("", "empty"), ("a\nb", "control character"), (&long, "stream name")] {
        let outcome = wait(accounts.update(id, |account| account.open("a", 1)));
        let UpdateError::Store(error) = outcome.expect_err("it is no id") else {
            panic!("the account did not refuse")
        };
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(wait(accounts.load(id)).expect_err("no id").kind(), ErrorKind::Invalid);
        assert_eq!(wait(accounts.at_version(id, 1)).expect_err("no id").kind(), ErrorKind::Invalid);
    }
}
