//! A process that projects is killed at random, again and again, while others write into its store:
//! what it has built in the end is what a fresh build gives, row by row.

#[path = "stories/common/mod.rs"]
mod common;

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use common::{
    Balances, Database, Random, assert_is_as_built_afresh, move_money, open_accounts, quick,
};
use hitherto::{Projector, Store, wait};
use hitherto_postgres::Postgres;

const STORE: &str = "HITHERTO_TEST_STORE";
const DATABASE: &str = "HITHERTO_TEST_DATABASE";
const ROUNDS: &str = "HITHERTO_KILL_ROUNDS";
const ACCOUNTS: u64 = 8;

/// What is killed: the other test runs it in a process of its own.
#[test]
fn a_process_that_projects() {
    let (Ok(store), Ok(database)) = (std::env::var(STORE), std::env::var(DATABASE)) else { return };
    let store = Store::open_read_only(store).unwrap();
    let place = Postgres::connect(&database).unwrap();
    let starting = Projector::start(&store, place, Balances).settings(quick(2));
    let balances = wait(starting.into_future()).unwrap();
    let ended = wait(balances.ended());
    panic!("it does not end by itself: {ended}");
}

#[test]
fn a_process_that_is_killed_at_random_skips_and_repeats_nothing() {
    let Some(database) = Database::new("processes that are killed") else { return };
    let rounds = std::env::var(ROUNDS).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(8);
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path().join("store")).unwrap();
    open_accounts(&store, ACCOUNTS);
    let place = Postgres::connect(&database.url).unwrap();
    drop(wait(Projector::start(&store, place.clone(), Balances).into_future()).unwrap());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut random = Random::new();
                while !is_over.load(Ordering::Relaxed) {
                    move_money(&store, ACCOUNTS, 1, &mut random);
                }
            });
        }
        let mut session = database.session();
        let mut random = Random::new();
        for _ in 0..rounds {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "a_process_that_projects"]).env(DATABASE, &database.url);
            command.env(STORE, directory.path().join("store")).stdout(Stdio::null());
            let mut process = command.stderr(Stdio::null()).spawn().unwrap();
            let handled = "select sum(commits) from hitherto.partitions";
            let until = session.number(handled) + 1 + random.below(20);
            while session.number(handled) < until {
                assert!(process.try_wait().unwrap().is_none(), "it must not end by itself");
            }
            process.kill().unwrap();
            process.wait().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let balances = wait(Projector::start(&store, place, Balances).settings(quick(3)).into_future());
    let status = wait(balances.unwrap().catch_up()).unwrap();
    assert_eq!((status.parked, status.handled), (0, status.position.0), "{status:?}");
    assert_is_as_built_afresh(&store, &database);
}
