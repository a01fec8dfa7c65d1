//! Two processors of one name: the one that came last goes on, the other one stops, and the rows
//! are exact.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use crate::bank::{Balances, MoneyDeposited, fresh_rows, happens, quick, rows, some_life};
use hitherto::runner::Ended;
use hitherto::{Projector, Store, wait};
use hitherto_sql::Sqlite;

#[test]
fn the_one_that_came_last_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read.db");
    let store = Store::in_memory();
    some_life(&store, 5, 200);
    let mut last: Option<Projector<Sqlite>> = None;
    for partitions in [1, 3, 2, 4] {
        let sqlite = Sqlite::open(&path).unwrap(); // as if it were another process
        let starting = Projector::start(&store, sqlite, Balances).settings(quick(partitions));
        let next = wait(starting.into_future()).unwrap();
        let position = happens(&store, 1, &MoneyDeposited { amount: 1 });
        wait(next.reached(position)).unwrap();
        if let Some(before) = last.replace(next) {
            assert_eq!(wait(before.ended()), Ended::TakenOver);
        }
    }
    assert_eq!(rows(&Sqlite::open(&path).unwrap()), fresh_rows(&store));
}
