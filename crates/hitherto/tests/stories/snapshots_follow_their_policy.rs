//! Snapshots are taken when the policy says so, used when they fit, and never believed over the
//! log.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::*;
use hitherto::{
    Aggregate, Append, EmbeddedStore, ErrorKind, EventId, EventStore, Events, NewEvent, Position,
    Query, Repository, Root, Snapshots, Store, Ticket, Timestamp, wait,
};
use hitherto_store::{Clock, MemoryDisk, Options, Recorded, SnapshotCache};
use serde::{Deserialize, Serialize};

/// A clock that stands where a test sets it, in seconds.
#[derive(Clone, Default)]
struct TestClock(Arc<AtomicI64>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::Relaxed) * 1_000_000_000)
    }
}

/// A store that counts what is read from it and put into its snapshot cache.
#[derive(Clone)]
struct CountingStore {
    inner: EmbeddedStore,
    read: Arc<AtomicUsize>,
    snapshots: Arc<CountingSnapshots>,
}

struct CountingSnapshots {
    inner: Arc<dyn SnapshotCache>,
    put: AtomicUsize,
    refuses: Mutex<bool>,
}

impl CountingStore {
    fn at(clock: TestClock) -> Self {
        let disk = MemoryDisk::new();
        let inner = EmbeddedStore::on(disk, clock, Options::default()).expect("memory works");
        let snapshots = CountingSnapshots {
            inner: inner.snapshots().expect("the embedded store has a place for them"),
            put: AtomicUsize::default(),
            refuses: Mutex::default(),
        };
        Self { inner, read: Arc::default(), snapshots: Arc::new(snapshots) }
    }

    fn taken(&self) -> usize {
        self.snapshots.put.load(Ordering::Relaxed)
    }

    fn read_by(&self, load: impl FnOnce()) -> usize {
        let before = self.read.load(Ordering::Relaxed);
        load();
        self.read.load(Ordering::Relaxed) - before
    }
}

impl SnapshotCache for CountingSnapshots {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.inner.get(key)
    }

    fn put(&self, key: &str, value: &[u8]) -> hitherto::Result<()> {
        if *self.refuses.lock().expect("no test panics with it") {
            return Err(hitherto::Error::unavailable("the disk is full"));
        }
        self.put.fetch_add(1, Ordering::Relaxed);
        self.inner.put(key, value)
    }

    fn clear(&self) -> hitherto::Result<()> {
        self.inner.clear()
    }
}

struct Counted(Events, Arc<AtomicUsize>);

impl hitherto_store::EventSource for Counted {
    fn poll_next(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<hitherto::Result<Recorded>>> {
        let next = self.0.poll_next(context);
        if let std::task::Poll::Ready(Some(_)) = &next {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
        next
    }
}

impl EventStore for CountingStore {
    fn submit(&self, append: Append) -> Ticket {
        self.inner.submit(append)
    }

    fn read(&self, query: Query) -> Events {
        Events::new(Counted(self.inner.read(query), Arc::clone(&self.read)))
    }

    fn follow(&self, query: Query) -> Events {
        self.inner.follow(query)
    }

    fn find(&self, id: EventId) -> Ticket<Option<Recorded>> {
        self.inner.find(id)
    }

    fn head(&self) -> Ticket<Position> {
        self.inner.head()
    }

    fn snapshots(&self) -> Option<Arc<dyn SnapshotCache>> {
        Some(Arc::clone(&self.snapshots) as _)
    }
}

fn bank(policy: Snapshots) -> (TestClock, CountingStore, Repository<BankAccount>) {
    let clock = TestClock::default();
    clock.0.store(1_000_000, Ordering::Relaxed);
    let store = CountingStore::at(clock.clone());
    let accounts = Repository::<BankAccount>::new(&Store::on(store.clone())).snapshots(policy);
    wait(accounts.update("a", |account| account.open("a", 0))).expect("it opens");
    (clock, store, accounts)
}

fn deposit(accounts: &Repository<BankAccount>) {
    wait(accounts.update("a", |account| account.deposit(1))).expect("it is open");
}

#[test]
fn one_is_taken_every_so_many_versions_and_loading_reads_only_the_rest() {
    let (_, store, accounts) = bank(Snapshots::every(10));
    for version in 2..=100 {
        deposit(&accounts);
        assert_eq!(store.taken(), version / 10, "at version {version}");
    }
    let read = store.read_by(|| {
        assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 99);
    });
    assert_eq!(read, 1, "only the event at which the snapshot was taken");
    deposit(&accounts);
    let read = store.read_by(|| {
        assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 100);
    });
    assert_eq!(read, 2);
}

#[test]
fn the_past_is_loaded_from_a_snapshot_that_is_not_younger() {
    let (_, store, accounts) = bank(Snapshots::every(10));
    (2..=25).for_each(|_| deposit(&accounts));
    let read = store.read_by(|| {
        assert_eq!(wait(accounts.at_version("a", 22)).expect("it was there").balance, 21);
    });
    assert_eq!(read, 3, "the event at which the snapshot was taken, and two more");
    let read = store.read_by(|| {
        assert_eq!(wait(accounts.at_version("a", 19)).expect("it was there").balance, 18);
    });
    assert_eq!(read, 19, "the snapshot is younger");
    let read = store.read_by(|| {
        let then = wait(accounts.at_position("a", Position(24)));
        assert_eq!(then.expect("it was there").balance, 23);
    });
    assert_eq!(read, 5);
}

