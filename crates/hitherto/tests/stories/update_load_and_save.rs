//! Updating, loading and saving: what is refused leaves no trace, what failed can be repeated.

use crate::common::*;
use hitherto::{ErrorKind, Repository, Store, UpdateError, wait};

#[test]
fn an_update_may_run_several_commands_and_all_of_it_is_saved() {
    let accounts = Repository::<BankAccount>::new(&Store::in_memory());
    wait(accounts.update("a", |account| account.open("a", 1_000))).expect("it opens");
    let saved = wait(accounts.update("a", |account| {
        account.deposit(500)?;
        account.withdraw(200)
    }));
    assert_eq!(saved.expect("it is saved").version, 3);
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 1_300);
    assert_eq!(wait(accounts.at_version("a", 1)).expect("it was there").balance, 1_000);
}

#[test]
fn a_refusal_after_the_first_event_saves_nothing() {
    let accounts = Repository::<BankAccount>::new(&Store::in_memory()).cache(10);
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    let refused = wait(accounts.update("a", |account| {
        account.deposit(50)?;
        account.withdraw(1_000)
    }));
    assert_eq!(refused.expect_err("it is refused").refused(), Some(&InsufficientFunds));
    let account = wait(accounts.load("a")).expect("it loads");
    assert_eq!((account.balance, account.root.version()), (100, 1));
}

#[test]
fn the_slower_of_two_saves_conflicts_and_keeps_what_it_raised() {
    let accounts = Repository::<BankAccount>::new(&Store::in_memory()).cache(10);
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    let mut first = wait(accounts.load("a")).expect("it loads");
    let mut second = wait(accounts.load("a")).expect("it loads");
    first.deposit(1).expect("it is open");
    second.deposit(2).expect("it is open");
    wait(accounts.save(&mut first)).expect("it is first");
    let error = wait(accounts.save(&mut second)).expect_err("it is second");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(second.root.uncommitted().count(), 1);
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 101);
}

#[test]
fn saving_twice_after_an_unknown_outcome_stores_once() {
    let store = Store::in_memory();
    let accounts = Repository::<BankAccount>::new(&store);
    let mut account = wait(accounts.load("a")).expect("an id nothing happened to");
    account.open("a", 100).expect("it is new");
    let mut repeated = account.clone();
    wait(accounts.save(&mut account)).expect("it is saved");
    let saved = wait(accounts.save(&mut repeated)).expect("it was saved before");
    assert!(saved.repeated);
    assert_eq!(wait(store.head()).expect("it can be read").0, 1);
}

#[test]
fn many_threads_that_update_one_account_lose_nothing() {
    let accounts = Repository::<BankAccount>::new(&Store::in_memory()).cache(10);
    wait(accounts.update("a", |account| account.open("a", 0))).expect("it opens");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    while let Err(error) = wait(accounts.update("a", |a| a.deposit(1))) {
                        let UpdateError::Store(error) = error else { panic!("it is open") };
                        assert_eq!(error.kind(), ErrorKind::Conflict);
                    }
                }
            });
        }
    });
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 400);
}

#[test]
fn what_is_not_valid_is_refused_before_the_append_and_leaves_no_trace() {
    let store = Store::in_memory();
    let accounts = Repository::<BankAccount>::new(&store).cache(10);
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    for amount in [0, 2_000_000] {
        let error = wait(accounts.update("a", |account| account.deposit(amount)));
        let UpdateError::Store(error) = error.expect_err("it is not valid") else {
            panic!("no command refused it")
        };
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("MoneyDeposited"), "{error}");
    }
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 100);
    assert_eq!(wait(store.head()).expect("it can be read").0, 1);
}

#[test]
fn a_version_that_never_was_is_not_found() {
    let accounts = Repository::<BankAccount>::new(&Store::in_memory());
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    let error = wait(accounts.at_version("a", 2)).expect_err("it never was");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn an_aggregate_that_no_repository_loaded_cannot_be_saved() {
    let accounts = Repository::<BankAccount>::new(&Store::in_memory());
    let error = wait(accounts.save(&mut BankAccount::default())).expect_err("it has no stream");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}
