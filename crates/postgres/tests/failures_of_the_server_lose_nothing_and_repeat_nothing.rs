//! While several write, the server kills connections, cancels statements and lets transactions
//! fail: what is built in the end is what a fresh build gives, row by row, and nothing is parked.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{
    Balances, Database, Random, Session, assert_is_as_built_afresh, move_money, open_accounts,
    quick,
};
use hitherto::{Projector, Store, wait};
use hitherto_postgres::Postgres;

const ACCOUNTS: u64 = 12;
const ROUNDS: u64 = 30;

/// One of the connections of this database's projection, to do something to.
fn one_of_them(database: &Database, what: &str) -> String {
    let name = database.url.rsplit('/').next().unwrap();
    format!(
        "select {what}(pid) from pg_stat_activity where datname = '{name}' \
         and application_name like 'hitherto balances 1 partition%' order by random() limit 1"
    )
}

/// Does things to the server until it has done enough of them.
fn disturb(database: &Database, random: &mut Random) -> [u64; 3] {
    let mut session = database.session();
    let mut done = [0; 3];
    while done.iter().any(|&times| times < ROUNDS / 3) {
        let sort = random.below(3) as usize;
        done[sort] += match sort {
            0 => session.rows(&one_of_them(database, "pg_terminate_backend")).len() as u64,
            1 => session.rows(&one_of_them(database, "pg_cancel_backend")).len() as u64,
            _ => wait_for_a_timeout(&mut session),
        };
    }
    done
}

/// Holds what every commit needs until one has waited too long for it.
fn wait_for_a_timeout(session: &mut Session) -> u64 {
    session.run("begin; lock table balances.movements in share mode");
    let since = loop {
        let rows = session.rows("select min(waitstart) from pg_locks where not granted");
        match rows[0][0].as_str() {
            "null" => std::thread::yield_now(),
            since => break since.to_owned(),
        }
    };
    let still_waits =
        format!("select count(*) from pg_locks where not granted and waitstart = '{since}'");
    while session.number(&still_waits) > 0 {
        std::thread::yield_now();
    }
    session.run("commit");
    1
}

#[test]
fn whatever_the_server_does_the_read_model_is_exact() {
    let Some(database) = Database::new("a server that fails now and then") else { return };
    let (store, is_over) = (Store::in_memory(), AtomicBool::new(false));
    open_accounts(&store, ACCOUNTS);
    // Concurrent partitions fail each other's transactions, and long waits are cut short.
    let url = database.user_with("default_transaction_isolation = 'serializable'");
    let place = Postgres::connect(&url).unwrap();
    let starting = Projector::start(&store, place, Balances).settings(quick(3));
    let balances = wait(starting.into_future()).unwrap();
    wait(balances.catch_up()).unwrap();
    database.let_user_have("statement_timeout = 150");
    // That is for new connections: one that nobody kills would wait for a lock for ever.
    let all = one_of_them(&database, "pg_terminate_backend").replace("limit 1", "");
    assert_eq!(database.rows(&all).len(), 3, "each partition has one");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut random = Random::new();
                while !is_over.load(Ordering::Relaxed) {
                    move_money(&store, ACCOUNTS, 5, &mut random);
                    wait(balances.catch_up()).unwrap();
                }
            });
        }
        let done = disturb(&database, &mut Random::new());
        is_over.store(true, Ordering::Relaxed);
        println!("connections killed, statements cancelled, timeouts: {done:?}");
    });
    let status = wait(balances.catch_up()).unwrap();
    assert!(status.errors >= ROUNDS / 3, "it was noticed: {status:?}");
    assert_eq!((status.parked, status.handled), (0, status.position.0), "{status:?}");
    assert_is_as_built_afresh(&store, &database);
}
