//! A decision holds over all that its query names, whoever appends meanwhile.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::flaky::{Fault, FlakyStore};
use crate::common::{AccountEvent, MoneyDeposited};
use hitherto::{
    Append, Cause, Decision, EmbeddedStore, ErrorKind, Event, EventStore, NewEvent, Query, Saved,
    Store, UpdateError, ensure, wait,
};

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

#[derive(Debug, PartialEq)]
enum Refused {
    CourseFull,
    SubscribedBefore,
}

struct Define {
    course: u32,
    capacity: u32,
}

impl Decision for Define {
    type Event = CourseEvent;
    type State = bool;
    type Error = Refused;

    fn query(&self) -> Query {
        Query::tag("course", self.course).kinds(["CourseDefined"])
    }

    fn apply(&self, is_defined: &mut bool, _: &CourseEvent) {
        *is_defined = true;
    }

    fn decide(&self, is_defined: &bool) -> Result<Vec<CourseEvent>, Refused> {
        let Self { course, capacity } = *self;
        Ok(if *is_defined { vec![] } else { vec![CourseDefined { course, capacity }] })
    }
}

struct Subscribe {
    course: u32,
    student: u32,
}

#[derive(Default)]
struct Seats {
    capacity: u32,
    taken: u32,
    has_one: bool,
}

impl Decision for Subscribe {
    type Event = CourseEvent;
    type State = Seats;
    type Error = Refused;

    fn query(&self) -> Query {
        Query::tag("course", self.course)
    }

    fn apply(&self, seats: &mut Seats, event: &CourseEvent) {
        match event {
            CourseDefined { capacity, .. } => seats.capacity = *capacity,
            StudentSubscribed { student, .. } => {
                seats.taken += 1;
                seats.has_one |= *student == self.student;
            }
        }
    }

    fn decide(&self, seats: &Seats) -> Result<Vec<CourseEvent>, Refused> {
        ensure(!seats.has_one, Refused::SubscribedBefore)?;
        ensure(seats.taken < seats.capacity, Refused::CourseFull)?;
        Ok(vec![StudentSubscribed { course: self.course, student: self.student }])
    }
}

type Decided = Result<Saved, UpdateError<Refused>>;

fn subscribe(store: &Store, course: u32, student: u32) -> Decided {
    wait(store.decide(&Subscribe { course, student }))
}

fn school(capacity: u32) -> (FlakyStore, Store) {
    let flaky = FlakyStore::new();
    let store = Store::on(flaky.clone());
    wait(store.decide(&Define { course: 1, capacity })).expect("it is defined");
    (flaky, store)
}

fn taken(store: &Store) -> usize {
    store.read(Query::of_kinds(["StudentSubscribed"])).count()
}

fn subscribes(course: u32, student: u32) -> Fault {
    Fault::Somebody(Box::new(move |store: &EmbeddedStore| {
        subscribe(&Store::on(store.clone()), course, student).expect("there is a seat");
    }))
}

#[test]
fn what_is_decided_belongs_to_no_stream_and_is_found_by_its_tags() {
    let (_, store) = school(5);
    let saved = subscribe(&store, 1, 7).expect("there is a seat");
    assert_eq!(saved.version, 0);
    let event = store.read(Query::tag("student", 7)).next().expect("one").expect("sound");
    assert_eq!((event.stream(), event.position()), (None, saved.position));
    assert_eq!(event.tags().collect::<Vec<_>>(), ["course:1", "student:7"]);
}

#[test]
fn a_decision_with_nothing_to_say_appends_nothing() {
    let (_, store) = school(5);
    let again = wait(store.decide(&Define { course: 1, capacity: 9 })).expect("it is well");
    assert_eq!((again.position.0, again.repeated), (1, true));
    assert_eq!(wait(store.head()).expect("it can be asked").0, 1);
}

#[test]
fn whoever_is_outrun_decides_again_over_what_is_there_now() {
    let (flaky, store) = school(1);
    flaky.plan([subscribes(1, 3)]);
    let outcome = subscribe(&store, 1, 7);
    assert_eq!(outcome.expect_err("the seat is gone").refused(), Some(&Refused::CourseFull));
    assert_eq!(taken(&store), 1);
}

/// Counts how often it is decided.
struct Counted<D>(D, AtomicU32);

impl<D: Decision> Decision for Counted<D> {
    type Event = D::Event;
    type State = D::State;
    type Error = D::Error;

    fn query(&self) -> Query {
        self.0.query()
    }

    fn apply(&self, state: &mut D::State, event: &D::Event) {
        self.0.apply(state, event);
    }

    fn decide(&self, state: &D::State) -> Result<Vec<D::Event>, D::Error> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.decide(state)
    }
}

#[test]
fn only_what_happens_inside_of_the_boundary_is_a_reason_to_decide_again() {
    for (course, decided) in [(2, 1), (1, 2)] {
        let (flaky, store) = school(5);
        wait(store.decide(&Define { course: 2, capacity: 5 })).expect("it is defined");
        flaky.plan([subscribes(course, 3)]);
        let counted = Counted(Subscribe { course: 1, student: 7 }, AtomicU32::new(0));
        let saved = wait(store.decide(&counted)).expect("there is a seat");
        assert_eq!((saved.position.0, counted.1.into_inner()), (4, decided));
    }
}

#[test]
fn whoever_is_outrun_32_times_is_told_of_the_conflict() {
    for (times, is_made) in [(31, true), (32, false)] {
        let (flaky, store) = school(100);
        flaky.plan((0..times).map(|student| subscribes(1, 50 + student)));
        let outcome = subscribe(&store, 1, 7);
        assert_eq!(outcome.is_ok(), is_made);
        if let Err(UpdateError::Store(error)) = outcome {
            assert_eq!(error.kind(), ErrorKind::Conflict);
        }
    }
}

