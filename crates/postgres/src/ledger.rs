//! What is kept beside the tables of projections: which versions there are, how far each partition
//! has come, what is parked.

use hitherto::projection::Value;
use hitherto::runner::{Order, Parked, Tally};
use hitherto::{Error, EventId, Position, Timestamp};
use tokio_postgres::Row;

use crate::connection::Connection;
use crate::failure::Trouble;

/// The schema of the ledger.
const MAKE: &str = "\
create schema if not exists hitherto;
create table if not exists hitherto.format (version int4 primary key);
insert into hitherto.format select 1 where not exists (select from hitherto.format);
create table if not exists hitherto.followers (
    name text not null,
    version int4 not null,
    state text not null check (state in ('live', 'beside', 'kept')),
    held bool not null default false,
    epoch int8 not null,
    home text not null,
    tables text not null,
    primary key (name, version)
);
create table if not exists hitherto.partitions (
    name text not null,
    version int4 not null,
    number int4 not null,
    epoch int8 not null,
    home text not null,
    commits int8 not null,
    position int8 not null,
    handled int8 not null,
    errors int8 not null,
    at timestamptz not null default clock_timestamp(),
    primary key (name, version, number),
    foreign key (name, version) references hitherto.followers on delete cascade
);
create table if not exists hitherto.parked (
    name text not null,
    version int4 not null,
    position int8 not null,
    event text not null,
    kind text not null,
    key text not null,
    error text not null,
    attempts int8 not null,
    since int8 not null,
    wish text check (wish in ('retry', 'skip')),
    primary key (name, version, position),
    foreign key (name, version) references hitherto.followers on delete cascade
)";

const FORMAT: i32 = 1;
/// Two that make the ledger at the same time would be in each other's way.
const ONE_AT_A_TIME: &str = "select pg_advisory_xact_lock(hashtext('hitherto'), hashtext(?))";

pub(crate) const PARK: &str = "insert into hitherto.parked \
    (name, version, position, event, kind, key, error, attempts, since, wish) \
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (name, version, position) do update set \
    event = excluded.event, kind = excluded.kind, key = excluded.key, error = excluded.error, \
    attempts = excluded.attempts, since = excluded.since, wish = excluded.wish";

pub(crate) const RELEASE: &str =
    "delete from hitherto.parked where name = ? and version = ? and position = ?";

/// Moves a partition on, if nobody else has moved it since, or opened it, or moved its tables.
pub(crate) const MOVE_ON: &str = "update hitherto.partitions set commits = commits + 1, \
    position = ?, handled = ?, errors = ?, at = clock_timestamp() where name = ? and version = ? \
    and number = ? and epoch = ? and commits = ? and home = ?";

/// A version of a projection.
#[derive(Debug, Clone)]
pub(crate) struct Follower {
    pub(crate) name: String,
    pub(crate) version: u32,
}

impl Follower {
    /// Name and version, as the first values of a statement.
    pub(crate) fn values(&self) -> Vec<Value> {
        vec![text(&self.name), number(self.version)]
    }

    /// With more values behind them.
    pub(crate) fn values_and(&self, more: impl IntoIterator<Item = Value>) -> Vec<Value> {
        self.values().into_iter().chain(more).collect()
    }
}

/// A row of the followers.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) number: u32,
    pub(crate) state: String,
    pub(crate) held: bool,
    pub(crate) epoch: i64,
    pub(crate) home: String,
    pub(crate) tables: String,
}

/// How far a partition has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mark {
    pub(crate) epoch: i64,
    pub(crate) home: String,
    pub(crate) commits: i64,
    pub(crate) position: Position,
    pub(crate) tally: Tally,
}

