//! The story: money was refused to a transfer, the transfer was declined, and the process crashed
//! before it knew how far it had come. Meanwhile money came in. Delivered again, the command would
//! have taken it, for a transfer that is declined. What a reaction was answered is kept instead.

use crate::common::flaky::{Fault, FlakyStore};
use crate::common::*;
use hitherto::{
    Cause, Decision, ErrorKind, Outcome, Query, Repository, Store, UpdateError, ensure, wait,
};

struct Bank {
    flaky: FlakyStore,
    store: Store,
    accounts: Repository<BankAccount>,
    cause: hitherto_store::Recorded,
}

fn bank() -> Bank {
    let flaky = FlakyStore::new();
    let store = Store::on(flaky.clone());
    let accounts = Repository::<BankAccount>::new(&store);
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    let cause = store.read(Query::all()).next().expect("one").expect("sound");
    Bank { flaky, store, accounts, cause }
}

impl Bank {
    /// Delivers the event once more, to a reaction that takes 500.
    fn deliver(&self) -> Result<hitherto::Saved, UpdateError<Refused>> {
        let accounts = self.accounts.because(&self.cause);
        wait(accounts.update("a", |account| account.withdraw(500)))
    }

    fn rich(&self) {
        wait(self.accounts.update("a", |account| account.deposit(1_000))).expect("it is open");
    }

    fn balance(&self) -> u64 {
        wait(self.accounts.load("a")).expect("it loads").balance
    }

    fn events(&self) -> u64 {
        wait(self.store.head()).expect("memory works").0
    }
}

#[test]
fn what_was_refused_is_refused_again_whatever_happened_since() {
    let bank = bank();
    assert_eq!(bank.deliver().refusal().expect("memory works"), Some(InsufficientFunds));
    bank.rich();
    let before = bank.events();
    assert_eq!(bank.deliver().refusal().expect("memory works"), Some(InsufficientFunds));
    assert_eq!((bank.balance(), bank.events()), (1_100, before), "nothing is kept twice");
}

#[test]
fn the_refusal_stands_in_the_store_with_its_cause_and_what_was_seen() {
    let bank = bank();
    assert!(bank.deliver().is_err());
    let kept = bank.store.read(Query::of_kinds(["hitherto.CommandRefused"]));
    let kept = kept.last().expect("one").expect("sound");
    assert_eq!(kept.payload(), br#"{"stream":"account-a","version":1}"#);
    assert_eq!(kept.causation(), Some(bank.cause.id()));
    assert_eq!(kept.stream(), None, "no aggregate ever folds it");
}

#[test]
fn a_refusal_without_a_cause_leaves_no_trace() {
    let bank = bank();
    let before = bank.events();
    assert!(wait(bank.accounts.update("a", |account| account.withdraw(500))).is_err());
    assert_eq!(bank.events(), before);
}

#[test]
fn a_command_that_had_nothing_to_do_does_nothing_later_either() {
    let bank = bank();
    let top_up = |account: &mut BankAccount| match account.balance {
        0..100 => account.deposit(100),
        _ => Ok(()),
    };
    let deliver = || wait(bank.accounts.because(&bank.cause).update("a", top_up)).expect("open");
    assert!(deliver().repeated, "nothing was stored");
    wait(bank.accounts.update("a", |account| account.withdraw(50))).expect("it has 100");
    assert_eq!((deliver().version, bank.balance()), (1, 50));
}

#[test]
fn a_refusal_that_could_not_be_kept_was_not_given() {
    let bank = bank();
    bank.flaky.plan([Fault::NotWritten]);
    let Err(UpdateError::Store(error)) = bank.deliver() else { panic!("it must not be believed") };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    bank.rich();
    bank.deliver().expect("nobody was told no, and there is enough now");
    assert_eq!(bank.balance(), 600);
}

#[test]
fn a_refusal_whose_keeping_was_not_answered_is_looked_up() {
    let bank = bank();
    bank.flaky.plan([Fault::AnswerLost]);
    assert_eq!(bank.deliver().refusal().expect("it was kept"), Some(InsufficientFunds));
    bank.rich();
    assert_eq!(bank.deliver().refusal().expect("it was kept"), Some(InsufficientFunds));
}

#[test]
fn of_two_twins_one_answers_for_both() {
    let bank = bank();
    let cause = bank.cause.clone();
    bank.flaky.plan([Fault::Somebody(Box::new(move |store| {
        // Between the refusal and its keeping, money comes in, and the twin takes it.
        let accounts = Repository::<BankAccount>::new(&Store::on(store.clone()));
        wait(accounts.update("a", |account| account.deposit(1_000))).expect("it is open");
        let twin = accounts.because(Cause::from(&cause));
        wait(twin.update("a", |account| account.withdraw(500))).expect("it has 1,100");
    }))]);
    assert!(bank.deliver().expect("the twin took it").repeated);
    assert_eq!(bank.balance(), 600);
}

#[test]
fn a_refusal_is_the_one_answer_of_its_stream_in_a_reaction() {
    let bank = bank();
    let accounts = bank.accounts.because(&bank.cause);
    assert!(wait(accounts.update("a", |account| account.withdraw(500))).is_err());
    let second = wait(accounts.update("a", |account| account.withdraw(100)));
    let Err(UpdateError::Store(error)) = second else { panic!("at the next delivery it is lost") };
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(bank.balance(), 100);
}

#[test]
fn a_rule_that_was_changed_meanwhile_is_not_guessed_about() {
    let bank = bank();
    assert!(bank.deliver().is_err());
    let accounts = bank.accounts.because(Cause::from(&bank.cause));
    let generous = wait(accounts.update("a", |account| account.deposit(500)));
    let Err(UpdateError::Store(error)) = generous else { panic!("it was refused before") };
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("its rule was changed"), "{error}");
    assert_eq!(bank.balance(), 100);
}

/// Is there enough in the whole bank?
struct Audit;

impl Decision for Audit {
    type Event = AccountEvent;
    type State = u64;
    type Error = Refused;

    fn query(&self) -> Query {
        Query::category("account")
    }

    fn apply(&self, total: &mut u64, event: &AccountEvent) {
        match event {
            AccountOpened { initial_deposit: amount, .. } | MoneyDeposited { amount } => {
                *total += amount;
            }
            MoneyWithdrawn { amount } => *total -= amount,
            InterestPaid { .. } => {}
        }
    }

    fn decide(&self, total: &u64) -> Result<Vec<AccountEvent>, Refused> {
        ensure(*total >= 500, InsufficientFunds)?;
        Ok(vec![MoneyDeposited { amount: 1 }])
    }
}

#[test]
fn a_decision_that_was_refused_is_refused_again() {
    let bank = bank();
    let decide = || wait(bank.store.decide_because(&bank.cause, &Audit)).refusal();
    assert_eq!(decide().expect("memory works"), Some(InsufficientFunds));
    bank.rich();
    let before = bank.events();
    assert_eq!(decide().expect("memory works"), Some(InsufficientFunds));
    assert_eq!(bank.events(), before);
    let anew = wait(bank.store.decide(&Audit)).refusal().expect("memory works");
    assert_eq!(anew, None, "asked anew it is decided anew");
}
