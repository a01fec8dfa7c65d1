//! What stands on a store on disk goes on after a restart as if there had been none.

use std::path::Path;

use crate::common::*;
use hitherto::{
    Append, Cause, EmbeddedStore, ErrorKind, EventStore, NewEvent, Query, Repository, Snapshots,
    Store, UpdateError, wait,
};

fn accounts(folder: &Path) -> (Store, Repository<BankAccount>) {
    let store = Store::open(folder).expect("it opens");
    let accounts = Repository::<BankAccount>::new(&store);
    (store, accounts.snapshots(Snapshots::every(2)).cache(10))
}

#[test]
fn state_history_and_snapshots_are_there_again() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for run in 0..3 {
        let (store, accounts) = accounts(folder.path());
        if run == 0 {
            wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
        }
        wait(accounts.update("a", |account| account.deposit(10))).expect("it is open");
        let account = wait(accounts.load("a")).expect("it loads");
        assert_eq!((account.balance, account.root.version()), (110 + 10 * run, 2 + run));
        assert_eq!(wait(accounts.at_version("a", 1)).expect("it was there").balance, 100);
        assert_eq!(wait(store.head()).expect("it can be asked").0, 2 + run);
    }
}

#[test]
fn snapshots_that_were_deleted_are_not_missed() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    {
        let (_, accounts) = accounts(folder.path());
        wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
        wait(accounts.update("a", |account| account.deposit(10))).expect("it is open");
    }
    let embedded = EmbeddedStore::open(folder.path()).expect("it opens");
    let snapshots = embedded.snapshots().expect("there is a place for them");
    assert!(snapshots.get("account-a").is_some());
    snapshots.clear().expect("it can be cleared");
    drop((snapshots, embedded));
    let (_, accounts) = accounts(folder.path());
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 110);
}

#[test]
fn a_reaction_that_was_made_before_the_restart_is_not_made_again() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut saved = Vec::new();
    for _ in 0..2 {
        let (store, accounts) = accounts(folder.path());
        if wait(store.head()).expect("it can be asked").0 == 0 {
            wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
        }
        let cause = Cause::from(&store.read(Query::all()).next().expect("one").expect("sound"));
        let all_of_it = |account: &mut BankAccount| account.withdraw(account.balance.max(1));
        saved.push(wait(accounts.because(cause).update("a", all_of_it)).expect("it is made"));
    }
    assert_eq!((saved[0].position, false), (saved[1].position, saved[0].repeated));
    assert!(saved[1].repeated);
}

#[test]
fn another_process_may_read_and_not_write() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (_store, accounts) = accounts(folder.path());
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    wait(accounts.update("a", |account| account.deposit(10))).expect("it is open");
    let reader = Store::open_read_only(folder.path()).expect("it can be read beside");
    let reading = Repository::<BankAccount>::new(&reader).snapshots(Snapshots::every(1)).cache(10);
    for balance in [110, 120] {
        assert_eq!(wait(reading.load("a")).expect("it loads").balance, balance);
        wait(accounts.update("a", |account| account.deposit(10))).expect("it is open");
    }
    let UpdateError::Store(error) =
        wait(reading.update("a", |account| account.deposit(1))).expect_err("it only reads")
    else {
        panic!("nobody refused")
    };
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let Err(error) = Store::open(folder.path()) else { panic!("one writes at a time") };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[test]
fn events_in_a_stream_that_no_aggregate_wrote_are_errors_that_name_them() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (store, accounts) = accounts(folder.path());
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    for (kind, payload) in [("MoneyDeposited", "not JSON"), ("Unheard", "{}")] {
        let stream = format!("account-{kind}");
        let append = Append::to(stream).event(NewEvent::json(kind, payload));
        let position = wait(store.append(append)).expect("bytes are bytes").position;
        let error = wait(accounts.load(kind)).expect_err("it cannot be read");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let text = error.to_string();
        assert!(text.contains(kind) && text.contains(&format!("event {position}")), "{text}");
    }
    assert_eq!(wait(accounts.load("a")).expect("the others are well").balance, 100);
}
