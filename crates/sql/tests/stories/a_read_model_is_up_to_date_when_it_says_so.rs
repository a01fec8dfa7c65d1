//! Reading one's own writes, all types of values, and projections that read before they write.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use crate::bank;

use bank::{AccountOpened, Balances, MoneyDeposited, fresh_rows, happens, rows, some_life};
use hitherto::projection::Value;
use hitherto::runner::State;
use hitherto::{Append, Event, NewEvent, Projection, Projector, Recorded, Sql, Store, wait};
use hitherto_sql::testing::{project, project_streams};
use hitherto_sql::{InTransaction, Sqlite, SqliteProjection, rusqlite};

#[test]
fn a_caller_reads_its_own_writes() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::in_memory();
    let sqlite = Sqlite::open(directory.path().join("read.db")).unwrap();
    let balances = wait(Projector::start(&store, sqlite.clone(), Balances).into_future()).unwrap();
    happens(&store, 1, &AccountOpened { initial_deposit: 0 });
    for deposit in 1..=20 {
        let position = happens(&store, 1, &MoneyDeposited { amount: 1 });
        wait(balances.reached(position)).unwrap();
        assert_eq!(sqlite.rows("select cents from balances").unwrap(), [[deposit]]);
    }
    let status = balances.status();
    assert_eq!((status.lag_events(), status.handled), (0, 21));
    assert_eq!(status.state, State::Live);
    assert!(status.lag.is_zero());
}

#[test]
fn an_event_that_does_not_concern_it_moves_its_position_too() {
    let store = Store::in_memory();
    let sqlite = Sqlite::in_memory().unwrap();
    let balances = wait(Projector::start(&store, sqlite, Balances).partitions(3).into_future());
    let balances = balances.unwrap();
    let other = Append::to("door-1").event(NewEvent::json("Opened", "{}"));
    let position = wait(store.append(other)).unwrap().position;
    wait(balances.reached(position)).unwrap();
    assert_eq!(balances.status().position, position);
}

#[test]
fn what_was_kept_is_gone_on_with() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    let store = Store::in_memory();
    for round in 0..3 {
        some_life_once(&store, round);
        let sqlite = Sqlite::open(&path).unwrap();
        let projector = wait(Projector::start(&store, sqlite, Balances).into_future()).unwrap();
        let status = wait(projector.catch_up()).unwrap();
        assert_eq!(status.handled, status.head.0, "each event once, over all starts");
    }
    assert_eq!(rows(&Sqlite::open(&path).unwrap()), fresh_rows(&store));
}

fn some_life_once(store: &Store, round: u64) {
    if round == 0 {
        some_life(store, 5, 50);
    }
    for account in 0..5 {
        happens(store, account, &MoneyDeposited { amount: round });
    }
}

#[derive(Event)]
enum Sample {
    Taken { text: String, number: i64, fraction: f64, flag: bool, bytes: Vec<u8> },
}

struct Samples;

impl Projection for Samples {
    const NAME: &'static str = "samples";
    type Event = Sample;

    fn tables(&self) -> &'static str {
        "create table samples (text, number, fraction, flag, bytes, empty)"
    }

    fn project(&self, event: &Recorded<Sample>, sql: &mut Sql) {
        let Sample::Taken { text, number, fraction, flag, bytes } = &event.data;
        sql.run(
            "insert into samples values (?, ?, ?, ?, ?, ?)",
            (text, number, fraction, flag, bytes, None::<&str>),
        );
    }
}

#[test]
fn every_type_of_value_comes_back() {
    let sample = Sample::Taken {
        text: "grün 'n \"blue\"".into(),
        number: i64::MIN,
        fraction: 0.1,
        flag: true,
        bytes: vec![0, 255],
    };
    let row = project(Samples, [sample]).rows("select * from samples").remove(0);
    let expected = [
        Value::from("grün 'n \"blue\""),
        Value::from(i64::MIN),
        Value::from(0.1),
        Value::from(1),
        Value::Blob(vec![0, 255]),
        Value::Null,
    ];
    assert_eq!(row, expected);
}

/// The longest run of deposits of each account: depends on what is in the table.
struct Runs;

impl SqliteProjection for Runs {
    const NAME: &'static str = "runs";
    type Event = bank::AccountEvent;

    fn tables(&self) -> &'static str {
        "create table runs (account text primary key, run integer, longest integer)"
    }

    fn project(
        &self,
        event: &Recorded<bank::AccountEvent>,
        transaction: &rusqlite::Transaction<'_>,
    ) -> rusqlite::Result<()> {
        let account = event.stream_id();
        let before: i64 = transaction
            .query_row("select run from runs where account = ?", [account], |row| row.get(0))
            .unwrap_or(0);
        let run = if matches!(event.data, MoneyDeposited { .. }) { before + 1 } else { 0 };
        transaction.execute(
            "insert into runs values (?1, ?2, ?2) on conflict (account) \
             do update set run = ?2, longest = max(longest, ?2)",
            (account, run),
        )?;
        Ok(())
    }
}

#[test]
fn a_projection_in_the_transaction_reads_before_it_writes() {
    let deposit = || MoneyDeposited { amount: 1 };
    let opened = || AccountOpened { initial_deposit: 1 };
    let events = [
        ("account-1", deposit()),
        ("account-2", deposit()),
        ("account-1", deposit()),
        ("account-1", opened()),
        ("account-1", deposit()),
    ];
    let read = project_streams(InTransaction(Runs), events);
    assert_eq!(read.rows("select longest, run from runs order by account"), [[2, 1], [1, 1]]);
}
