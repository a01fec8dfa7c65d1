//! A real process that projects is killed again and again, with SIGKILL, wherever it is; the rows
//! are those of a fresh build.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

#[path = "stories/bank/mod.rs"]
mod bank;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use bank::{Balances, BalancesWithMoves, MoneyDeposited, fresh, fresh_rows, happens, quick, rows};
use hitherto::runner::State;
use hitherto::{Position, Projector, Store, wait};
use hitherto_sql::Sqlite;

/// Set for the process that is killed: the directory of its store.
const DIRECTORY: &str = "HITHERTO_KILLED_IN";
/// And which version it projects.
const VERSION: &str = "HITHERTO_KILLED_VERSION";

/// Not a test of its own: what the killed process does. Without the directory it does nothing.
#[test]
fn the_process_that_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let directory = Path::new(&directory);
    let store = Store::open(directory.join("bank.hitherto")).unwrap();
    let sqlite = Sqlite::open(directory.join("read.db")).unwrap();
    let version = std::env::var(VERSION).unwrap();
    // A new event now and then, so that small batches are among those that are cut.
    if version == "1" {
        let starting = Projector::start(&store, sqlite, Balances).settings(quick(3)).batch(7);
        go_on(&store, &wait(starting.into_future()).unwrap());
    } else {
        let starting = Projector::start(&store, sqlite, BalancesWithMoves).settings(quick(2));
        go_on(&store, &wait(starting.batch(5).into_future()).unwrap());
    }
}

fn go_on(store: &Store, projector: &Projector<Sqlite>) {
    println!("begun");
    for turn in 0..1_000_000 {
        let position = happens(store, turn % 5, &MoneyDeposited { amount: turn });
        if turn % 10 == 0 {
            wait(projector.reached(position)).unwrap();
            println!("at {position}");
        }
    }
}

/// Starts the process, and kills it after so many lines and a little more or less work.
fn kill_after(directory: &Path, version: u32, lines: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["the_process_that_is_killed", "--exact", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(VERSION, version.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let told = output.lines().map_while(Result::ok);
    let mut told = told.filter(|line| line.contains("begun") || line.starts_with("at "));
    // Who is killed must not notice anything before, so the pipe stays open.
    assert_eq!(told.by_ref().take(lines).count(), lines, "it ended by itself");
    (0..lines * 997 % 5_000).for_each(|turn| _ = std::hint::black_box(turn));
    child.kill().unwrap();
    child.wait().unwrap();
}

fn rounds() -> usize {
    let more = std::env::var("HITHERTO_KILL_ROUNDS").ok();
    more.and_then(|rounds| rounds.parse().ok()).unwrap_or(12)
}

#[test]
fn rows_and_position_are_always_those_of_a_fresh_build() {
    let directory = tempfile::tempdir().unwrap();
    let (bank, read) = (directory.path().join("bank.hitherto"), directory.path().join("read.db"));
    let store = Store::open(&bank).unwrap();
    bank::some_life(&store, 5, 100);
    drop(store);
    for round in 0..rounds() {
        kill_after(directory.path(), 1, 1 + round * 5 % 9);
        let store = Store::open_read_only(&bank).unwrap();
        let sqlite = Sqlite::open(&read).unwrap();
        assert_is_a_prefix(&store, &sqlite);
    }
    let store = Store::open(&bank).unwrap();
    let sqlite = Sqlite::open(&read).unwrap();
    let projector = wait(Projector::start(&store, sqlite.clone(), Balances).into_future()).unwrap();
    let status = wait(projector.catch_up()).unwrap();
    assert_eq!(status.handled, status.head.0, "each event once, over all those lives");
    assert_eq!(rows(&sqlite), fresh_rows(&store));
}

/// With three partitions, rows are not a prefix of all events; but of each account's.
fn assert_is_a_prefix(store: &Store, sqlite: &Sqlite) {
    let Ok(accounts) = sqlite.rows("select account, max(position) from moves group by account")
    else {
        return; // killed before there were tables
    };
    for account in accounts {
        let [hitherto::projection::Value::Text(name), hitherto::projection::Value::Integer(last)] =
            account.as_slice()
        else {
            panic!("{account:?}")
        };
        let query = hitherto::Query::stream(format!("account-{name}"));
        let until = store.read(query.up_to(Position(u64::try_from(*last).unwrap())));
        let there = format!("select count(*) from moves where account = '{name}'");
        let count = i64::try_from(until.count()).unwrap();
        assert_eq!(sqlite.rows(&there).unwrap(), [[count]]);
    }
}

#[test]
fn a_rebuild_that_is_killed_goes_on_and_the_switch_is_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let (bank, read) = (directory.path().join("bank.hitherto"), directory.path().join("read.db"));
    let store = Store::open(&bank).unwrap();
    bank::some_life(&store, 5, 300);
    let old = Projector::start(&store, Sqlite::open(&read).unwrap(), Balances).into_future();
    wait(wait(old).unwrap().catch_up()).unwrap();
    drop(store);
    for round in 0..rounds() / 2 {
        kill_after(directory.path(), 2, 1 + round % 3);
        let accounts = Sqlite::open(&read).unwrap().rows("select count(*) from balances").unwrap();
        assert_eq!(accounts, [[5]], "one version or the other, whole");
    }
    let store = Store::open(&bank).unwrap();
    let sqlite = Sqlite::open(&read).unwrap();
    let new = Projector::start(&store, sqlite.clone(), BalancesWithMoves).into_future();
    let new = wait(new).unwrap();
    wait(new.catch_up()).unwrap();
    assert_eq!(new.status().state, State::Live);
    let all = "select * from balances order by account";
    let expected = fresh(&store, BalancesWithMoves).rows(all).unwrap();
    assert_eq!(sqlite.rows(all).unwrap(), expected);
}
