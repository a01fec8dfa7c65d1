//! However often a reaction is delivered, by whom, and however it is interrupted: it has the effect
//! of one.

use crate::common::flaky::{Fault, FlakyStore};
use crate::common::*;
use hitherto::{Cause, EmbeddedStore, ErrorKind, Query, Repository, Store, UpdateError, wait};

fn bank(store: &FlakyStore) -> (Store, Repository<BankAccount>, Cause) {
    let store = Store::on(store.clone());
    let accounts = Repository::<BankAccount>::new(&store).cache(10);
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    let cause = store.read(Query::all()).next().expect("one").expect("sound");
    (store, accounts, Cause::from(&cause))
}

/// The balance as the repository's cache has it, which must be that of the store.
fn balance(accounts: &Repository<BankAccount>) -> u64 {
    let account = wait(accounts.load("a")).expect("it loads");
    let version = account.root.version();
    let stored = wait(accounts.at_version("a", version)).expect("it was there");
    assert_eq!((stored.balance, stored.is_open), (account.balance, account.is_open));
    account.balance
}

fn elsewhere(store: &EmbeddedStore) -> Repository<BankAccount> {
    Repository::new(&Store::on(store.clone()))
}

#[test]
fn two_saves_of_one_stream_in_one_reaction_are_an_error_and_not_lost() {
    let (_, accounts, cause) = bank(&FlakyStore::new());
    let reaction = accounts.because(cause);
    let mut account = wait(reaction.load("a")).expect("it loads");
    account.deposit(5).expect("it is open");
    wait(reaction.save(&mut account)).expect("it is the first");
    account.deposit(5).expect("it is open");
    let second = wait(reaction.save(&mut account));
    assert_eq!(second.expect_err("it would be lost").kind(), ErrorKind::Invalid);
    assert_eq!(account.root.uncommitted().count(), 1);
    assert_eq!(balance(&accounts), 105);
}

#[test]
fn a_redelivered_save_leaves_the_aggregate_and_the_cache_as_the_store_has_them() {
    let (_, accounts, cause) = bank(&FlakyStore::new());
    let deliver = || {
        let accounts = accounts.because(Cause::of_event(cause.event(), None));
        let mut account = wait(accounts.load("a")).expect("it loads");
        account.deposit(5).expect("it is open");
        let saved = wait(accounts.save(&mut account)).expect("it is saved");
        (saved, account)
    };
    let (first, _) = deliver();
    let (second, account) = deliver();
    assert!(second.repeated);
    assert_eq!(second.version, first.version);
    assert_eq!((account.balance, account.root.version()), (105, 2));
    assert_eq!(account.root.uncommitted().count(), 0);
    assert_eq!(balance(&accounts), 105);
}

#[test]
fn a_twin_that_is_faster_has_done_it_for_both() {
    let store = FlakyStore::new();
    let (_, accounts, cause) = bank(&store);
    let twin = Cause::of_event(cause.event(), None);
    store.plan([Fault::Somebody(Box::new(move |store| {
        let accounts = elsewhere(store);
        wait(accounts.update("a", |account| account.deposit(7))).expect("it is open");
        let fee = |account: &mut BankAccount| account.withdraw(account.balance / 10);
        wait(accounts.because(twin).update("a", fee)).expect("it has 107");
    }))]);
    let fee = |account: &mut BankAccount| account.withdraw(account.balance / 10);
    let saved = wait(accounts.because(cause).update("a", fee)).expect("the twin has done it");
    assert!(saved.repeated);
    assert_eq!(balance(&accounts), 97, "107 less a tenth, once");
}

#[test]
fn a_refusal_that_only_the_twins_success_brought_about_is_none() {
    let store = FlakyStore::new();
    let (_, accounts, cause) = bank(&store);
    let twin = Cause::of_event(cause.event(), None);
    store.before_reading(move |store| {
        let accounts = elsewhere(store).because(twin);
        wait(accounts.update("a", |account| account.withdraw(100))).expect("it has 100");
    });
    let saved = wait(accounts.because(cause).update("a", |account| account.withdraw(100)));
    assert!(saved.expect("it was done, by the twin").repeated);
    assert_eq!(balance(&accounts), 0);
}

#[test]
fn a_twin_that_is_faster_with_the_same_event_is_not_applied_twice() {
    let store = FlakyStore::new();
    let (_, accounts, cause) = bank(&store);
    let twin = Cause::of_event(cause.event(), None);
    store.before_reading(move |store| {
        let accounts = elsewhere(store).because(twin);
        wait(accounts.update("a", |account| account.deposit(5))).expect("it is open");
    });
    let saved = wait(accounts.because(cause).update("a", |account| account.deposit(5)));
    assert!(saved.expect("it was done, by the twin").repeated);
    assert_eq!(balance(&accounts), 105, "the cache has what the store has");
}

#[test]
fn an_answer_that_was_lost_is_looked_up() {
    let store = FlakyStore::new();
    let (_, accounts, cause) = bank(&store);
    store.plan([Fault::AnswerLost]);
    let saved = wait(accounts.because(cause).update("a", |account| account.deposit(5)));
    assert_eq!(saved.expect("it was written").version, 2);
    assert_eq!(balance(&accounts), 105);
}

#[test]
fn a_reaction_that_failed_may_be_tried_again() {
    let store = FlakyStore::new();
    let (_, accounts, cause) = bank(&store);
    let accounts = accounts.because(cause);
    store.plan([Fault::NotWritten]);
    let failed = wait(accounts.update("a", |account| account.deposit(5)));
    let UpdateError::Store(error) = failed.expect_err("it is not written") else {
        panic!("nobody refused")
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    wait(accounts.update("a", |account| account.deposit(5))).expect("its turn was given back");
    assert_eq!(balance(&accounts), 105);
}

#[test]
fn an_update_that_is_cancelled_gives_its_turn_back() {
    let (_, accounts, cause) = bank(&FlakyStore::new());
    let accounts = accounts.because(cause);
    let begun = Box::pin(accounts.update("a", |account| account.deposit(5)));
    let store = FlakyStore::new();
    drop((begun, store));
    wait(accounts.update("a", |account| account.deposit(5))).expect("its turn was given back");
    assert_eq!(balance(&accounts), 105);
}

#[test]
fn all_that_is_done_for_one_cause_shares_its_turns() {
    let (_, accounts, cause) = bank(&FlakyStore::new());
    wait(accounts.because(&cause).update("a", |account| account.deposit(1))).expect("it is open");
    let again = wait(accounts.because(&cause).update("a", |account| account.deposit(2)));
    let UpdateError::Store(error) = again.expect_err("it would be lost") else {
        panic!("nobody refused")
    };
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let named = cause.clone().by("interest");
    wait(accounts.because(named).update("a", |account| account.deposit(2))).expect("another one");
    assert_eq!(balance(&accounts), 103);
}
