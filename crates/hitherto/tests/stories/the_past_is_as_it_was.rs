//! An aggregate and what a decision looks at, as of any version, position or time: always the
//! events up to there, with a snapshot or without, and a named error where there was nothing.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::common::*;
use hitherto::{
    Aggregate as _, Clock, Decision, EmbeddedStore, ErrorKind, MemoryDisk, Moment, Options,
    Outcome as _, Position, Projector, Query, Recorded, Repository, Snapshots, Store, Timestamp,
    View, wait,
};

/// A clock that stands where the test sets it, in seconds.
#[derive(Clone, Default)]
struct TestClock(Arc<AtomicU64>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        second(self.0.load(Ordering::Relaxed))
    }
}

fn second(second: u64) -> Timestamp {
    Timestamp::from_nanos(i64::try_from(second * 1_000_000_000).unwrap())
}

/// Two accounts; the event at position `p` is recorded at second `10 * p`.
///
/// | position | account | version | balance |
/// |---|---|---|---|
/// | 1 | a | 1 | 100 |
/// | 2 | b | 1 | 7 |
/// | 3 | a | 2 | 150 |
/// | 4 | a | 3 | 120 |
/// | 5 | b | 2 | 8 |
/// | 6 | a | 4 | 220 |
fn bank() -> Store {
    let clock = TestClock::default();
    let store = EmbeddedStore::on(MemoryDisk::new(), clock.clone(), Options::default()).unwrap();
    let store = Store::on(store);
    let accounts = Repository::<BankAccount>::new(&store).snapshots(Snapshots::every(3));
    let mut at = 0;
    let mut update = |id: &str, command: fn(&mut BankAccount) -> Result<(), Refused>| {
        at += 10;
        clock.0.store(at, Ordering::Relaxed);
        wait(accounts.update(id, command)).must().unwrap();
    };
    update("a", |account| account.open("a", 100));
    update("b", |account| account.open("b", 7));
    update("a", |account| account.deposit(50));
    update("a", |account| account.withdraw(30)); // a snapshot is taken here
    update("b", |account| account.deposit(1));
    update("a", |account| account.deposit(100));
    store
}

const HISTORY_OF_A: [(u64, u64); 4] = [(1, 100), (3, 150), (4, 120), (6, 220)];

/// Without anything kept, with a snapshot at version 3, and with the newest state in the cache.
fn repositories(store: &Store) -> [Repository<BankAccount>; 3] {
    let plain = Repository::<BankAccount>::new(store);
    let snapshots = plain.clone().snapshots(Snapshots::every(3));
    let cached = plain.clone().cache(10);
    assert_eq!(wait(cached.load("a")).unwrap().balance, 220);
    [plain, snapshots, cached]
}

#[test]
fn each_version_position_and_time_gives_the_events_up_to_there() {
    let store = bank();
    for accounts in repositories(&store) {
        for (version, (position, balance)) in (1..).zip(HISTORY_OF_A) {
            let mut moments = vec![
                Moment::Version(version),
                Moment::Position(Position(position)),
                Moment::Time(second(position * 10)),
                Moment::Time(second(position * 10 + 9)),
            ];
            if version == 2 {
                moments.push(Moment::Time(second(39)));
            }
            for moment in moments {
                let mut then = wait(accounts.at("a", moment)).unwrap();
                assert_eq!((then.balance, then.root().version()), (balance, version), "{moment:?}");
            }
        }
        // Between two of its events, a stream is as the earlier one left it.
        assert_eq!(wait(accounts.at_position("a", Position(2))).unwrap().balance, 100);
        assert_eq!(wait(accounts.at_position("a", Position(5))).unwrap().balance, 120);
        assert_eq!(wait(accounts.at_time("b", second(49))).unwrap().balance, 7);
        assert_eq!(wait(accounts.at_version("a", 0)).unwrap().root().version(), 0);
    }
}

