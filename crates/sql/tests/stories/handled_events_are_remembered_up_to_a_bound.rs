//! The table of handled events: an event is handled once, by each handler, and the table does not
//! grow for ever.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use hitherto::EventId;
use hitherto_sql::handled_once;
use rusqlite::Connection;

/// Whether this handler is the first time told of this event; kept, or rolled back.
fn handle(connection: &mut Connection, handler: &str, event: u128, keep: bool) -> bool {
    let transaction = connection.transaction().unwrap();
    let first = handled_once(&transaction, handler, EventId::from_u128(event), 100).unwrap();
    if keep {
        transaction.commit().unwrap();
    }
    first
}

#[test]
fn once_by_each_handler_and_only_if_it_was_kept() {
    let mut connection = Connection::open_in_memory().unwrap();
    assert!(handle(&mut connection, "a", 1, false));
    assert!(handle(&mut connection, "a", 1, true), "the first time was rolled back");
    assert!(!handle(&mut connection, "a", 1, true));
    assert!(handle(&mut connection, "b", 1, true));
}

#[test]
fn the_last_hundred_are_remembered() {
    let mut connection = Connection::open_in_memory().unwrap();
    for event in 0..250 {
        assert!(handle(&mut connection, "a", event, true));
    }
    let count = |connection: &Connection| {
        let count = "select count(*) from handled_events";
        connection.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(count(&connection), 100);
    assert!((150..250).all(|event| !handle(&mut connection, "a", event, true)));
    assert_eq!(count(&connection), 100, "a repetition makes no room for itself");
    assert!(handle(&mut connection, "a", 149, true), "forgotten");
}
