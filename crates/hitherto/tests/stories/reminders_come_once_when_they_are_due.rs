//! Deadlines survive restarts, come once, in order, and late rather than never.

use crate::common;

use std::time::Duration;

use common::clock::{Hand, store};
use common::flaky::{Fault, FlakyStore};
use common::transfer::*;
use hitherto::checkpoints::Checkpoints;
use hitherto::{
    Append, Cause, Clock as _, Delivery, EmbeddedStore, ErrorKind, MemoryDisk, NewEvent, Options,
    Outcome, Position, Process, Processor, Query, Reminders, Repository, Saved, Store, Timestamp,
    wait,
};
use hitherto_store::Target;

const HOUR: Duration = Duration::from_hours(1);
const MOMENT: Duration = Duration::from_nanos(1);

fn transfers(store: &Store) -> Repository<Transfer> {
    Repository::new(store)
}

fn remind(store: &Store, id: &str, after: Duration) -> Saved {
    wait(transfers(store).remind(id, after, TransferTimedOut)).expect("it is set")
}

fn give(reminders: &mut Reminders) -> u64 {
    wait(reminders.give_due()).expect("memory works")
}

/// Whom a reminder came to, in order.
fn came(store: &Store) -> Vec<String> {
    let came = store.read(Query::of_kinds(["TransferTimedOut"]));
    came.map(|event| event.expect("sound").stream_id().to_owned()).collect()
}

#[test]
fn a_reminder_comes_when_it_is_due_and_not_before() {
    let clock = Hand::default();
    let store = store(&clock);
    let mut reminders = Reminders::new(&store).clock(clock.clone());
    remind(&store, "T-1", HOUR);
    assert_eq!(give(&mut reminders), 0);
    assert_eq!(reminders.next_due(), Some(Timestamp::default().plus(HOUR)));
    clock.forward(HOUR.saturating_sub(MOMENT));
    assert_eq!((give(&mut reminders), came(&store).len()), (0, 0));
    clock.forward(MOMENT);
    assert_eq!((give(&mut reminders), came(&store)), (1, vec!["T-1".to_owned()]));
    assert!(wait(transfers(&store).load("T-1")).expect("it loads").is_late);
    clock.forward(HOUR * 24);
    assert_eq!((give(&mut reminders), came(&store).len(), reminders.len()), (0, 1, 0), "once");
}

#[test]
fn those_that_are_due_first_come_first_whatever_was_set_first() {
    let clock = Hand::default();
    let store = store(&clock);
    for (id, hours) in [("late", 3), ("early", 1), ("middle", 2), ("early-too", 1)] {
        remind(&store, id, HOUR * hours);
    }
    let at = clock.now().plus(HOUR / 2);
    wait(transfers(&store).remind("by-time", at, TransferTimedOut)).expect("it is set");
    clock.forward(HOUR * 9);
    assert_eq!(give(&mut Reminders::new(&store).clock(clock)), 5);
    assert_eq!(came(&store), ["by-time", "early", "early-too", "middle", "late"]);
}

#[test]
fn what_fell_due_while_nobody_ran_comes_late_and_once() {
    let (disk, clock) = (MemoryDisk::default(), Hand::default());
    let open = || {
        let store = EmbeddedStore::on(disk.clone(), clock.clone(), Options::default());
        Store::on(store.expect("nobody has it open"))
    };
    remind(&open(), "T-1", HOUR);
    remind(&open(), "T-2", HOUR * 48);
    clock.forward(HOUR * 24);
    for given in [1, 0, 0] {
        let store = open();
        assert_eq!(give(&mut Reminders::new(&store).clock(clock.clone())), given);
        assert_eq!(came(&store), ["T-1"]);
    }
    clock.forward(HOUR * 24);
    let store = open();
    assert_eq!(give(&mut Reminders::new(&store).clock(clock.clone())), 1);
    assert_eq!(came(&store), ["T-1", "T-2"]);
}

#[test]
fn two_that_give_reminders_give_each_once() {
    let clock = Hand::default();
    let store = store(&clock);
    let mut both = [(); 2].map(|()| Reminders::new(&store).clock(clock.clone()));
    for number in 0..40 {
        remind(&store, &format!("T-{number}"), HOUR);
    }
    assert_eq!(both.each_mut().map(give), [0, 0]);
    clock.forward(HOUR);
    let given: u64 = std::thread::scope(|scope| {
        let threads = both.each_mut().map(|reminders| scope.spawn(|| give(reminders)));
        threads.into_iter().map(|thread| thread.join().expect("it gives")).sum()
    });
    assert_eq!((given, came(&store).len()), (40, 40));
}

#[test]
fn a_failing_store_delays_a_reminder_and_doubles_none() {
    for fault in [Fault::NotWritten, Fault::AnswerLost] {
        let flaky = FlakyStore::new();
        let store = Store::on(flaky.clone());
        wait(transfers(&store).remind("T-1", Duration::ZERO, TransferTimedOut)).expect("it is set");
        flaky.plan([fault]);
        let mut reminders = Reminders::new(&store);
        let failed = wait(reminders.give_due()).expect_err("the disk did not answer");
        assert_eq!(failed.kind(), ErrorKind::Unavailable);
        give(&mut reminders);
        assert_eq!((came(&store).len(), reminders.len()), (1, 0));
    }
}