#[test]
fn a_moment_that_never_was_is_not_found() {
    let store = bank();
    for accounts in repositories(&store) {
        let named = [
            (Moment::Version(5), "a", "account-a was never at version 5: it is at version 4"),
            (Moment::Position(Position(7)), "a", "the last one is at position 6"),
            (Moment::Position(Position(1)), "b", "did not exist at position 1"),
            (Moment::Position(Position(1)), "b", "its first event, at position 2, was recorded"),
            (Moment::Time(second(9)), "a", "did not exist at that time: its first event, at"),
            (Moment::Time(second(99)), "c", "nothing ever happened to it"),
            (Moment::Version(1), "c", "account-c was never at version 1: it is at version 0"),
        ];
        for (moment, id, expected) in named {
            let Err(error) = wait(accounts.at(id, moment)) else { panic!("{moment:?} was found") };
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

/// How much money all accounts hold.
struct Total;

impl Decision for Total {
    type Event = AccountEvent;
    type State = u64;
    type Error = ();

    fn query(&self) -> Query {
        Query::category("account")
    }

    fn apply(&self, total: &mut u64, event: &AccountEvent) {
        match event {
            AccountOpened { initial_deposit: amount, .. }
            | MoneyDeposited { amount }
            | InterestPaid { amount } => *total += amount,
            MoneyWithdrawn { amount } => *total -= amount,
        }
    }

    fn decide(&self, _: &u64) -> Result<Vec<AccountEvent>, ()> {
        Ok(Vec::new())
    }
}

#[test]
fn what_a_decision_looked_at_is_folded_up_to_a_moment() {
    let store = bank();
    let totals = [100, 107, 157, 127, 128, 228];
    for (position, total) in (1..).zip(totals) {
        let at = |moment: Moment| wait(store.state_at(&Total, moment)).unwrap();
        assert_eq!(at(Position(position).into()), total);
        assert_eq!(at(second(position * 10 + 5).into()), total);
    }
    assert_eq!(wait(store.state_of(&Total)).unwrap(), 228);
    assert_eq!(wait(store.state_at(&Total, Position::START)).unwrap(), 0);
}

#[test]
fn a_decision_cannot_look_at_what_never_was() {
    let (store, empty) = (bank(), Store::in_memory());
    let refused = |store: &Store, moment: Moment| {
        let error = wait(store.state_at(&Total, moment)).unwrap_err();
        (error.kind(), error.to_string())
    };
    let (kind, message) = refused(&store, Position(7).into());
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(message.contains("no event is at position 7 yet"), "{message}");
    let (kind, message) = refused(&store, second(9).into());
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(message.contains("first event was recorded later"), "{message}");
    let (kind, message) = refused(&empty, second(9).into());
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(message.contains("the store is empty"), "{message}");
    let (kind, message) = refused(&store, Moment::Version(2));
    assert_eq!(kind, ErrorKind::Invalid);
    assert!(message.contains("versions count within one stream"), "{message}");
}

#[test]
fn the_whole_store_is_as_it_was_and_cannot_be_changed() {
    let store = bank();
    for moment in [Moment::from(Position(4)), second(49).into()] {
        let then = wait(store.as_of(moment)).unwrap();
        assert_eq!(wait(then.head()).unwrap(), Position(4));
        let positions = |query: Query| -> Vec<u64> {
            then.read(query).map(|event| event.unwrap().position().0).collect()
        };
        assert_eq!(positions(Query::all()), [1, 2, 3, 4]);
        assert_eq!(positions(Query::category("account").backward().limit(2)), [4, 3]);
        assert_eq!(positions(Query::all().after(Position(2)).up_to(Position(6))), [3, 4]);
        assert_eq!(then.follow(Query::all()).count(), 4, "it ends there");

        for accounts in [
            Repository::<BankAccount>::new(&then),
            Repository::<BankAccount>::new(&then).snapshots(Snapshots::every(1)),
        ] {
            assert_eq!(wait(accounts.load("a")).unwrap().balance, 120);
            assert_eq!(wait(accounts.load("b")).unwrap().balance, 7);
        }
        assert_eq!(wait(then.state_of(&Total)).unwrap(), 127);

        let accounts = Repository::<BankAccount>::new(&then);
        let refused = wait(accounts.update("a", |account| account.deposit(1))).must().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid);
        assert!(refused.to_string().contains("the past cannot be changed"), "{refused}");
    }
    let newest = store.read(Query::all().backward().limit(1)).next().unwrap().unwrap();
    let then = wait(store.as_of(Position(5))).unwrap();
    assert!(wait(then.find(newest.id())).unwrap().is_none());
    assert!(wait(store.find(newest.id())).unwrap().is_some());
    assert_eq!(wait(store.head()).unwrap(), Position(6));
}

#[test]
fn a_store_as_it_never_was_is_refused() {
    let (store, empty) = (bank(), Store::in_memory());
    let refused = |store: &Store, moment: Moment| wait(store.as_of(moment)).unwrap_err().kind();
    assert_eq!(refused(&store, Position(7).into()), ErrorKind::NotFound);
    assert_eq!(refused(&store, second(9).into()), ErrorKind::NotFound);
    assert_eq!(refused(&empty, second(9).into()), ErrorKind::NotFound);
    assert_eq!(refused(&store, Moment::Version(1)), ErrorKind::Invalid);
}

/// What each account holds.
#[derive(Default, Debug, PartialEq)]
struct Balances(BTreeMap<String, u64>);

impl View for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;

    fn apply(&mut self, event: &Recorded<AccountEvent>) {
        let balance = self.0.entry(event.stream_id().to_owned()).or_default();
        match &event.data {
            AccountOpened { initial_deposit: amount, .. }
            | MoneyDeposited { amount }
            | InterestPaid { amount } => *balance += amount,
            MoneyWithdrawn { amount } => *balance -= amount,
        }
    }
}

/// The same of one account.
#[derive(Default)]
struct Statement(Vec<u64>);

impl View for Statement {
    const NAME: &'static str = "statement";
    type Event = AccountEvent;

    fn apply(&mut self, event: &Recorded<AccountEvent>) {
        self.0.push(event.version());
    }

    fn query(&self) -> Query {
        Query::stream("account-a")
    }
}

fn balances<const N: usize>(balances: [(&str, u64); N]) -> Balances {
    Balances(balances.map(|(account, balance)| (account.to_owned(), balance)).into())
}

#[test]
fn a_view_is_folded_up_to_a_version_a_position_or_a_time() {
    let store = bank();
    let expected = [
        balances([("a", 100)]),
        balances([("a", 100), ("b", 7)]),
        balances([("a", 150), ("b", 7)]),
        balances([("a", 120), ("b", 7)]),
        balances([("a", 120), ("b", 8)]),
        balances([("a", 220), ("b", 8)]),
    ];
    for (position, expected) in (1..).zip(&expected) {
        for moment in [Moment::Position(Position(position)), second(position * 10 + 5).into()] {
            let then = wait(store.view_at(Balances::default(), moment)).unwrap();
            assert_eq!(&then, expected, "{moment:?}");
        }
    }
    assert_eq!(&wait(store.view_of(Balances::default())).unwrap(), &expected[5]);
    let then = wait(store.view_at(Statement::default(), Moment::Version(3))).unwrap();
    assert_eq!(then.0, [1, 2, 3]);

    let refused =
        |moment: Moment| wait(store.view_at(Balances::default(), moment)).unwrap_err().kind();
    assert_eq!(refused(Position(7).into()), ErrorKind::NotFound);
    assert_eq!(refused(second(9).into()), ErrorKind::NotFound);
    assert_eq!(refused(Moment::Version(3)), ErrorKind::Invalid, "versions are of one stream");
}

#[test]
fn a_projector_over_the_store_as_it_was_ends_there() {
    let store = bank();
    let then = wait(store.as_of(Position(4))).unwrap();
    let projector = wait(async { Projector::view(&then, Balances::default()).await }).unwrap();
    wait(projector.reached(Position(4))).unwrap();
    projector.read(|found| assert_eq!(found, &balances([("a", 120), ("b", 7)])));
    let accounts = Repository::<BankAccount>::new(&store);
    wait(accounts.update("a", |account| account.deposit(1))).must().unwrap();
    projector.read(|found| assert_eq!(found, &balances([("a", 120), ("b", 7)])));
}
