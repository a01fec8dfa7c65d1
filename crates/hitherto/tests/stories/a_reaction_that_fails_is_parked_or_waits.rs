//! What is wrong with an event parks it with its key; what is not its fault is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::common::flaky::{Fault, FlakyStore};
use crate::common::transfer::*;
use crate::common::*;
use hitherto::checkpoints::Checkpoints;
use hitherto::{Conflict, Delivery, Error, Outcome, Process, Processor, Store, wait};

type Told = dyn Fn(&Delivery<TransferEvent>) -> hitherto::Result<()> + Send + Sync;

/// Does to each event what a test says, after it was counted.
struct Does {
    tried: Arc<AtomicU64>,
    what: Box<Told>,
}

impl Process for Does {
    const NAME: &'static str = "does";
    type Event = TransferEvent;

    async fn react(&self, event: &Delivery<TransferEvent>) -> hitherto::Result<()> {
        self.tried.fetch_add(1, Ordering::SeqCst);
        (self.what)(event)
    }
}

fn start(
    store: &Store,
    what: impl Fn(&Delivery<TransferEvent>) -> hitherto::Result<()> + Send + Sync + 'static,
) -> (Processor, Arc<AtomicU64>) {
    let tried = Arc::default();
    let does = Does { tried: Arc::clone(&tried), what: Box::new(what) };
    let started = Processor::start(store, &Checkpoints::in_memory(), does).retry(quick());
    (wait(started).expect("it starts"), tried)
}

/// What is parked after two transfers were requested: positions, attempts and the first error.
fn parked(process: &Processor, store: &Store) -> (Vec<(u64, u32)>, String) {
    let head = wait(store.head()).expect("memory works");
    wait(process.reached(head)).expect("it runs");
    let parked = process.parked().expect("memory works");
    let error = parked.first().map_or(String::new(), |parked| parked.error.clone());
    (parked.iter().map(|parked| (parked.position.0, parked.attempts)).collect(), error)
}

#[test]
fn a_refusal_where_there_must_be_none_parks_the_event_and_names_it() {
    let store = Store::in_memory();
    let accounts = open_accounts(&store);
    let (process, _) = start(&store, move |event| {
        let withdraw = |account: &mut BankAccount| account.withdraw(1_000);
        wait(accounts.because(event).update("a", withdraw)).must().map(|_| ())
    });
    request(&store, "T-1", 60);
    let (positions, error) = parked(&process, &store);
    assert_eq!(positions, [(3, 2)]);
    assert!(error.starts_with("InsufficientFunds was refused where a refusal was not expected"));
}

#[test]
fn a_second_update_of_a_stream_is_noticed_and_not_lost() {
    let store = Store::in_memory();
    let accounts = open_accounts(&store);
    let (process, _) = start(&store, move |event| {
        for _ in 0..2 {
            let deposit = |account: &mut BankAccount| account.deposit(1);
            wait(accounts.because(event).update("a", deposit)).must()?;
        }
        Ok(())
    });
    request(&store, "T-1", 60);
    let (positions, error) = parked(&process, &store);
    assert_eq!(positions.len(), 1);
    assert!(error.starts_with("account-a is updated a second time because of event"), "{error}");
}

#[test]
fn a_panic_parks_the_event_and_the_process_goes_on() {
    let store = Store::in_memory();
    let (process, tried) = start(&store, |event| {
        assert_ne!(event.stream_id(), "T-1", "it is cursed");
        Ok(())
    });
    request(&store, "T-1", 60);
    request(&store, "T-2", 60);
    let (positions, error) = parked(&process, &store);
    assert_eq!(positions, [(1, 2)]);
    assert!(error.contains("it is cursed"), "{error}");
    assert_eq!(tried.load(Ordering::SeqCst), 3);
}

#[test]
fn a_lost_race_and_a_closed_store_park_nothing() {
    let outrun = Conflict::WrongVersion { stream: "account-a".into(), actual: 2 };
    for error in [
        Error::conflict("others were faster", outrun),
        Error::closed("the store was closed"),
        Error::unavailable("the disk is full"),
    ] {
        let store = Store::in_memory();
        let failures = AtomicU64::new(7);
        let (process, tried) = start(&store, move |_| {
            let left =
                failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            left.map_or(Ok(()), |_| Err(error.duplicate()))
        });
        request(&store, "T-1", 60);
        assert_eq!(parked(&process, &store).0, []);
        assert_eq!(tried.load(Ordering::SeqCst), 8, "more often than an event is tried");
    }
}

#[test]
fn a_store_that_fails_in_the_middle_of_a_reaction_changes_nothing_of_its_outcome() {
    for faults in [
        vec![Fault::NotWritten],
        vec![Fault::AnswerLost],
        vec![Fault::None, Fault::NotWritten],
        vec![Fault::None, Fault::AnswerLost, Fault::NotWritten],
    ] {
        let flaky = FlakyStore::new();
        let store = Store::on(flaky.clone());
        let accounts = open_accounts(&store);
        request(&store, "T-1", 60);
        flaky.plan(faults);
        let money = TransferMoney::new(&store);
        let process = Processor::start(&store, &Checkpoints::in_memory(), money).retry(quick());
        let process = wait(process).expect("it starts");
        wait(async {
            while state(&store, "T-1") != State::Completed {
                process.reached(store.head().await?).await?;
            }
            Ok::<(), Error>(())
        })
        .expect("it runs");
        let balances = ["a", "b"].map(|number| teller::balance(&accounts, number));
        assert_eq!((balances, process.status().parked), ([40, 60], 0));
    }
}

#[test]
fn an_event_that_cannot_be_decoded_is_parked_and_can_be_skipped() {
    let store = Store::in_memory();
    let (process, _) = start(&store, |_| Ok(()));
    let broken = hitherto::NewEvent::json("TransferRequested", r#"{"from":7}"#);
    wait(store.append(hitherto::Append::to("transfer-T-1").event(broken))).expect("it is stored");
    let (positions, error) = parked(&process, &store);
    assert_eq!(positions, [(1, 2)]);
    assert!(error.contains("a stored TransferRequested"), "{error}");
    wait(process.skip(hitherto::Position(1))).expect("it is parked");
    assert_eq!(parked(&process, &store).0, []);
}

#[test]
fn two_processes_of_one_name_in_one_directory_are_noticed() {
    let directory = tempfile::tempdir().expect("there is room");
    let checkpoints = Checkpoints::in_directory(directory.path()).expect("there is room");
    let store = Store::in_memory();
    let start = || wait(Processor::start(&store, &checkpoints, TransferMoney::new(&store)));
    let first = start().expect("it starts");
    let second = start().map(|_| ()).expect_err("the first runs");
    assert!(second.to_string().starts_with("transfer-money is running already"), "{second}");
    drop(first);
    start().expect("the first has stopped");
}
