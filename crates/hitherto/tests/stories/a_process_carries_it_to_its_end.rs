//! A process reacts to each event once, across streams, restarts and partitions.

use crate::common::teller::balance;
use crate::common::transfer::*;
use crate::common::*;
use hitherto::checkpoints::Checkpoints;
use hitherto::runner::{Begin, State as Running};
use hitherto::{Processor, Query, Repository, Store, StoredEvent, wait};

fn start(store: &Store, checkpoints: &Checkpoints) -> Processor {
    let process = Processor::start(store, checkpoints, TransferMoney::new(store)).retry(quick());
    wait(process).expect("it starts")
}

/// Waits until nothing that happened is left to react to.
fn settle(store: &Store, process: &Processor) {
    loop {
        let head = wait(store.head()).expect("the store works");
        wait(process.reached(head)).expect("it runs");
        if wait(store.head()).expect("the store works") == head {
            return;
        }
    }
}

fn balances(store: &Store) -> (u64, u64) {
    let accounts = Repository::<BankAccount>::new(store);
    (balance(&accounts, "a"), balance(&accounts, "b"))
}

#[test]
fn money_goes_from_one_account_to_another_or_not_at_all() {
    let store = Store::in_memory();
    open_accounts(&store);
    let process = start(&store, &Checkpoints::in_memory());
    request(&store, "T-1", 60);
    request(&store, "T-2", 60);
    settle(&store, &process);
    assert_eq!((state(&store, "T-1"), state(&store, "T-2")), (State::Completed, State::Declined));
    assert_eq!(balances(&store), (40, 60));
    assert_eq!(process.status().state, Running::Live);
}

#[test]
fn all_that_follows_names_its_cause_and_belongs_to_one_story() {
    let store = Store::in_memory();
    open_accounts(&store);
    let request = request(&store, "T-1", 60);
    let process = start(&store, &Checkpoints::in_memory());
    settle(&store, &process);
    let told: Vec<_> = store.read(Query::all().after(request)).map(|e| e.expect("sound")).collect();
    let kinds: Vec<_> = told.iter().map(StoredEvent::kind).collect();
    assert_eq!(kinds, ["MoneyWithdrawn", "MoneyTaken", "MoneyDeposited", "TransferCompleted"]);
    let requested = store.read(Query::all().up_to(request)).last().expect("one").expect("sound");
    assert_eq!(told[0].causation(), Some(requested.id()));
    assert_eq!(told[3].causation(), Some(told[1].id()));
    assert!(told.iter().all(|event| event.correlation() == Some(requested.id())));
}

#[test]
fn it_goes_on_where_it_was_after_a_restart() {
    let directory = tempfile::tempdir().expect("there is room");
    let checkpoints = || Checkpoints::in_directory(directory.path().join("checkpoints"));
    let path = directory.path().join("bank.hitherto");
    for round in 1..=3 {
        let store = Store::open(&path).expect("it opens");
        open_accounts(&store);
        let process = start(&store, &checkpoints().expect("there is room"));
        request(&store, &format!("T-{round}"), 30);
        settle(&store, &process);
        assert_eq!(balances(&store), (100 - 30 * round, 30 * round));
        assert_eq!(process.status().handled, 3 * round, "each event was delivered once");
    }
}

#[test]
fn a_process_whose_checkpoints_are_lost_does_nothing_twice() {
    let store = Store::in_memory();
    open_accounts(&store);
    request(&store, "T-1", 60);
    request(&store, "T-2", 60);
    settle(&store, &start(&store, &Checkpoints::in_memory()));
    let before = wait(store.head()).expect("memory works");
    // Now there would be enough for the second: but it was declined, and that is kept.
    let accounts = Repository::<BankAccount>::new(&store);
    wait(accounts.update("a", |account| account.deposit(1_000))).expect("it is open");
    let again = start(&store, &Checkpoints::in_memory());
    settle(&store, &again);
    assert_eq!(again.status().parked, 0);
    assert_eq!(balances(&store), (1_040, 60));
    assert_eq!(wait(store.head()).expect("memory works"), before.next());
}

#[test]
fn many_transfers_in_many_partitions_move_every_cent_once() {
    let store = Store::in_memory();
    open_accounts(&store);
    let process = Processor::start(&store, &Checkpoints::in_memory(), TransferMoney::new(&store));
    let process = wait(process.partitions(4)).expect("it starts");
    for number in 0..60 {
        request(&store, &format!("T-{number}"), 3);
    }
    settle(&store, &process);
    assert_eq!(balances(&store), (1, 99));
    let completed = Query::of_kinds(["TransferCompleted"]);
    assert_eq!(store.read(completed).count(), 33);
    assert_eq!(store.read(Query::of_kinds(["TransferDeclined"])).count(), 27);
}

#[test]
fn it_may_begin_with_what_happens_from_now_on() {
    let store = Store::in_memory();
    open_accounts(&store);
    request(&store, "T-1", 60);
    let process = Processor::start(&store, &Checkpoints::in_memory(), TransferMoney::new(&store));
    let process = wait(process.begin(Begin::FromNowOn)).expect("it starts");
    let head = wait(store.head()).expect("memory works");
    wait(process.reached(head)).expect("it runs");
    request(&store, "T-2", 30);
    settle(&store, &process);
    assert_eq!((state(&store, "T-1"), state(&store, "T-2")), (State::Requested, State::Completed));
}

#[test]
fn loading_and_looking_back_sets_no_process_going() {
    let store = Store::in_memory();
    open_accounts(&store);
    request(&store, "T-1", 60);
    let process = start(&store, &Checkpoints::in_memory());
    settle(&store, &process);
    let (head, handled) = (wait(store.head()).expect("memory works"), process.status().handled);
    let transfers = Repository::<Transfer>::new(&store);
    for version in 1..=3 {
        wait(transfers.at_version("T-1", version)).expect("it was there");
    }
    settle(&store, &process);
    assert_eq!(wait(store.head()).expect("memory works"), head);
    assert_eq!(process.status().handled, handled);
}

#[test]
fn two_that_run_at_once_have_the_effect_of_one() {
    let store = Store::in_memory();
    open_accounts(&store);
    let one = start(&store, &Checkpoints::in_memory());
    let other = start(&store, &Checkpoints::in_memory());
    for number in 0..20 {
        request(&store, &format!("T-{number}"), 7);
    }
    settle(&store, &one);
    settle(&store, &other);
    assert_eq!(balances(&store), (2, 98));
    assert_eq!((one.status().parked, other.status().parked), (0, 0));
}