#[test]
fn a_reminder_that_nobody_can_be_given_holds_up_no_other() {
    let embedded = EmbeddedStore::in_memory();
    let store = Store::on(embedded.clone());
    for id in ["T-1", "T-2", "T-3", "T-4"] {
        remind(&store, id, MOMENT);
    }
    give_one_event(&store, "hitherto.reminder-transfer-T-0", "Unknown");
    let mut reminders = Reminders::new(&store);
    give_one_event(&store, "transfer-T-1", "TransferCompleted");
    embedded.tombstone(Target::stream("transfer-T-1")).expect("it is there");
    embedded.delete(Target::stream("hitherto.reminder-transfer-T-3")).expect("it is there");
    assert_eq!((give(&mut reminders), came(&store)), (2, vec!["T-2".into(), "T-4".into()]));
    let told: Vec<_> = reminders.put_aside().iter().map(ToString::to_string).collect();
    assert!(told.len() == 2 && told[0].contains("Unknown"), "{told:?}");
    assert!(told[1].contains("transfer-T-1 was tombstoned"), "{told:?}");
    assert_eq!((give(&mut reminders), reminders.len(), reminders.put_aside().len()), (0, 0, 2));

    let kept = Reminders::new(&store).start().expect("there is a thread");
    let mut later = store.follow(Query::of_kinds(["TransferTimedOut"]).after(store_head(&store)));
    remind(&store, "T-5", MOMENT);
    wait(later.next_event()).expect("it comes").expect("sound");
    assert!(kept.last_error().is_some_and(|error| error.contains("was tombstoned")));
}

#[test]
fn what_is_removed_while_it_is_known_does_not_come() {
    let embedded = EmbeddedStore::in_memory();
    let (clock, store) = (Hand::default(), Store::on(embedded.clone()));
    let mut reminders = Reminders::new(&store).clock(clock.clone());
    let end = Timestamp::from_nanos(i64::MAX);
    for id in ["T-1", "T-2"] {
        wait(transfers(&store).remind(id, end, TransferTimedOut)).expect("it is set");
    }
    assert_eq!((give(&mut reminders), reminders.len()), (0, 2));
    embedded.delete(Target::stream("hitherto.reminder-transfer-T-1")).expect("it is there");
    clock.forward(Duration::from_nanos(i64::MAX as u64));
    assert_eq!((give(&mut reminders), came(&store)), (1, vec!["T-2".into()]));
    assert_eq!((reminders.len(), reminders.put_aside().len()), (0, 0));
}

#[test]
fn a_clock_that_jumps_back_delays_what_is_to_come_and_repeats_nothing() {
    let clock = Hand::default();
    let store = store(&clock);
    let mut reminders = Reminders::new(&store).clock(clock.clone());
    clock.forward(HOUR * 10);
    remind(&store, "T-1", HOUR);
    remind(&store, "T-2", HOUR * 2);
    clock.forward(HOUR);
    assert_eq!(give(&mut reminders), 1);
    clock.back(HOUR * 9);
    remind(&store, "T-3", HOUR);
    assert_eq!((give(&mut reminders), came(&store)), (0, vec!["T-1".into()]));
    assert_eq!(give(&mut Reminders::new(&store).clock(clock.clone())), 0, "also after a restart");
    clock.forward(HOUR * 12);
    assert_eq!(give(&mut reminders), 2);
    assert_eq!(came(&store).len(), 3);
}

fn store_head(store: &Store) -> Position {
    wait(store.head()).expect("memory works")
}

/// Stores an event as anybody can.
fn give_one_event(store: &Store, stream: &'static str, kind: &'static str) {
    wait(store.append(Append::to(stream).event(NewEvent::json(kind, "{}")))).expect("it is stored");
}

#[test]
fn in_a_reaction_a_reminder_is_set_once_however_often_it_is_delivered() {
    let clock = Hand::default();
    let store = store(&clock);
    request(&store, "T-1", 60);
    let event = store.read(Query::all()).next().expect("one").expect("sound");
    for _ in 0..3 {
        let transfers = transfers(&store).because(&event);
        // At every delivery it is another time, and still it is the first that counts.
        clock.forward(HOUR / 2);
        let due = clock.now().plus(HOUR);
        wait(transfers.remind("T-1", due, TransferTimedOut)).expect("it is set");
    }
    clock.forward(HOUR * 9);
    assert_eq!(give(&mut Reminders::new(&store).clock(clock.clone())), 1);
    let came = store.read(Query::of_kinds(["TransferTimedOut"])).next().expect("one");
    let came = came.expect("sound");
    assert_eq!(came.correlation(), Some(event.id()), "it belongs to the story");
    let set = wait(store.find(came.causation().expect("it has one"))).expect("memory works");
    assert_eq!(set.expect("it was set").causation(), Some(event.id()));
}