#[test]
fn after_a_lost_answer_deciding_again_sees_what_was_written() {
    let (flaky, store) = school(5);
    flaky.plan([Fault::AnswerLost]);
    let UpdateError::Store(error) = subscribe(&store, 1, 7).expect_err("the answer is lost") else {
        panic!("nobody refused")
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let again = subscribe(&store, 1, 7).expect_err("it was written");
    assert_eq!(again.refused(), Some(&Refused::SubscribedBefore));
}

#[test]
fn a_decision_with_a_cause_is_made_once_and_names_it() {
    let (_, store) = school(5);
    let defined = store.read(Query::all()).next().expect("one").expect("sound");
    let decision = Subscribe { course: 1, student: 7 };
    let first = wait(store.decide_because(&defined, &decision)).expect("there is a seat");
    let second = wait(store.decide_because(&defined, &decision)).expect("it was decided");
    assert_eq!((second.position, second.repeated), (first.position, true));
    let event = store.read(Query::tag("student", 7)).next().expect("one").expect("sound");
    assert_eq!((event.causation(), event.correlation()), (Some(defined.id()), Some(defined.id())));
    assert_eq!(taken(&store), 1);
}

#[test]
fn two_decisions_with_one_cause_are_an_error_unless_each_has_a_name() {
    let (_, store) = school(5);
    let cause = Cause::from(&store.read(Query::all()).next().expect("one").expect("sound"));
    let decide = |cause: &Cause, student| {
        wait(store.decide_because(cause, &Subscribe { course: 1, student }))
    };
    decide(&cause, 7).expect("there is a seat");
    let UpdateError::Store(error) = decide(&cause, 8).expect_err("it would be lost") else {
        panic!("nobody refused")
    };
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("`by`"), "{error}");
    decide(&cause.clone().by("waiting list"), 8).expect("there is a seat");
    assert_eq!(taken(&store), 2);
}

/// Pays for whatever happened.
struct Pay;

impl Decision for Pay {
    type Event = AccountEvent;
    type State = ();
    type Error = Refused;

    fn query(&self) -> Query {
        Query::all()
    }

    fn apply(&self, (): &mut (), _: &AccountEvent) {}

    fn decide(&self, (): &()) -> Result<Vec<AccountEvent>, Refused> {
        Ok(vec![MoneyDeposited { amount: 1 }])
    }
}

#[test]
fn another_types_decision_of_the_same_delivery_is_not_taken_for_done() {
    let (_, store) = school(5);
    let defined = store.read(Query::all()).next().expect("one").expect("sound");
    wait(store.decide_because(&defined, &Subscribe { course: 1, student: 7 })).expect("a seat");
    let UpdateError::Store(error) = wait(store.decide_because(&defined, &Pay)).expect_err("lost")
    else {
        panic!("nobody refused")
    };
    assert!(error.to_string().contains("has caused StudentSubscribed"), "{error}");
}

#[test]
fn an_event_that_is_not_valid_is_not_appended() {
    struct PayNothing;
    impl Decision for PayNothing {
        type Event = AccountEvent;
        type State = ();
        type Error = Refused;

        fn query(&self) -> Query {
            Query::all()
        }

        fn apply(&self, (): &mut (), _: &AccountEvent) {}

        fn decide(&self, (): &()) -> Result<Vec<AccountEvent>, Refused> {
            Ok(vec![MoneyDeposited { amount: 1 }, MoneyDeposited { amount: 0 }])
        }
    }
    let store = Store::in_memory();
    let UpdateError::Store(error) = wait(store.decide(&PayNothing)).expect_err("not valid") else {
        panic!("nobody refused")
    };
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(wait(store.head()).expect("it can be asked").0, 0);
}

#[test]
fn of_many_who_want_the_last_seats_exactly_as_many_get_one_as_there_are() {
    let (_, store) = school(5);
    let subscribed = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for student in 0..16 {
            let (store, subscribed) = (&store, &subscribed);
            scope.spawn(move || {
                loop {
                    match subscribe(store, 1, student) {
                        Ok(_) => {
                            subscribed.fetch_add(1, Ordering::Relaxed);
                            return;
                        }
                        Err(UpdateError::Refused(refusal)) => {
                            return assert_eq!(refusal, Refused::CourseFull);
                        }
                        Err(UpdateError::Store(error)) => {
                            assert_eq!(error.kind(), ErrorKind::Conflict);
                        }
                    }
                }
            });
        }
    });
    assert_eq!((subscribed.into_inner(), taken(&store)), (5, 5));
}

#[test]
fn bounds_in_a_decisions_query_do_not_hide_what_matters() {
    struct LooksAway(Subscribe);
    impl Decision for LooksAway {
        type Event = CourseEvent;
        type State = Seats;
        type Error = Refused;

        fn query(&self) -> Query {
            self.0.query().after(hitherto::Position(1_000)).limit(0).backward()
        }

        fn apply(&self, seats: &mut Seats, event: &CourseEvent) {
            self.0.apply(seats, event);
        }

        fn decide(&self, seats: &Seats) -> Result<Vec<CourseEvent>, Refused> {
            self.0.decide(seats)
        }
    }
    let (flaky, store) = school(1);
    let event = NewEvent::json("StudentSubscribed", r#"{"course":1,"student":3}"#);
    let event = event.tag("course:1").tag("student:3");
    flaky.inner.append(Append::without_stream().event(event)).expect("it is stored");
    let outcome = wait(store.decide(&LooksAway(Subscribe { course: 1, student: 7 })));
    assert_eq!(outcome.expect_err("it is full").refused(), Some(&Refused::CourseFull));
}
