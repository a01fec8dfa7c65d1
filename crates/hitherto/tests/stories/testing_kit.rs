//! The testing kit fails when it must, with a message that shows why.

use crate::common::*;
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
#[should_panic(expected = "a deposit of nothing is none")]
fn an_event_that_its_own_type_does_not_let_through_fails() {
    BankAccount::given([opened()]).when(|a| a.deposit(0)).then([MoneyDeposited { amount: 0 }]);
}

#[test]
#[should_panic(expected = "interest is a deposit now")]
fn a_deprecated_event_fails() {
    let interest = || InterestPaid { amount: 5 };
    BankAccount::given([opened()]).when(|a| a.raise(interest())).then([interest()]);
}

#[test]
fn what_a_rule_does_not_let_through_can_be_expected() {
    BankAccount::given([opened()]).when(|a| a.deposit(0)).not_valid("a deposit of nothing");
    BankAccount::given([opened()]).when(|a| a.deposit(2_000_000)).not_valid("more than this bank");
    let interest = InterestPaid { amount: 5 };
    BankAccount::given([opened()]).when(|a| a.raise(interest)).not_valid("deprecated");
}

#[test]
#[should_panic(expected = "valid, although \"too much\" was expected")]
fn an_event_that_is_valid_where_it_must_not_be_fails() {
    BankAccount::given([opened()]).when(|a| a.deposit(1)).not_valid("too much");
}

#[test]
#[should_panic(expected = "not valid for another reason")]
fn another_rule_fails() {
    BankAccount::given([opened()]).when(|a| a.deposit(0)).not_valid("too much");
}

#[test]
#[should_panic(expected = "refused with InsufficientFunds, before a rule")]
fn a_refusal_instead_of_a_rule_fails() {
    BankAccount::given([opened()]).when(|a| a.withdraw(300)).not_valid("too much");
}

#[test]
#[should_panic(expected = "after raising [MoneyDeposited { amount: 5 }]")]
fn a_refusal_shows_what_was_raised_before_it() {
    BankAccount::given([opened()])
        .when(|a| {
            a.deposit(5)?;
            a.withdraw(300)
        })
        .then([MoneyDeposited { amount: 5 }]);
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

/// Takes into its state what is not in the events.
#[derive(Default, Serialize)]
struct Unsteady {
    #[serde(skip)]
    root: Root<AccountEvent>,
    seen: usize,
}

impl Aggregate for Unsteady {
    const CATEGORY: &'static str = "unsteady";
    type Id = String;
    type Event = AccountEvent;
    type Error = ();

    fn root(&mut self) -> &mut Root<AccountEvent> {
        &mut self.root
    }

    fn apply(&mut self, _: &AccountEvent) {
        static SEEN_BY_ALL: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        self.seen = SEEN_BY_ALL.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
#[should_panic(expected = "replayed through bytes, the state is another one")]
fn a_replay_that_gives_another_state_fails() {
    check_replay::<Unsteady>([opened()]);
}

#[derive(Event, Debug, PartialEq)]
enum Lossy {
    Measured {
        #[serde(skip)]
        precisely: f64,
    },
}

#[derive(Default, Serialize)]
struct Meter {
    #[serde(skip)]
    root: Root<Lossy>,
    value: f64,
}

impl Aggregate for Meter {
    const CATEGORY: &'static str = "meter";
    type Id = String;
    type Event = Lossy;
    type Error = ();

    fn root(&mut self) -> &mut Root<Lossy> {
        &mut self.root
    }

    fn apply(&mut self, Lossy::Measured { precisely }: &Lossy) {
        self.value += precisely;
    }
}

#[test]
#[should_panic(expected = "expected: {\"value\":1.5}\n found:    {\"value\":0.0}")]
fn an_event_that_does_not_survive_its_bytes_fails_with_both_states() {
    check_replay::<Meter>([Lossy::Measured { precisely: 1.5 }]);
}

#[test]
#[should_panic(expected = "other events happened")]
fn a_command_is_compared_by_what_is_stored_of_it() {
    Meter::given([])
        .when(|meter| meter.raise(Lossy::Measured { precisely: 1.5 }))
        .then([Lossy::Measured { precisely: 1.5 }]);
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

/// Reopens an account, by what its stream says.
struct Reopen;

impl Decision for Reopen {
    type Event = AccountEvent;
    type State = u64;
    type Error = ();

    fn query(&self) -> Query {
        Query::stream("account-a")
    }

    fn apply(&self, events: &mut u64, _: &AccountEvent) {
        *events += 1;
    }

    fn decide(&self, events: &u64) -> Result<Vec<AccountEvent>, ()> {
        Ok(vec![MoneyDeposited { amount: *events }])
    }
}

#[test]
fn a_decision_over_streams_is_given_its_history_in_streams() {
    given([])
        .and_in("account-a", [opened(), MoneyDeposited { amount: 1 }])
        .and_in("account-b", [opened()])
        .decide(&Reopen)
        .then([MoneyDeposited { amount: 2 }]);
}

#[test]
fn a_decision_is_asked_the_rules_of_its_events() {
    given([]).decide(&Reopen).not_valid("a deposit of nothing");
}

#[test]
#[should_panic(expected = "not refused with CourseFull")]
fn a_decision_that_does_not_refuse_fails() {
    given([CourseDefined { course: 1, capacity: 1 }])
        .decide(&Subscribe { course: 1, student: 7 })
        .refused(CourseFull);
}
