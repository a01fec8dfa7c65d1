//! Causes are carried along, and a reaction that is repeated has the effect of one.

use crate::common::*;
use hitherto::{Cause, ErrorKind, Outcome, Query, Repository, Store, UpdateError, wait};

fn store_with_two_accounts() -> (Store, Repository<BankAccount>) {
    let store = Store::in_memory();
    let accounts = Repository::<BankAccount>::new(&store);
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    wait(accounts.update("b", |account| account.open("b", 0))).expect("it opens");
    (store, accounts)
}

#[test]
fn what_follows_names_its_cause_and_belongs_to_its_story() {
    let (store, accounts) = store_with_two_accounts();
    let read = |query| store.read_as::<AccountEvent>(query).last().expect("one").expect("sound");
    let first = read(Query::stream("account-a"));
    wait(accounts.because(&first).update("a", |account| account.withdraw(10))).expect("it has 100");
    let second = read(Query::stream("account-a"));
    assert_eq!(second.causation(), Some(first.id()));
    assert_eq!(second.correlation(), Some(first.id()));
    wait(accounts.because(&second).update("b", |account| account.deposit(10))).expect("it is open");
    let third = read(Query::stream("account-b"));
    assert_eq!(third.causation(), Some(second.id()));
    assert_eq!(third.correlation(), Some(first.id()));
}

#[test]
fn a_redelivered_event_does_not_take_the_money_twice_nor_refuse_what_was_done() {
    let (store, accounts) = store_with_two_accounts();
    let cause = store.read_as::<AccountEvent>(Query::all()).next().expect("one").expect("sound");
    let withdraw = || wait(accounts.because(&cause).update("a", |account| account.withdraw(100)));
    let first = withdraw().expect("it has 100");
    let again = withdraw().expect("it was done before; run again, the command would refuse");
    assert!(again.repeated);
    assert_eq!((first.position, first.version), (again.position, again.version));
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 0);
}

#[test]
fn a_second_update_of_a_stream_in_one_reaction_is_an_error_and_not_lost() {
    let (store, accounts) = store_with_two_accounts();
    let cause = store.read_as::<AccountEvent>(Query::all()).next().expect("one").expect("sound");
    let accounts = accounts.because(&cause);
    wait(accounts.update("a", |account| account.withdraw(1))).expect("it has 100");
    let error = wait(accounts.update("a", |account| account.withdraw(1)));
    let UpdateError::Store(error) = error.expect_err("it would be lost") else {
        panic!("it has 99")
    };
    assert_eq!(error.kind(), ErrorKind::Invalid);
    wait(accounts.update("b", |account| account.deposit(1))).expect("another stream is free");
}

#[test]
fn two_reactions_to_one_event_on_one_stream_are_two() {
    let (store, accounts) = store_with_two_accounts();
    let cause = store.read_as::<AccountEvent>(Query::all()).next().expect("one").expect("sound");
    for reaction in ["fee", "tax"] {
        let accounts = accounts.because(Cause::from(&cause).by(reaction));
        wait(accounts.update("a", |account| account.withdraw(1))).expect("it has 100");
    }
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 98);
}

#[test]
fn a_refusal_becomes_a_value_or_an_error_as_the_caller_wants() {
    let (_, accounts) = store_with_two_accounts();
    let refused = || wait(accounts.update("b", |account| account.withdraw(1)));
    assert_eq!(refused().refusal().expect("the store is well"), Some(InsufficientFunds));
    assert_eq!(refused().must().expect_err("it must not").kind(), ErrorKind::Invalid);
    let done = wait(accounts.update("b", |account| account.deposit(1)));
    assert_eq!(done.refusal().expect("the store is well"), None);
}
