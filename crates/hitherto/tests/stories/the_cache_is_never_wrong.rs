//! The cache keeps what is stored and nothing else, hands out copies, and is off unless it is asked
//! for.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::*;
use hitherto::{Aggregate, Event, Repository, Root, Store, wait};

/// How many events all notes of this test binary have applied: what a cache saves.
static APPLIED: AtomicUsize = AtomicUsize::new(0);
/// How often they were copied: what it costs.
static COPIED: AtomicUsize = AtomicUsize::new(0);

#[derive(Event)]
enum NoteEvent {
    LineWritten,
}

#[derive(Default)]
struct Note {
    root: Root<NoteEvent>,
    lines: usize,
}

impl Clone for Note {
    fn clone(&self) -> Self {
        COPIED.fetch_add(1, Ordering::Relaxed);
        Self { root: self.root.clone(), lines: self.lines }
    }
}

impl Aggregate for Note {
    const CATEGORY: &'static str = "note";
    type Id = u32;
    type Event = NoteEvent;
    type Error = ();

    fn root(&mut self) -> &mut Root<NoteEvent> {
        &mut self.root
    }

    fn apply(&mut self, _: &NoteEvent) {
        APPLIED.fetch_add(1, Ordering::Relaxed);
        self.lines += 1;
    }
}

fn counted_by(counter: &AtomicUsize, act: impl FnOnce()) -> usize {
    let before = counter.load(Ordering::Relaxed);
    act();
    counter.load(Ordering::Relaxed) - before
}

fn applied_by(act: impl FnOnce()) -> usize {
    counted_by(&APPLIED, act)
}

fn copied_by(act: impl FnOnce()) -> usize {
    counted_by(&COPIED, act)
}

/// One story, because all notes count together.
#[test]
fn only_what_is_new_is_applied_and_only_if_a_cache_was_asked_for() {
    let store = Store::in_memory();
    let plain = Repository::<Note>::new(&store);
    let cached = Repository::<Note>::new(&store).cache(2);
    let write = |notes: &Repository<Note>, id: u32| {
        wait(notes.update(&id, |note| note.raise(NoteEvent::LineWritten))).expect("it is written");
    };
    let read = |notes: &Repository<Note>, id: u32| wait(notes.load(&id)).expect("it loads").lines;
    for _ in 0..10 {
        write(&plain, 1);
    }
    assert_eq!(applied_by(|| assert_eq!(read(&plain, 1), 10)), 10);
    assert_eq!(applied_by(|| assert_eq!(read(&plain, 1), 10)), 10, "no cache");
    assert_eq!(applied_by(|| assert_eq!(read(&cached, 1), 10)), 10, "the first time");
    assert_eq!(applied_by(|| assert_eq!(read(&cached, 1), 10)), 0, "nothing is new");
    write(&plain, 1);
    assert_eq!(applied_by(|| assert_eq!(read(&cached, 1), 11)), 1, "one is new");
    assert_eq!(applied_by(|| assert_eq!(read(&cached, 1), 11)), 0, "it was kept");
    assert_eq!(copied_by(|| assert_eq!(read(&cached, 1), 11)), 1, "only for the reader");
    assert_eq!(copied_by(|| assert_eq!(read(&cached, 77), 0)), 0, "what never was is not kept");

    let mut slow = wait(cached.load(&1)).expect("it loads");
    slow.raise(NoteEvent::LineWritten).expect("nothing is refused");
    write(&cached, 1);
    wait(cached.save(&mut slow)).expect_err("somebody was faster");
    assert_eq!(applied_by(|| assert_eq!(read(&cached, 1), 12)), 12, "dropped at the conflict");
    for other in 2..100 {
        write(&cached, other);
    }
    for other in 2..100 {
        assert_eq!(read(&cached, other), 1, "whether it is still there or not");
    }
    assert_eq!(read(&cached, 1), 12);
}

fn bank() -> (Store, Repository<BankAccount>) {
    let store = Store::in_memory();
    let accounts = Repository::<BankAccount>::new(&store).cache(10);
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    (store, accounts)
}

#[test]
fn what_is_done_to_a_loaded_aggregate_and_not_saved_is_seen_by_nobody() {
    let (_, accounts) = bank();
    let mut account = wait(accounts.load("a")).expect("it loads");
    account.deposit(5).expect("it is open");
    account.balance = 999;
    let other = wait(accounts.load("a")).expect("it loads");
    assert_eq!((other.balance, other.root.version()), (100, 1));
    assert_eq!(other.root.uncommitted().count(), 0);
}

#[test]
fn a_past_version_is_not_taken_from_the_cache_nor_put_there() {
    let (_, accounts) = bank();
    wait(accounts.update("a", |account| account.deposit(5))).expect("it is open");
    assert_eq!(wait(accounts.at_version("a", 1)).expect("it was there").balance, 100);
    assert_eq!(wait(accounts.at_version("a", 0)).expect("it was new").balance, 0);
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 105);
}

#[test]
fn a_command_that_panics_leaves_the_cache_as_it_was() {
    let (_, accounts) = bank();
    let panics = std::thread::scope(|scope| {
        let update = || {
            wait(accounts.update("a", |account| {
                account.deposit(5)?;
                panic!("in the middle of a command")
            }))
        };
        scope.spawn(update).join().is_err()
    });
    assert!(panics);
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 100);
    wait(accounts.update("a", |account| account.deposit(5))).expect("it is open");
    assert_eq!(wait(accounts.load("a")).expect("it loads").balance, 105);
}

#[test]
fn threads_that_share_a_small_cache_and_threads_that_do_not_agree() {
    let (store, cached) = bank();
    for id in ["b", "c"] {
        wait(cached.update(id, |account| account.open(id, 100))).expect("it opens");
    }
    let small = cached.clone().cache(1);
    let plain = Repository::<BankAccount>::new(&store);
    let deposit = |accounts: &Repository<BankAccount>, id: &str| {
        while wait(accounts.update(id, |account| account.deposit(1))).is_err() {}
        let account = wait(accounts.load(id)).expect("it loads");
        assert_eq!(account.balance, 99 + account.root.version(), "each event is applied once");
    };
    std::thread::scope(|scope| {
        for accounts in [&cached, &cached, &small, &plain] {
            scope.spawn(|| {
                for id in ["a", "b", "c"].repeat(20) {
                    deposit(accounts, id);
                }
            });
        }
    });
    for accounts in [&cached, &small, &plain] {
        for id in ["a", "b", "c"] {
            assert_eq!(wait(accounts.load(id)).expect("it loads").balance, 180);
        }
    }
}
