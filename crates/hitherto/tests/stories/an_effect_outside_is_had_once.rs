//! A mail is sent once: not when its event is delivered again, nor when everything is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::clock::{Hand, store};
use crate::common::flaky::{Fault, FlakyStore};
use crate::common::transfer::*;
use hitherto::checkpoints::Checkpoints;
use hitherto::{
    Delivery, Error, Outcome, Process, Processor, Query, Reminders, Repository, Store, wait,
};

/// Sends a mail for each transfer that is completed; a mail server that can be down.
#[derive(Clone, Default)]
struct Mails {
    sent: Arc<Mutex<Vec<String>>>,
    failures: Arc<Mutex<u32>>,
}

impl Mails {
    fn send(&self, text: String) -> hitherto::Result<()> {
        let mut failures = self.failures.lock().expect("nobody panicked");
        if *failures > 0 {
            *failures -= 1;
            return Err(Error::unavailable("the mail server is down"));
        }
        self.sent.lock().expect("nobody panicked").push(text);
        Ok(())
    }

    fn sent(&self) -> Vec<String> {
        self.sent.lock().expect("nobody panicked").clone()
    }
}

impl Process for Mails {
    const NAME: &'static str = "mails";
    type Event = TransferEvent;

    async fn react(&self, event: &Delivery<TransferEvent>) -> hitherto::Result<()> {
        let TransferRequested { from, to, .. } = &event.data else { return Ok(()) };
        for whom in [from, to] {
            event.once(&format!("mail to {whom}"), async { self.send(whom.clone()) }).await?;
        }
        Ok(())
    }
}

fn run(store: &Store, mails: &Mails) {
    let process = Processor::start(store, &Checkpoints::in_memory(), mails.clone()).retry(quick());
    let process = wait(process).expect("it starts");
    let head = wait(store.head()).expect("the store works");
    wait(process.reached(head)).expect("it runs");
    assert_eq!(process.status().parked, 0);
}

#[test]
fn it_is_not_had_again_when_the_checkpoints_are_lost_and_all_is_delivered_anew() {
    let (store, mails) = (Store::in_memory(), Mails::default());
    request(&store, "T-1", 60);
    for _ in 0..3 {
        run(&store, &mails);
        assert_eq!(mails.sent(), ["a", "b"]);
    }
    let done = store.read(Query::of_kinds(["hitherto.EffectDone"]));
    let done: Vec<_> = done.map(|event| event.expect("sound").payload().to_vec()).collect();
    assert_eq!(done, [br#"{"effect":"mail to a"}"#, br#"{"effect":"mail to b"}"#]);
}

#[test]
fn one_that_failed_is_tried_again_and_those_before_it_are_not() {
    let (store, mails) = (Store::in_memory(), Mails::default());
    *mails.failures.lock().expect("nobody panicked") = 3;
    request(&store, "T-1", 60);
    run(&store, &mails);
    assert_eq!(mails.sent(), ["a", "b"]);
}

#[test]
fn between_the_effect_and_its_keeping_it_may_be_had_twice_and_never_lost() {
    let (flaky, mails) = (FlakyStore::new(), Mails::default());
    let store = Store::on(flaky.clone());
    request(&store, "T-1", 60);
    flaky.plan([Fault::NotWritten]);
    run(&store, &mails);
    assert_eq!(mails.sent(), ["a", "a", "b"]);
}

/// Reminds itself at each reminder.
struct EveryHour(Repository<Transfer>);

impl Process for EveryHour {
    const NAME: &'static str = "every-hour";
    type Event = TransferEvent;

    async fn react(&self, event: &Delivery<TransferEvent>) -> hitherto::Result<()> {
        let transfers = self.0.because(event);
        transfers.remind(event.stream_id(), Duration::from_hours(1), TransferTimedOut).await?;
        Ok(())
    }
}

#[test]
fn a_clock_that_reminds_itself_is_no_circle() {
    let clock = Hand::default();
    let store = store(&clock);
    let process = EveryHour(Repository::new(&store));
    let process = Processor::start(&store, &Checkpoints::in_memory(), process).chain_max(5);
    let process = wait(process.retry(quick())).expect("it starts");
    let mut reminders = Reminders::new(&store).clock(clock.clone());
    let mut head = request(&store, "T-1", 60);
    for _ in 0..50 {
        wait(process.reached(head)).expect("it runs");
        clock.forward(Duration::from_hours(1));
        assert_eq!(wait(reminders.give_due()).expect("memory works"), 1);
        head = wait(store.head()).expect("memory works");
    }
    assert_eq!(process.status().parked, 0);
    wait(Repository::<Transfer>::new(&store).update("T-1", Transfer::decline))
        .must()
        .expect("open");
}
