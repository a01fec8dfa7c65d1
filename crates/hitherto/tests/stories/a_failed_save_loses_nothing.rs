//! A save that failed can be repeated: nothing is lost, nothing is stored twice, nothing unsaved is
//! cached.

use crate::common::flaky::{Fault, FlakyStore};
use crate::common::*;
use hitherto::{ErrorKind, Query, Repository, Snapshots, Store, UpdateError, wait};
use proptest::prelude::*;

fn bank() -> (FlakyStore, Store, Repository<BankAccount>) {
    let flaky = FlakyStore::new();
    let store = Store::on(flaky.clone());
    let accounts = Repository::<BankAccount>::new(&store).cache(10).snapshots(Snapshots::every(1));
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    (flaky, store, accounts)
}

/// The account as the store alone has it.
fn stored(flaky: &FlakyStore) -> BankAccount {
    let plain = Repository::<BankAccount>::new(&Store::on(flaky.inner.clone()));
    wait(plain.load("a")).expect("it loads")
}

#[test]
fn what_was_not_written_is_kept_and_written_by_the_next_save() {
    let (flaky, _, accounts) = bank();
    let mut account = wait(accounts.load("a")).expect("it loads");
    account.deposit(5).expect("it is open");
    flaky.plan([Fault::NotWritten]);
    let error = wait(accounts.save(&mut account)).expect_err("the disk did not answer");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(account.root.uncommitted().collect::<Vec<_>>(), [&MoneyDeposited { amount: 5 }]);
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 100, "it is not cached");
    assert_eq!(stored(&flaky).balance, 100);
    let saved = wait(accounts.save(&mut account)).expect("the disk is well again");
    assert_eq!((saved.version, saved.repeated), (2, false));
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 105);
}

#[test]
fn what_was_written_without_an_answer_is_not_written_again() {
    let (flaky, store, accounts) = bank();
    let mut account = wait(accounts.load("a")).expect("it loads");
    account.deposit(5).expect("it is open");
    flaky.plan([Fault::AnswerLost]);
    wait(accounts.save(&mut account)).expect_err("the answer is lost");
    let saved = wait(accounts.save(&mut account)).expect("it was written");
    assert_eq!((saved.version, saved.repeated), (2, true));
    assert_eq!(account.root.uncommitted().count(), 0);
    assert_eq!(account.root.version(), 2);
    assert_eq!(wait(store.head()).expect("it can be asked").0, 2);
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 105);
}

#[test]
fn others_may_have_gone_on_before_a_lost_answer_is_asked_for_again() {
    let (flaky, _, accounts) = bank();
    let mut account = wait(accounts.load("a")).expect("it loads");
    account.deposit(5).expect("it is open");
    flaky.plan([Fault::AnswerLost]);
    wait(accounts.save(&mut account)).expect_err("the answer is lost");
    wait(accounts.update("a", |account| account.deposit(7))).expect("it is open");
    let saved = wait(accounts.save(&mut account)).expect("it was written");
    assert_eq!((saved.version, saved.repeated), (2, true));
    assert_eq!((account.balance, account.root.version()), (105, 2), "as it was right then");
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 112);
    account.deposit(1).expect("it is open");
    let late = wait(accounts.save(&mut account)).expect_err("it is not up to date");
    assert_eq!(late.kind(), ErrorKind::Conflict);
}

#[test]
fn an_update_does_not_try_again_what_it_does_not_know_the_outcome_of() {
    let (flaky, _, accounts) = bank();
    flaky.plan([Fault::AnswerLost]);
    let mut runs = 0;
    let outcome = wait(accounts.update("a", |account| {
        runs += 1;
        account.deposit(5)
    }));
    let UpdateError::Store(error) = outcome.expect_err("the answer is lost") else {
        panic!("nobody refused")
    };
    assert_eq!((error.kind(), runs), (ErrorKind::Unavailable, 1));
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, stored(&flaky).balance);
}