#[test]
fn a_stream_that_others_wrote_gets_its_snapshot_when_it_is_loaded() {
    let (_, store, accounts) = bank(Snapshots::every(10));
    let plain = Repository::<BankAccount>::new(&Store::on(store.clone()));
    (0..20).for_each(|_| deposit(&plain));
    assert_eq!(store.taken(), 0);
    wait(accounts.load("a")).expect("it loads");
    assert_eq!(store.taken(), 1);
    wait(accounts.load("a")).expect("it loads");
    assert_eq!(store.taken(), 1, "nothing has come since");
}

#[test]
fn by_age_one_is_taken_when_the_events_since_the_last_span_the_time() {
    for cached in [false, true] {
        let (clock, store, accounts) = bank(Snapshots::older_than(Duration::from_mins(1)));
        let accounts = if cached { accounts.cache(10) } else { accounts };
        let at = |second: i64| {
            clock.0.store(1_000_000 + second, Ordering::Relaxed);
            deposit(&accounts);
            wait(accounts.load("a")).expect("it loads");
            store.taken()
        };
        let taken = [at(1), at(59), at(60), at(119), at(120)];
        assert_eq!(taken, [0, 0, 1, 1, 2], "cached: {cached}");
    }
}

#[test]
fn by_cost_one_is_taken_when_loading_took_as_long() {
    let (_, store, accounts) = bank(Snapshots::when_slower_than(Duration::from_hours(1)));
    (0..10).for_each(|_| deposit(&accounts));
    assert_eq!(store.taken(), 0);
    let always = accounts.snapshots(Snapshots::when_slower_than(Duration::ZERO));
    wait(always.load("a")).expect("it loads");
    assert_eq!(store.taken(), 1);
}

#[test]
fn one_that_cannot_be_put_changes_nothing() {
    let (_, store, accounts) = bank(Snapshots::every(1));
    let before = store.taken();
    *store.snapshots.refuses.lock().expect("no test panics with it") = true;
    (0..5).for_each(|_| deposit(&accounts));
    assert_eq!(store.taken(), before);
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 5);
}

/// The same streams, seen by another type whose state would be read from the account's without an
/// error.
#[derive(Default, Serialize, Deserialize)]
struct Statement {
    #[serde(skip)]
    root: Root<AccountEvent>,
    #[serde(default)]
    lines: u64,
}

impl Aggregate for Statement {
    const CATEGORY: &'static str = "account";
    type Id = String;
    type Event = AccountEvent;
    type Error = ();

    fn root(&mut self) -> &mut Root<AccountEvent> {
        &mut self.root
    }

    fn apply(&mut self, _: &AccountEvent) {
        self.lines += 1;
    }
}

#[test]
fn one_of_another_type_over_the_same_stream_is_not_taken_for_ones_own() {
    let (_, store, accounts) = bank(Snapshots::every(1));
    (0..4).for_each(|_| deposit(&accounts));
    let statements = Repository::<Statement>::new(&Store::on(store.clone()));
    let statements = statements.snapshots(Snapshots::every(1));
    for _ in 0..2 {
        assert_eq!(wait(statements.load("a")).expect("it loads").lines, 5);
        assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 4);
    }
}

#[test]
fn whatever_bytes_are_in_the_cache_the_log_is_the_truth() {
    let (_, store, accounts) = bank(Snapshots::every(1));
    (0..4).for_each(|_| deposit(&accounts));
    let good = store.snapshots.get("account-a").expect("there is one");
    let load = |bytes: &[u8]| {
        store.snapshots.inner.put("account-a", bytes).expect("it is put");
        let plain = Repository::<BankAccount>::new(&Store::on(store.clone()));
        let plain = plain.snapshots(Snapshots::every(1_000));
        wait(plain.load("a")).expect("it loads").balance
    };
    for length in 0..good.len() {
        assert_eq!(load(&good[..length]), 4, "cut off after {length} bytes");
    }
    let text = String::from_utf8(good).expect("it is JSON");
    let ahead = text.replace("\"version\":5", "\"version\":6");
    let huge = text.replace("\"version\":5", "\"version\":18446744073709551615");
    let none = text.replace("\"version\":5", "\"version\":0");
    for changed in [ahead, huge, none] {
        assert_ne!(changed, text);
        assert_eq!(load(changed.as_bytes()), 4, "{changed}");
    }
}

#[test]
fn a_damaged_event_after_the_snapshot_is_an_error_and_not_a_state() {
    let (_, store, accounts) = bank(Snapshots::every(1));
    let unreadable = NewEvent::json("MoneyDeposited", "{}");
    store
        .append(Append::to("account-a").event(unreadable))
        .expect("the store does not look inside");
    let error = wait(accounts.load("a")).expect_err("it cannot be read");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}
