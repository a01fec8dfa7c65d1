//! The testing kit fails when it must, with a message that shows why.

mod common;

use common::*;
use hitherto::testing::*;
use hitherto::{Aggregate, Decision, Event, Query, Root, ensure};
use serde::{Deserialize, Serialize};

fn opened() -> AccountEvent {
    AccountOpened { number: "a".into(), initial_deposit: 100 }
}

#[test]
fn what_happens_is_compared_with_what_is_expected() {
    BankAccount::given([opened()]).when(|a| a.withdraw(30)).then([MoneyWithdrawn { amount: 30 }]);
    BankAccount::given([opened()]).when(|a| a.withdraw(300)).refused(InsufficientFunds);
    BankAccount::given([opened()]).when(|_| Ok(())).then_nothing();
    BankAccount::given([opened()]).state(|account| assert_eq!(account.balance, 100));
}

#[test]
#[should_panic(expected = "other events happened")]
fn another_event_fails() {
    BankAccount::given([opened()]).when(|a| a.withdraw(30)).then([MoneyWithdrawn { amount: 31 }]);
}

#[test]
#[should_panic(expected = "refused with InsufficientFunds")]
fn a_refusal_instead_of_events_fails() {
    BankAccount::given([opened()]).when(|a| a.withdraw(300)).then([MoneyWithdrawn { amount: 300 }]);
}

#[test]
#[should_panic(expected = "not refused with NotOpen")]
fn events_instead_of_a_refusal_fail() {
    BankAccount::given([opened()]).when(|a| a.withdraw(30)).refused(NotOpen);
}

#[test]
#[should_panic(expected = "refused otherwise")]
fn another_refusal_fails() {
    BankAccount::given([opened()]).when(|a| a.withdraw(300)).refused(NotOpen);
}

#[test]
#[should_panic(expected = "would not be appended")]
fn an_event_that_is_not_valid_fails() {
    BankAccount::given([opened()]).when(|a| a.deposit(2_000_000)).then([]);
}

/// What was stored is never asked again: a deprecated event, or one that today's rule would refuse,
/// is a legitimate past.
#[test]
fn the_past_of_a_test_may_hold_what_may_not_be_appended_any_more() {
    let past = || [opened(), InterestPaid { amount: 5 }, MoneyDeposited { amount: 0 }];
    BankAccount::given(past())
        .when(|account| account.withdraw(105))
        .then([MoneyWithdrawn { amount: 105 }]);
    check_replay::<BankAccount>(past());
    check_snapshots::<BankAccount>(past());
}

#[test]
fn every_handler_is_checked() {
    let interest = InterestPaid { amount: 1 };
    let all = [opened(), MoneyDeposited { amount: 5 }, MoneyWithdrawn { amount: 3 }, interest];
    check_handlers::<BankAccount>(all, |event, account| match event {
        AccountOpened { .. } => assert_eq!(account.balance, 100),
        MoneyDeposited { .. } => assert_eq!(account.balance, 105),
        MoneyWithdrawn { .. } => assert_eq!(account.balance, 102),
        InterestPaid { .. } => assert_eq!(account.balance, 103),
    });
}

#[test]
#[should_panic(expected = "MoneyWithdrawn")]
fn a_handler_that_no_event_reaches_fails() {
    check_handlers::<BankAccount>([opened()], |_, _| {});
}

/// Forgets in its snapshot what it needs.
#[derive(Default, Serialize, Deserialize)]
struct Forgetful {
    #[serde(skip)]
    root: Root<AccountEvent>,
    #[serde(skip)]
    rate: u64,
    balance: u64,
}

impl Aggregate for Forgetful {
    const CATEGORY: &'static str = "forgetful";
    type Id = String;
    type Event = AccountEvent;
    type Error = ();

    fn root(&mut self) -> &mut Root<AccountEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountOpened { initial_deposit, .. } => self.rate = *initial_deposit,
            MoneyDeposited { amount } => self.balance += amount * self.rate,
            _ => {}
        }
    }
}

#[test]
#[should_panic(expected = "from a snapshot at version 1, the state is another one")]
fn a_snapshot_that_forgets_fails() {
    check_snapshots::<Forgetful>([opened(), MoneyDeposited { amount: 5 }]);
}

#[derive(Event, Debug, PartialEq)]
enum CourseEvent {
    CourseDefined {
        #[tag]
        course: u32,
        capacity: u32,
    },
    StudentSubscribed {
        #[tag]
        course: u32,
        #[tag]
        student: u32,
    },
}
use CourseEvent::*;

struct Subscribe {
    course: u32,
    student: u32,
}

#[derive(Debug, PartialEq)]
struct CourseFull;

impl Decision for Subscribe {
    type Event = CourseEvent;
    type State = (u32, u32);
    type Error = CourseFull;

    fn query(&self) -> Query {
        Query::tag("course", self.course).or_tag("student", self.student)
    }

    fn apply(&self, (capacity, taken): &mut (u32, u32), event: &CourseEvent) {
        match event {
            CourseDefined { capacity: seats, .. } => *capacity = *seats,
            StudentSubscribed { course, .. } => *taken += u32::from(*course == self.course),
        }
    }

    fn decide(&self, (capacity, taken): &(u32, u32)) -> Result<Vec<CourseEvent>, CourseFull> {
        ensure(taken < capacity, CourseFull)?;
        Ok(vec![StudentSubscribed { course: self.course, student: self.student }])
    }
}

#[test]
fn a_decision_is_tested_like_an_aggregate() {
    let subscribe = Subscribe { course: 1, student: 7 };
    given([CourseDefined { course: 1, capacity: 1 }, CourseDefined { course: 2, capacity: 0 }])
        .decide(&subscribe)
        .then([StudentSubscribed { course: 1, student: 7 }]);
    given([CourseDefined { course: 1, capacity: 1 }, StudentSubscribed { course: 1, student: 3 }])
        .decide(&subscribe)
        .refused(CourseFull);
}

#[test]
fn of_many_who_want_the_last_seats_exactly_as_many_get_one_as_there_are() {
    let store = hitherto::Store::in_memory();
    let defined = hitherto::NewEvent::json("CourseDefined", r#"{"course":1,"capacity":5}"#);
    let defined = hitherto::Append::without_stream().event(defined.tag("course:1"));
    hitherto::wait(store.append(defined)).expect("it is stored");
    let subscribed = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for student in 0..16 {
            let (store, subscribed) = (&store, &subscribed);
            scope.spawn(move || {
                loop {
                    match hitherto::wait(store.decide(&Subscribe { course: 1, student })) {
                        Ok(_) => {
                            subscribed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                            return;
                        }
                        Err(hitherto::UpdateError::Refused(CourseFull)) => return,
                        Err(hitherto::UpdateError::Store(error)) => {
                            assert_eq!(error.kind(), hitherto::ErrorKind::Conflict);
                        }
                    }
                }
            });
        }
    });
    assert_eq!(subscribed.into_inner(), 5);
}
