//! A rebuild without downtime: beside, compared, switched in one transaction, rolled back.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod bank;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bank::{
    AccountOpened, Balances, BalancesWithMoves, MoneyDeposited, fresh, fresh_rows, happens, quick,
    rows, some_life,
};
use hitherto::checkpoints::Checkpoints;
use hitherto::projection::{Definition, KeptModels as _, Value};
use hitherto::runner::{Ended, State, follow};
use hitherto::{Projection, Projector, Query, Recorded, Sql, Store, StoredEvent, wait};
use hitherto_sql::{ReadModels, Sqlite, Standing};

type Running = Projector<Sqlite>;

fn start<P: Projection>(store: &Store, sqlite: Sqlite, projection: P) -> Running
where
    Sqlite: hitherto::projection::Place<P>,
{
    let starting = Projector::start(store, sqlite, projection).settings(quick(3));
    wait(starting.into_future()).unwrap()
}

fn with_moves(sqlite: &Sqlite) -> Vec<Vec<Value>> {
    sqlite.rows("select * from balances order by account").unwrap()
}

fn standings(path: &Path) -> Vec<(u32, Standing)> {
    let list = ReadModels::of(path).unwrap().list().unwrap();
    list.into_iter().map(|kept| (kept.version, kept.standing)).collect()
}

/// Also while events come faster than they can be handled.
#[test]
fn it_takes_over_when_it_has_caught_up_and_the_old_one_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    let store = Store::in_memory();
    some_life(&store, 9, 300);
    let old = start(&store, Sqlite::open(&path).unwrap(), Balances);
    wait(old.catch_up()).unwrap();

    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                happens(&store, 3, &MoneyDeposited { amount: 1 });
            }
        });
        scope.spawn(|| {
            // Whoever reads meanwhile sees one version or the other, whole.
            let reader = Sqlite::open(&path).unwrap();
            while !is_over.load(Ordering::SeqCst) {
                assert_eq!(reader.rows("select count(*) from balances").unwrap(), [[9]]);
            }
        });
        let new = start(&store, Sqlite::open(&path).unwrap(), BalancesWithMoves);
        wait(new.catch_up()).unwrap();
        assert_eq!(wait(old.ended()), Ended::Superseded { by: 2 });
        is_over.store(true, Ordering::SeqCst);
        new.stop();
    });
    assert_eq!(standings(&path), [(2, Standing::Live), (1, Standing::Before)]);

    let sqlite = Sqlite::open(&path).unwrap();
    let new = start(&store, sqlite.clone(), BalancesWithMoves);
    wait(new.catch_up()).unwrap();
    assert_eq!(with_moves(&sqlite), with_moves(&fresh(&store, BalancesWithMoves)));
    let rich = |sqlite: &Sqlite| sqlite.rows("select account from rich order by 1").unwrap();
    assert_eq!(rich(&sqlite), rich(&fresh(&store, BalancesWithMoves)), "its view came along");

    let again = Projector::start(&store, Sqlite::open(&path).unwrap(), Balances);
    let error = wait(again.into_future()).unwrap_err();
    assert!(error.to_string().contains("superseded by version 2"), "{error}");
}

#[test]
fn by_hand_it_is_compared_switched_and_rolled_back_while_it_runs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    let store = Store::in_memory();
    some_life(&store, 4, 40);
    let sqlite = Sqlite::open(&path).unwrap();
    let old = start(&store, sqlite.clone(), Balances);
    wait(old.catch_up()).unwrap();
    let new = start(&store, sqlite.clone().switch_by_hand(), BalancesWithMoves);
    let status = wait(new.catch_up()).unwrap();
    assert_eq!((status.position, status.state), (status.head, State::Ready));
    assert_eq!(standings(&path), [(1, Standing::Live), (2, Standing::Held)]);

    let models = ReadModels::of(&path).unwrap();
    let compared = models.compare("balances", None).unwrap();
    assert_eq!(compared.live_position, compared.beside_position);
    let balances = compared.tables.iter().find(|table| table.table == "balances").unwrap();
    assert_eq!((balances.only_live, balances.only_beside), (0, 0));
    assert_eq!(balances.other_columns, ["moves"]);

    assert_eq!(models.switch("balances", None).unwrap(), 2);
    for _ in 0..2 {
        let position = happens(&store, 1, &MoneyDeposited { amount: 5 });
        wait(new.reached(position)).unwrap();
    }
    assert_eq!(new.status().state, State::Live, "it goes on in the main file");
    assert_eq!(with_moves(&sqlite), with_moves(&fresh(&store, BalancesWithMoves)));
    assert_eq!(wait(old.ended()), Ended::Superseded { by: 2 });

    assert_eq!(models.roll_back("balances").unwrap(), 1);
    happens(&store, 2, &MoneyDeposited { amount: 7 });
    assert_eq!(wait(new.ended()), Ended::Superseded { by: 1 });
    assert_eq!(standings(&path), [(1, Standing::Live), (2, Standing::Held)]);
    let old = start(&store, sqlite.clone(), Balances);
    wait(old.catch_up()).unwrap();
    assert_eq!(rows(&sqlite), fresh_rows(&store), "it goes on where it was");

    let new = start(&store, sqlite.clone(), BalancesWithMoves);
    assert_eq!(wait(new.catch_up()).unwrap().state, State::Ready, "held until it is told to");
    assert_eq!(models.switch("balances", None).unwrap(), 2);
    wait(new.reached(happens(&store, 0, &MoneyDeposited { amount: 1 }))).unwrap();
    assert_eq!(with_moves(&sqlite), with_moves(&fresh(&store, BalancesWithMoves)));
}

