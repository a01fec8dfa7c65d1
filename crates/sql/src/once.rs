//! Which events were handled: for handlers whose own rows are in the database, and who may get an
//! event more than once.

use hitherto::EventId;
use rusqlite::{Result, Transaction, params};

const TABLE: &str = "create table if not exists handled_events (
    handler text not null,
    event text not null,
    number integer not null,
    primary key (handler, event)
) without rowid;
create unique index if not exists handled_events_by_number on handled_events (handler, number);";

/// Whether an event is handled for the first time by this handler, as far as the last so many
/// events can tell. Remembered if the transaction is committed, and then with all that it does.
///
/// ```
/// use hitherto::EventId;
/// use hitherto_sql::{handled_once, rusqlite::Connection};
///
/// let mut connection = Connection::open_in_memory()?; // your own
/// let event = EventId::new();
/// for delivery in 1..=2 {
///     let transaction = connection.transaction()?;
///     if handled_once(&transaction, "invoices", event, 10_000)? {
///         assert_eq!(delivery, 1); // write the invoice in the same transaction
///     }
///     transaction.commit()?;
/// }
/// # Ok::<(), hitherto_sql::rusqlite::Error>(())
/// ```
///
/// # Errors
/// What SQLite said.
pub fn handled_once(
    transaction: &Transaction<'_>,
    handler: &str,
    event: EventId,
    remembered: u32,
) -> Result<bool> {
    transaction.execute_batch(TABLE)?;
    let last: i64 = transaction.query_row(
        "select coalesce(max(number), 0) from handled_events where handler = ?",
        [handler],
        |row| row.get(0),
    )?;
    let number = last + 1;
    let inserted = transaction.execute(
        "insert or ignore into handled_events values (?, ?, ?)",
        params![handler, event.to_string(), number],
    )?;
    if inserted == 0 {
        return Ok(false);
    }
    transaction.execute(
        "delete from handled_events where handler = ? and number <= ?",
        params![handler, number - i64::from(remembered.max(1))],
    )?;
    Ok(true)
}
