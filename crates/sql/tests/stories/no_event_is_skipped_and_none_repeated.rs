//! Concurrent writers, restarts with other partitions, failures of events and of the place: the
//! rows are those of a fresh build, one by one.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::bank::{
    AccountEvent, AccountOpened, Balances, MoneyDeposited, MoneyWithdrawn, fresh_rows, happens,
    quick, rows,
};
use hitherto::{Projection, Projector, Recorded, Sql, Store, wait};
use hitherto_sql::Sqlite;
use rusqlite::Connection;

const WRITERS: u64 = 3;
const EVENTS: u64 = 400;

/// The balances, with a failure now and then: a refusal, a panic, a statement that is wrong after
/// others were right.
#[derive(Clone, Default)]
struct Shaky(Arc<AtomicU64>);

impl Projection for Shaky {
    const NAME: &'static str = Balances::NAME;
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        Balances.tables()
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let turn = self.0.fetch_add(1, Ordering::Relaxed);
        Balances.project(event, sql);
        match turn % 97 {
            13 => sql.refuse("not now"),
            41 => panic!("stumbled"),
            77 => sql.run("insert into nowhere values (?)", (turn,)),
            _ => {}
        }
    }
}

#[test]
fn whatever_fails_and_whoever_restarts_the_rows_are_those_of_a_fresh_build() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    let store = Store::in_memory();
    let shaky = Shaky::default();
    let start = |partitions| {
        let sqlite = Sqlite::open(&path).unwrap();
        let starting = Projector::start(&store, sqlite, shaky.clone());
        wait(starting.settings(quick(partitions)).batch(50).into_future()).unwrap()
    };
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                let account = |turn: u64| writer + WRITERS * (turn % 7);
                for turn in 0..EVENTS {
                    let event = match turn {
                        0..7 => AccountOpened { initial_deposit: turn },
                        turn if turn % 5 == 0 => MoneyWithdrawn { amount: turn },
                        turn => MoneyDeposited { amount: turn },
                    };
                    happens(store, account(turn), &event);
                }
            });
        }
        for (round, partitions) in [1, 4, 2, 5, 3].into_iter().enumerate() {
            let projector = start(partitions);
            let goal = hitherto::Position((round as u64 + 1) * WRITERS * EVENTS / 6);
            wait(projector.reached(goal)).unwrap();
            if round % 2 == 0 {
                projector.stop();
            } // else it is dropped, or taken over from
        }
    });
    let projector = start(2);
    wait(projector.catch_up()).unwrap();
    while let Some(parked) = projector.parked().unwrap().first() {
        wait(projector.retry(parked.position)).unwrap();
    }
    let status = wait(projector.catch_up()).unwrap();
    assert!(status.errors > 0, "something has failed");
    assert_eq!((status.handled, status.parked), (WRITERS * EVENTS, 0));
    assert_eq!(rows(&Sqlite::open(&path).unwrap()), fresh_rows(&store));
}

/// The balances in a database of their own, where each is written at once: apart from the position.
#[derive(Clone)]
struct Apart(Shaky, Arc<Mutex<Connection>>);

impl Projection for Apart {
    const NAME: &'static str = Balances::NAME;
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        Balances.tables()
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let (account, cents) = (event.stream_id(), crate::bank::cents_of(&event.data));
        let beside = self.1.lock().unwrap();
        beside.execute("insert or ignore into balances values (?, 0)", [account]).unwrap();
        let update = "update balances set cents = cents + ? where account = ?";
        beside.execute(update, (cents, account)).unwrap();
        drop(beside);
        self.0.project(event, sql);
    }
}

#[test]
fn committing_the_position_apart_from_the_rows_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let (store, beside) = (Store::in_memory(), directory.path().join("beside.db"));
    crate::bank::some_life(&store, 5, 300);
    let connection = Connection::open(&beside).unwrap();
    connection.execute_batch(Balances.tables()).unwrap();
    let apart = Apart(Shaky::default(), Arc::new(Mutex::new(connection)));
    let sqlite = Sqlite::open(directory.path().join("read.db")).unwrap();
    let starting = Projector::start(&store, sqlite.clone(), apart).settings(quick(2));
    let projector = wait(starting.into_future()).unwrap();
    wait(projector.catch_up()).unwrap();
    while let Some(parked) = projector.parked().unwrap().first() {
        wait(projector.retry(parked.position)).unwrap();
    }
    let (fresh, _) = fresh_rows(&store);
    let balances = |of: &Sqlite| of.rows("select * from balances order by account").unwrap();
    assert_eq!(balances(&sqlite), fresh, "rows that are committed with the position are right");
    assert_ne!(balances(&Sqlite::open(&beside).unwrap()), fresh, "and those apart from it are not");
}
