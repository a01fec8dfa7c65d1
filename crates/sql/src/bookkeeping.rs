//! The tables beside the read models: which version is there, how far it has come, what is parked.

use hitherto::runner::{Order, Parked, Progress, Tally, Work, partition_of};
use hitherto::{EventId, Position, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params};

/// Of the tables' own shape.
pub(crate) const FORMAT: i64 = 1;

const TABLES: &str = "
create table if not exists hitherto_format (format integer not null);
create table if not exists hitherto_projections (
    name text primary key,
    version integer not null,
    epoch integer not null,
    held integer not null default 0,
    tables text not null
) without rowid;
create table if not exists hitherto_checkpoints (
    name text not null,
    partition integer not null,
    position integer not null,
    handled integer not null,
    errors integer not null,
    updated_at integer not null,
    primary key (name, partition)
) without rowid;
create table if not exists hitherto_parked (
    name text not null,
    position integer not null,
    event text not null,
    kind text not null,
    key text not null,
    error text not null,
    attempts integer not null,
    since integer not null,
    ordered text,
    primary key (name, position)
) without rowid;
create table if not exists hitherto_objects (
    object text primary key,
    name text not null
) without rowid;
insert into hitherto_format select 1 where not exists (select 1 from hitherto_format);
";

/// The tables that are ours.
pub(crate) const OURS: &str = "hitherto_";

/// What is kept of a projection in a file.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) version: u32,
    /// Raised by each that opens it: only the last may commit.
    pub(crate) epoch: i64,
    /// Whether it takes the place of what is read only when it is told to.
    pub(crate) held: bool,
    /// The statements that made its tables.
    pub(crate) tables: String,
}

/// Makes the tables, and says which format they have.
pub(crate) fn create(connection: &Connection) -> Result<i64> {
    connection.execute_batch(TABLES)?;
    connection.query_row("select format from hitherto_format", [], |row| row.get(0))
}

/// Whether a file has these tables at all.
pub(crate) fn exist(connection: &Connection) -> Result<bool> {
    let query = "select count(*) from sqlite_schema where name = 'hitherto_projections'";
    connection.query_row(query, [], |row| Ok(row.get::<_, i64>(0)? == 1))
}

pub(crate) fn entry(connection: &Connection, name: &str) -> Result<Option<Entry>> {
    let query = "select version, epoch, held, tables from hitherto_projections where name = ?";
    let read = |row: &Row<'_>| {
        let (version, epoch) = (row.get(0)?, row.get(1)?);
        Ok(Entry { version, epoch, held: row.get(2)?, tables: row.get(3)? })
    };
    connection.prepare_cached(query)?.query_row([name], read).optional()
}

pub(crate) fn set_entry(connection: &Connection, name: &str, entry: &Entry) -> Result<()> {
    let statement = "insert or replace into hitherto_projections values (?, ?, ?, ?, ?)";
    let values = params![name, entry.version, entry.epoch, entry.held, entry.tables];
    connection.execute(statement, values).map(drop)
}

pub(crate) fn names(connection: &Connection) -> Result<Vec<String>> {
    let mut query = connection.prepare("select name from hitherto_projections order by name")?;
    let names = query.query_map([], |row| row.get(0))?;
    names.collect()
}

/// Positions and tallies of all partitions, and when the last commit was.
pub(crate) fn partitions(
    connection: &Connection,
    name: &str,
) -> Result<Vec<(Position, Tally, Timestamp)>> {
    let query = "select position, handled, errors, updated_at from hitherto_checkpoints \
                 where name = ? order by partition";
    let read = |row: &Row<'_>| {
        let tally = Tally { handled: unsigned(row, 1)?, errors: unsigned(row, 2)? };
        Ok((Position(unsigned(row, 0)?), tally, Timestamp::from_nanos(row.get(3)?)))
    };
    let mut query = connection.prepare_cached(query)?;
    let partitions = query.query_map([name], read)?;
    partitions.collect()
}