pub(crate) fn number(number: u32) -> Value {
    Value::Integer(number.into())
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Positions and counts that databases can keep: they are below 2^63.
pub(crate) fn count(count: u64) -> Value {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

/// Makes what is not there yet, and refuses what a later version has made.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), Trouble> {
    connection.transaction(|connection| {
        lock(connection, "")?;
        connection.batch(MAKE)?;
        let format = connection.query("select version from hitherto.format", &[])?;
        match format.first().map(|row| row.get::<_, i32>(0)) {
            Some(FORMAT) => Ok(()),
            other => Err(Trouble::Statement(Error::invalid(format!(
                "the schema hitherto has format {other:?}, and this is format {FORMAT}: use the version of \
                 hitherto that has made it, or a later one"
            )))),
        }
    })
}

/// Lets nobody else work on the versions of a name, until the transaction ends.
pub(crate) fn lock(connection: &mut Connection, name: &str) -> Result<(), Trouble> {
    connection.query(ONE_AT_A_TIME, &[text(name)]).map(drop)
}

/// All versions of a name.
pub(crate) fn versions(connection: &mut Connection, name: &str) -> Result<Vec<Version>, Trouble> {
    let select = "select version, state, held, epoch, home, tables from hitherto.followers \
                where name = ? order by version for update";
    let rows = connection.query(select, &[text(name)])?;
    Ok(rows.iter().map(version_of).collect())
}

fn version_of(row: &Row) -> Version {
    Version {
        number: row.get::<_, i32>(0).unsigned_abs(),
        state: row.get(1),
        held: row.get(2),
        epoch: row.get(3),
        home: row.get(4),
        tables: row.get(5),
    }
}

/// How far the partitions have come, in order.
pub(crate) fn marks(
    connection: &mut Connection,
    follower: &Follower,
) -> Result<Vec<Mark>, Trouble> {
    let text = "select epoch, home, commits, position, handled, errors from hitherto.partitions \
                where name = ? and version = ? order by number";
    let rows = connection.query(text, &follower.values())?;
    Ok(rows.iter().map(mark_of).collect())
}

/// How far one partition has come, if it is there.
pub(crate) fn mark(
    connection: &mut Connection,
    follower: &Follower,
    partition: u32,
) -> Result<Option<Mark>, Trouble> {
    let text = "select epoch, home, commits, position, handled, errors from hitherto.partitions \
                where name = ? and version = ? and number = ?";
    let rows = connection.query(text, &follower.values_and([number(partition)]))?;
    Ok(rows.first().map(mark_of))
}

fn mark_of(row: &Row) -> Mark {
    let count = |index: usize| row.get::<_, i64>(index).unsigned_abs();
    Mark {
        epoch: row.get(0),
        home: row.get(1),
        commits: row.get(2),
        position: Position(count(3)),
        tally: Tally { handled: count(4), errors: count(5) },
    }
}

/// What is parked of a version, in order.
pub(crate) fn parked(
    connection: &mut Connection,
    follower: &Follower,
) -> Result<Vec<Parked>, Trouble> {
    let text = "select position, event, kind, key, error, attempts, since, wish \
                from hitherto.parked where name = ? and version = ? order by position";
    let rows = connection.query(text, &follower.values())?;
    rows.iter().map(parked_of).collect()
}

fn parked_of(row: &Row) -> Result<Parked, Trouble> {
    let event = row.get::<_, &str>(1);
    Ok(Parked {
        position: Position(row.get::<_, i64>(0).unsigned_abs()),
        event: event.parse::<EventId>().map_err(Trouble::Statement)?,
        kind: row.get(2),
        key: row.get(3),
        error: row.get(4),
        attempts: u32::try_from(row.get::<_, i64>(5)).unwrap_or(u32::MAX),
        since: Timestamp::from_nanos(row.get(6)),
        order: row.get::<_, Option<&str>>(7).and_then(Order::from_word),
    })
}

/// The values of [`PARK`].
pub(crate) fn parking(follower: &Follower, parked: &Parked) -> Vec<Value> {
    follower.values_and([
        count(parked.position.0),
        text(&parked.event.to_string()),
        text(&parked.kind),
        text(&parked.key),
        // It is there to be read, and may quote what no database takes as text.
        text(&parked.error.replace('\0', "\u{fffd}")),
        number(parked.attempts),
        Value::Integer(parked.since.as_nanos()),
        parked.order.map_or(Value::Null, |order| text(order.as_str())),
    ])
}

/// Leaves an order for a parked event. Says whether there is one.
pub(crate) fn order(
    connection: &mut Connection,
    follower: &Follower,
    position: Position,
    order: Order,
) -> Result<bool, Trouble> {
    let update = "update hitherto.parked set wish = ? \
                  where name = ? and version = ? and position = ?";
    let values = [vec![text(order.as_str())], follower.values(), vec![count(position.0)]].concat();
    Ok(connection.execute(update, &values)? > 0)
}
