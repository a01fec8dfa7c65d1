//! With cache and snapshots the same states come out as without, whatever the history.

use std::time::Duration;

use crate::common::*;
use hitherto::testing::{check_replay, check_snapshots};
use hitherto::{EmbeddedStore, EventStore, Repository, Snapshots, Store, wait};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Open(u8, u16),
    Deposit(u8, u16),
    Withdraw(u8, u16),
    Load(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 0..3_u8;
    let step = prop_oneof![
        (id.clone(), any::<u16>()).prop_map(|(id, amount)| Step::Open(id, amount)),
        (id.clone(), any::<u16>()).prop_map(|(id, amount)| Step::Deposit(id, amount)),
        (id.clone(), any::<u16>()).prop_map(|(id, amount)| Step::Withdraw(id, amount)),
        id.prop_map(Step::Load),
    ];
    prop::collection::vec(step, 1..60)
}

/// What a step answers, in words that can be compared.
fn run(accounts: &Repository<BankAccount>, step: &Step) -> String {
    let update =
        |id: u8, command: fn(&mut BankAccount, u64) -> Result<(), Refused>, amount: u16| {
            let outcome = wait(accounts.update(&id.to_string(), |a| command(a, u64::from(amount))));
            format!("{:?}", outcome.map(|saved| (saved.version, saved.position)))
        };
    match step {
        Step::Open(id, amount) => update(*id, |account, amount| account.open("n", amount), *amount),
        Step::Deposit(id, amount) => update(*id, BankAccount::deposit, *amount),
        Step::Withdraw(id, amount) => update(*id, BankAccount::withdraw, *amount),
        Step::Load(id) => {
            let account = wait(accounts.load(&id.to_string())).expect("it loads");
            format!("{} {} {}", account.balance, account.is_open, account.root.version())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_answer_is_the_same(steps in steps(), every in 1..5_u64, cached in 1..3_usize) {
        let plain = Repository::<BankAccount>::new(&Store::in_memory());
        let fast = Repository::<BankAccount>::new(&Store::in_memory());
        let fast = fast.snapshots(Snapshots::every(every)).cache(cached);
        let other = {
            let store = Store::in_memory();
            let policy = Snapshots::when_slower_than(Duration::ZERO).or(Snapshots::every(every));
            Repository::<BankAccount>::new(&store).snapshots(policy)
        };
        for step in &steps {
            let expected = run(&plain, step);
            prop_assert_eq!(run(&fast, step), expected.clone());
            prop_assert_eq!(run(&other, step), expected);
        }
    }

    #[test]
    fn whoever_takes_a_step_all_see_the_same(
        rounds in prop::collection::vec((0..3_usize, steps()), 1..4),
    ) {
        let store = Store::in_memory();
        let plain = Repository::<BankAccount>::new(&store);
        let cached = plain.clone().cache(2);
        let both = plain.clone().cache(2).snapshots(Snapshots::every(2));
        for (who, steps) in &rounds {
            for step in steps {
                run([&plain, &cached, &both][*who], step);
                for id in 0..3 {
                    let expected = run(&plain, &Step::Load(id));
                    prop_assert_eq!(run(&cached, &Step::Load(id)), expected.clone());
                    prop_assert_eq!(run(&both, &Step::Load(id)), expected);
                }
            }
        }
    }

    #[test]
    fn replays_and_snapshots_agree(amounts in prop::collection::vec(1..1000_u64, 0..20)) {
        let history = || {
            let opened = AccountOpened { number: "a".into(), initial_deposit: 7 };
            std::iter::once(opened).chain(amounts.iter().map(|&amount| MoneyDeposited { amount }))
        };
        check_replay::<BankAccount>(history());
        check_snapshots::<BankAccount>(history());
    }
}

#[test]
fn a_snapshot_is_used_and_one_of_another_history_is_not() {
    let embedded = EmbeddedStore::in_memory();
    let snapshots = embedded.snapshots().expect("the embedded store has a place for them");
    let store = Store::on(embedded);
    let accounts = Repository::<BankAccount>::new(&store).snapshots(Snapshots::every(2));
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    wait(accounts.update("a", |account| account.deposit(5))).expect("it is open");
    let kept = snapshots.get("account-a").expect("two events are enough for one");
    let text = String::from_utf8(kept).expect("it is JSON");
    let changed = text.replace("\"balance\":105", "\"balance\":999");
    snapshots.put("account-a", changed.as_bytes()).expect("it is put");
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 999, "the snapshot is used");
    let event = text.split("\"event\":\"").nth(1).expect("it is there")[..36].to_owned();
    let foreign = changed.replace(&event, &hitherto::EventId::new().to_string());
    snapshots.put("account-a", foreign.as_bytes()).expect("it is put");
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 105, "the log is the truth");
    snapshots.put("account-a", b"damaged").expect("it is put");
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 105);
    snapshots.clear().expect("it is cleared");
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 105);
}

#[test]
fn a_snapshot_of_another_shape_of_the_state_is_ignored() {
    let embedded = EmbeddedStore::in_memory();
    let snapshots = embedded.snapshots().expect("the embedded store has a place for them");
    let store = Store::on(embedded);
    let accounts = Repository::<BankAccount>::new(&store).snapshots(Snapshots::every(1));
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    let text = String::from_utf8(snapshots.get("account-a").expect("there is one")).expect("JSON");
    let other = text.replace("\"shape\":1", "\"shape\":2").replace("100", "999");
    snapshots.put("account-a", other.as_bytes()).expect("it is put");
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 100);
}

#[test]
fn what_another_repository_saved_is_never_missing_from_the_cache() {
    let store = Store::in_memory();
    let cached = Repository::<BankAccount>::new(&store).cache(10);
    let other = Repository::<BankAccount>::new(&store);
    wait(cached.update("a", |account| account.open("a", 100))).expect("it opens");
    for amount in 1..=20 {
        wait(other.update("a", |account| account.deposit(amount))).expect("it is open");
        let expected = wait(other.load("a")).expect("it loads").balance;
        assert_eq!(wait(cached.load("a")).expect("it loads").balance, expected);
    }
}