/// So many partitions from now on, all at one position. What was counted stays counted.
pub(crate) fn spread(
    connection: &Connection,
    name: &str,
    partitions: u32,
    position: Position,
    now: Timestamp,
) -> Result<()> {
    let before = self::partitions(connection, name)?;
    let sum =
        |count: fn(&Tally) -> u64| before.iter().map(|(_, tally, _)| count(tally)).sum::<u64>();
    let (handled, errors) = (sum(|tally| tally.handled), sum(|tally| tally.errors));
    connection.execute("delete from hitherto_checkpoints where name = ?", [name])?;
    for partition in 0..partitions {
        let (handled, errors) = if partition == 0 { (handled, errors) } else { (0, 0) };
        let values = params![
            name,
            partition,
            signed(position.0),
            signed(handled),
            signed(errors),
            now.as_nanos()
        ];
        connection.execute("insert into hitherto_checkpoints values (?, ?, ?, ?, ?, ?)", values)?;
    }
    Ok(())
}

/// Writes down what a piece of work has done, beside its rows.
pub(crate) fn keep(
    connection: &Connection,
    name: &str,
    partition: u32,
    work: &Work<'_>,
    now: Timestamp,
) -> Result<()> {
    for position in work.release {
        let statement = "delete from hitherto_parked where name = ? and position = ?";
        connection.prepare_cached(statement)?.execute(params![name, signed(position.0)])?;
    }
    for parked in work.park {
        park(connection, name, parked)?;
    }
    let statement = "update hitherto_checkpoints \
                     set position = ?, handled = ?, errors = ?, updated_at = ? \
                     where name = ? and partition = ?";
    let (handled, errors) = (signed(work.tally.handled), signed(work.tally.errors));
    let values = params![signed(work.up_to.0), handled, errors, now.as_nanos(), name, partition];
    match connection.prepare_cached(statement)?.execute(values)? {
        1 => Ok(()),
        _ => Err(rusqlite::Error::StatementChangedRows(0)),
    }
}

fn park(connection: &Connection, name: &str, parked: &Parked) -> Result<()> {
    let statement = "insert or replace into hitherto_parked values (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let values = params![
        name,
        signed(parked.position.0),
        parked.event.to_string(),
        parked.kind,
        parked.key,
        parked.error,
        parked.attempts,
        parked.since.as_nanos(),
        parked.order.map(Order::as_str),
    ];
    connection.prepare_cached(statement)?.execute(values).map(drop)
}

/// What is parked, in order; only that for which there is an order, if that is asked for.
pub(crate) fn parked(connection: &Connection, name: &str, ordered: bool) -> Result<Vec<Parked>> {
    let query = "select position, event, kind, key, error, attempts, since, ordered \
                 from hitherto_parked where name = ? and (ordered is not null or not ?) \
                 order by position";
    let read = |row: &Row<'_>| {
        let (event, order) = (row.get::<_, String>(1)?, row.get::<_, Option<String>>(7)?);
        Ok(Parked {
            position: Position(unsigned(row, 0)?),
            event: event.parse().unwrap_or(EventId::from_u128(0)),
            kind: row.get(2)?,
            key: row.get(3)?,
            error: row.get(4)?,
            attempts: row.get(5)?,
            since: Timestamp::from_nanos(row.get(6)?),
            order: order.as_deref().and_then(Order::from_word),
        })
    };
    let mut query = connection.prepare_cached(query)?;
    let parked = query.query_map(params![name, ordered], read)?;
    parked.collect()
}

/// Leaves an order. Says whether something is parked there.
pub(crate) fn order(
    connection: &Connection,
    name: &str,
    position: Position,
    order: Order,
) -> Result<bool> {
    let statement = "update hitherto_parked set ordered = ? where name = ? and position = ?";
    let changed =
        connection.execute(statement, params![order.as_str(), name, signed(position.0)])?;
    Ok(changed == 1)
}

/// What is kept of one partition.
pub(crate) fn progress(
    connection: &Connection,
    name: &str,
    partition: u32,
    partitions: u32,
) -> Result<Progress> {
    let kept = self::partitions(connection, name)?;
    let (position, tally) =
        kept.get(partition as usize).map(|(at, tally, _)| (*at, *tally)).unwrap_or_default();
    let mut parked = parked(connection, name, false)?;
    parked.retain(|parked| partition_of(&parked.key, partitions) == partition);
    Ok(Progress { position, parked, tally })
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row<'_>, column: usize) -> Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}