#[test]
fn an_update_that_others_outrun_is_tried_32_times_in_all() {
    let outrun = || {
        Fault::Somebody(Box::new(|store| {
            let accounts = Repository::<BankAccount>::new(&Store::on(store.clone()));
            wait(accounts.update("a", |account| account.deposit(1))).expect("it is open");
        }))
    };
    for (times, is_made) in [(31, true), (32, false)] {
        let (flaky, store, accounts) = bank();
        flaky.plan((0..times).map(|_| outrun()));
        let mut runs = 0;
        let outcome = wait(accounts.update("a", |account| {
            runs += 1;
            account.deposit(1_000)
        }));
        assert_eq!((outcome.is_ok(), runs), (is_made, 32), "{outcome:?}");
        if let Err(UpdateError::Store(error)) = outcome {
            assert_eq!(error.kind(), ErrorKind::Conflict);
        }
        let expected = 100 + times + if is_made { 1_000 } else { 0 };
        assert_eq!(wait(accounts.load("a")).expect("it loads").balance, expected);
        assert_eq!(store.read(Query::all()).count() as u64, 1 + times + u64::from(is_made));
    }
}

#[derive(Debug, Clone)]
enum Trouble {
    None,
    NotWritten,
    AnswerLost,
    Outrun,
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        Just(Trouble::None),
        Just(Trouble::NotWritten),
        Just(Trouble::AnswerLost),
        Just(Trouble::Outrun)
    ]
}

fn fault(trouble: &Trouble) -> Fault {
    match trouble {
        Trouble::None => Fault::None,
        Trouble::NotWritten => Fault::NotWritten,
        Trouble::AnswerLost => Fault::AnswerLost,
        Trouble::Outrun => Fault::Somebody(Box::new(|store| {
            let accounts = Repository::<BankAccount>::new(&Store::on(store.clone()));
            wait(accounts.update("a", |account| account.deposit(1))).expect("it is open");
        })),
    }
}

/// Loads, deposits 1000, and saves until it is known to be saved: again after an unknown outcome,
/// from the start after a conflict.
fn deposit_for_sure(accounts: &Repository<BankAccount>) {
    loop {
        let mut account = wait(accounts.load("a")).expect("it loads");
        account.deposit(1_000).expect("it is open");
        loop {
            match wait(accounts.save(&mut account)) {
                Ok(_) => return,
                Err(error) if error.kind() == ErrorKind::Conflict => break,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
            }
        }
    }
}

/// What goes wrong, one after another.
fn troubles() -> impl Strategy<Value = Vec<Trouble>> {
    prop::collection::vec(trouble(), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_deposit_is_made_once_whatever_goes_wrong(troubles in troubles()) {
        let (flaky, _, accounts) = bank();
        flaky.plan(troubles.iter().map(fault));
        for _ in 0..10 {
            deposit_for_sure(&accounts);
            let seen = wait(accounts.load("a")).expect("it loads");
            prop_assert_eq!(seen.balance, stored(&flaky).balance);
            prop_assert_eq!(seen.root.version(), stored(&flaky).root.version());
        }
        prop_assert_eq!((stored(&flaky).balance - 100) / 1_000, 10);
    }

    #[test]
    fn whatever_goes_wrong_each_reaction_is_made_once(troubles in troubles()) {
        let (flaky, store, accounts) = bank();
        let opened = store.read(Query::all()).next().expect("one").expect("sound");
        flaky.plan(troubles.iter().map(fault));
        for number in 0..5 {
            let cause = || hitherto::Cause::from(&opened).by(number.to_string());
            let deliver = || wait(accounts.because(cause()).update("a", |a| a.deposit(1_000)));
            while deliver().is_err() {}
            prop_assert!(deliver().expect("it was made").repeated);
        }
        prop_assert_eq!((stored(&flaky).balance - 100) / 1_000, 5);
        let seen = wait(accounts.load("a")).expect("it loads");
        prop_assert_eq!(seen.balance, stored(&flaky).balance);
    }
}