#[test]
fn two_reminders_of_one_kind_in_one_reaction_need_names() {
    let store = Store::in_memory();
    request(&store, "T-1", 60);
    let event = store.read(Query::all()).next().expect("one").expect("sound");
    let in_time = |transfers: Repository<Transfer>, hours| {
        wait(transfers.remind("T-1", HOUR * hours, TransferTimedOut))
    };
    let same = transfers(&store).because(&event);
    in_time(same.clone(), 1).expect("it is the first");
    assert_eq!(in_time(same, 2).expect_err("which is it?").kind(), ErrorKind::Invalid);
    let named = transfers(&store).because(Cause::from(&event).by("second warning"));
    in_time(named, 2).expect("it has a name");
    let mut reminders = Reminders::new(&store);
    assert_eq!((give(&mut reminders), reminders.len()), (0, 2));
}

#[test]
fn what_is_forgotten_does_not_come_and_what_is_set_after_that_does() {
    let clock = Hand::default();
    let store = store(&clock);
    let mut reminders = Reminders::new(&store).clock(clock.clone());
    for (id, hours) in [("T-1", 1), ("T-1", 2), ("T-2", 1)] {
        remind(&store, id, HOUR * hours);
    }
    give(&mut reminders);
    wait(transfers(&store).forget_reminders("T-1")).expect("it is forgotten");
    remind(&store, "T-1", HOUR * 3);
    clock.forward(HOUR * 9);
    assert_eq!((give(&mut reminders), came(&store)), (2, vec!["T-2".into(), "T-1".into()]));
}

#[test]
fn what_is_forgotten_in_the_last_moment_does_not_come() {
    let flaky = FlakyStore::new();
    let store = Store::on(flaky.clone());
    remind(&store, "T-1", Duration::ZERO);
    flaky.plan([Fault::Somebody(Box::new(|store| {
        let transfers = transfers(&Store::on(store.clone()));
        wait(transfers.forget_reminders("T-1")).expect("it is forgotten");
    }))]);
    let mut reminders = Reminders::new(&store);
    assert_eq!((give(&mut reminders), came(&store).len(), reminders.len()), (0, 0, 0));
}

#[test]
fn bad_reminders_are_refused_when_they_are_set_and_leave_no_trace() {
    let store = Store::in_memory();
    let nobody = wait(transfers(&store).remind("", HOUR, TransferTimedOut));
    assert_eq!(nobody.expect_err("whose is it?").kind(), ErrorKind::Invalid);
    let accounts = Repository::<common::BankAccount>::new(&store);
    let nothing = common::AccountEvent::MoneyDeposited { amount: 0 };
    let not_valid = wait(accounts.remind("a", HOUR, nothing)).expect_err("its type says no");
    assert!(not_valid.to_string().contains("a deposit of nothing is none"), "{not_valid}");
    assert_eq!(wait(store.head()).expect("memory works").0, 0);
}

/// Declines transfers that take too long.
struct Patience(Repository<Transfer>);

impl Process for Patience {
    const NAME: &'static str = "patience";
    type Event = TransferEvent;

    async fn react(&self, event: &Delivery<TransferEvent>) -> hitherto::Result<()> {
        let transfers = self.0.because(event);
        match &event.data {
            TransferRequested { .. } => {
                let due = event.recorded_at().plus(HOUR);
                transfers.remind(event.stream_id(), due, TransferTimedOut).await?;
            }
            TransferTimedOut => {
                let declined = transfers.update(event.stream_id(), Transfer::decline).await;
                declined.refusal()?;
            }
            _ => {}
        }
        Ok(())
    }
}

#[test]
fn a_process_reacts_to_what_its_reminder_brings() {
    let clock = Hand::default();
    let store = store(&clock);
    let process = Patience(transfers(&store));
    let process = wait(Processor::start(&store, &Checkpoints::in_memory(), process));
    let process = process.expect("it starts");
    let mut reminders = Reminders::new(&store).clock(clock.clone());
    wait(process.reached(request(&store, "T-1", 60))).expect("it runs");
    give(&mut reminders);
    assert_eq!(state(&store, "T-1"), State::Requested);
    clock.forward(HOUR);
    assert_eq!(give(&mut reminders), 1);
    wait(process.reached(wait(store.head()).expect("memory works"))).expect("it runs");
    assert_eq!(state(&store, "T-1"), State::Declined);
}

#[test]
fn a_thread_of_its_own_gives_them_as_time_goes_by() {
    let store = Store::in_memory();
    let kept = Reminders::new(&store).start().expect("there is a thread");
    let mut came = store.follow(Query::of_kinds(["TransferTimedOut"]));
    for (id, after) in [("T-1", Duration::ZERO), ("T-2", Duration::from_millis(30))] {
        remind(&store, id, after);
        let event = wait(came.next_event()).expect("it comes").expect("sound");
        assert_eq!(event.stream_id(), id);
    }
    assert_eq!(kept.last_error(), None);
    drop(kept);
    remind(&store, "T-3", Duration::ZERO);
    assert_eq!(give(&mut Reminders::new(&store)), 1, "the thread has stopped");
}