/// A version that counts a deposit twice.
struct Wrong;

impl Projection for Wrong {
    const NAME: &'static str = "balances";
    const VERSION: u32 = 2;
    type Event = bank::AccountEvent;

    fn tables(&self) -> &'static str {
        Balances.tables()
    }

    fn project(&self, event: &Recorded<bank::AccountEvent>, sql: &mut Sql) {
        Balances.project(event, sql);
        if let MoneyDeposited { amount } = &event.data {
            let account = event.stream_id();
            sql.run("update balances set cents = cents + ? where account = ?", (amount, account));
        }
    }
}

#[test]
fn rows_that_differ_are_shown_before_the_switch() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    let store = Store::in_memory();
    happens(&store, 1, &AccountOpened { initial_deposit: 10 });
    happens(&store, 2, &AccountOpened { initial_deposit: 20 });
    happens(&store, 2, &MoneyDeposited { amount: 5 });
    let sqlite = Sqlite::open(&path).unwrap().switch_by_hand();
    wait(start(&store, sqlite.clone(), Balances).catch_up()).unwrap();
    wait(start(&store, sqlite, Wrong).catch_up()).unwrap();
    let compared = ReadModels::of(&path).unwrap().compare("balances", Some(2)).unwrap();
    assert!(!compared.is_same());
    let balances = &compared.tables[0];
    assert_eq!((balances.live_rows, balances.only_live, balances.only_beside), (2, 1, 1));
    assert_eq!(balances.live_examples, [[Value::from("2"), Value::from(25)]]);
    assert_eq!(balances.beside_examples, [[Value::from("2"), Value::from(30)]]);
    assert!(compared.tables[1].is_same(), "the moves are the same");
}

#[test]
fn a_rebuild_has_no_effect_outside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    let store = Store::in_memory();
    some_life(&store, 3, 30);
    let mails = Arc::new(AtomicU64::new(0));
    let sent = Arc::clone(&mails);
    let target = Checkpoints::in_memory().of("mails", move |_: &StoredEvent| {
        sent.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let definition = Definition::new("mails", 1, Query::all());
    let reaction = follow(&store, definition, target.unwrap(), quick(1)).unwrap();
    wait(reaction.catch_up()).unwrap();
    wait(start(&store, Sqlite::open(&path).unwrap(), Balances).catch_up()).unwrap();
    wait(start(&store, Sqlite::open(&path).unwrap(), BalancesWithMoves).catch_up()).unwrap();
    wait(reaction.catch_up()).unwrap();
    assert_eq!(standings(&path)[0], (2, Standing::Live));
    assert_eq!(mails.load(Ordering::SeqCst), 33, "each event once, whatever was built anew");
}

/// A version that cannot take a deposit of 7.
struct Picky;

impl Projection for Picky {
    const NAME: &'static str = "balances";
    const VERSION: u32 = 2;
    type Event = bank::AccountEvent;

    fn tables(&self) -> &'static str {
        Balances.tables()
    }

    fn project(&self, event: &Recorded<bank::AccountEvent>, sql: &mut Sql) {
        match event.data {
            MoneyDeposited { amount: 7 } => sql.refuse("7 is not a number"),
            _ => Balances.project(event, sql),
        }
    }
}

#[test]
fn a_version_with_parked_events_does_not_take_over_until_they_are_settled() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    let store = Store::in_memory();
    happens(&store, 1, &AccountOpened { initial_deposit: 10 });
    let seven = happens(&store, 1, &MoneyDeposited { amount: 7 });
    let sqlite = Sqlite::open(&path).unwrap();
    wait(start(&store, sqlite.clone(), Balances).catch_up()).unwrap();
    let picky = start(&store, sqlite, Picky);
    assert_eq!(wait(picky.catch_up()).unwrap().parked, 1);
    assert_eq!(standings(&path)[0], (1, Standing::Live));
    wait(picky.skip(seven)).unwrap();
    wait(picky.reached(happens(&store, 2, &AccountOpened { initial_deposit: 1 }))).unwrap();
    assert_eq!(standings(&path)[0], (2, Standing::Live));
}
