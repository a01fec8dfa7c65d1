//! Looking at what a database keeps, and changing it, from outside: what the command line does.

use std::sync::Arc;

use hitherto::projection::{Comparison, Kept, KeptModels, Standing};
use hitherto::runner::{Order, Parked};
use hitherto::{Error, Position, Result, Timestamp};
use tokio_postgres::Row;

use crate::Postgres;
use crate::compare::compare;
use crate::connection::Connection;
use crate::failure::Trouble;
use crate::ledger::{self, Follower, Version};
use crate::server::Server;
use crate::versions::{self, BESIDE, KEPT, LIVE};

/// The read models of a database, and what is kept with them: also while they are in use.
///
/// ```no_run
/// use hitherto::projection::KeptModels;
/// use hitherto_postgres::ReadModels;
///
/// for kept in ReadModels::of("postgres://bank:word@localhost/bank")?.list()? {
///     println!("{} {}: {}", kept.name, kept.version, kept.position);
/// }
/// # Ok::<(), hitherto::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ReadModels(Arc<Server>);

impl ReadModels {
    /// Those of the database at this address.
    ///
    /// # Errors
    /// As [`Postgres::connect`].
    pub fn of(url: &str) -> Result<Self> {
        Ok(Self(Postgres::that_may_forget(url)?.server))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> Result<T, Trouble>) -> Result<T> {
        let connection = Connection::open(&self.0, "hitherto");
        let done = connection.and_then(|mut connection| work(&mut connection));
        done.map_err(Trouble::into_error)
    }

    /// Works on the versions of a projection, while nobody else does.
    fn with_versions<T>(
        &self,
        name: &str,
        work: impl FnOnce(&mut Connection, &[Version], &Version) -> Result<T, Trouble>,
    ) -> Result<T> {
        self.with(|connection| {
            if !is_there(connection)? {
                return Err(unknown(name));
            }
            connection.transaction(|connection| {
                ledger::lock(connection, name)?;
                let versions = ledger::versions(connection, name)?;
                let live = versions.iter().find(|version| version.state == LIVE);
                let live = live.ok_or_else(|| unknown(name))?.clone();
                work(connection, &versions, &live)
            })
        })
    }
}

impl KeptModels for ReadModels {
    fn list(&self) -> Result<Vec<Kept>> {
        const ALL: &str = "\
            select f.name, f.version, f.state, f.held, \
                coalesce(min(p.position), 0), count(p.number), \
                coalesce(sum(p.handled), 0)::int8, coalesce(sum(p.errors), 0)::int8, \
                (select count(*) from hitherto.parked where (name, version) = (f.name, f.version)), \
                coalesce((extract(epoch from max(p.at)) * 1e9)::int8, 0) \
            from hitherto.followers f left join hitherto.partitions p using (name, version) \
            group by f.name, f.version order by f.name, f.version";
        self.with(|connection| {
            if !is_there(connection)? {
                return Ok(Vec::new());
            }
            Ok(connection.query(ALL, &[])?.iter().map(kept_of).collect())
        })
    }

    fn parked(&self, name: &str, version: Option<u32>) -> Result<Vec<Parked>> {
        self.with_versions(name, |connection, versions, live| {
            let follower = chosen(name, versions, version.unwrap_or(live.number))?;
            ledger::parked(connection, &follower)
        })
    }

    fn order(
        &self,
        name: &str,
        version: Option<u32>,
        position: Position,
        order: Order,
    ) -> Result<()> {
        self.with_versions(name, |connection, versions, live| {
            let follower = chosen(name, versions, version.unwrap_or(live.number))?;
            if ledger::order(connection, &follower, position, order)? {
                return Ok(());
            }
            let message = format!("{name}: nothing is parked at position {position}");
            Err(Trouble::Statement(Error::not_found(message)))
        })
    }

    fn compare(&self, name: &str, version: Option<u32>) -> Result<Comparison> {
        self.with_versions(name, |connection, versions, live| {
            let other = other(name, versions, live, version, |_| true)?;
            compare(connection, name, live, other)
        })
    }

    fn switch(&self, name: &str, version: Option<u32>) -> Result<u32> {
        self.with_versions(name, |connection, versions, live| {
            let newer = |version: &Version| version.state == BESIDE;
            let next = other(name, versions, live, version, newer)?;
            versions::trade_places(connection, name, versions, next)?;
            Ok(next.number)
        })
    }

    fn roll_back(&self, name: &str) -> Result<u32> {
        self.with_versions(name, |connection, versions, live| {
            let next = other(name, versions, live, None, |version| version.state == KEPT)?;
            versions::trade_places(connection, name, versions, next)?;
            Ok(next.number)
        })
    }
}

/// Whether anything was ever kept there.
fn is_there(connection: &mut Connection) -> Result<bool, Trouble> {
    let rows = connection.query("select to_regclass('hitherto.followers') is not null", &[])?;
    Ok(rows[0].get(0))
}

fn unknown(name: &str) -> Trouble {
    Trouble::Statement(Error::not_found(format!("there is no projection {name} in this database")))
}

fn chosen(name: &str, versions: &[Version], number: u32) -> Result<Follower, Trouble> {
    let found = versions.iter().find(|version| version.number == number);
    found.map(|_| Follower { name: name.to_owned(), version: number }).ok_or_else(|| {
        Trouble::Statement(Error::not_found(format!("there is no version {number} of {name}")))
    })
}

/// The version that is asked for, or the newest that fits; but not the one that is read.
fn other<'a>(
    name: &str,
    versions: &'a [Version],
    live: &Version,
    wanted: Option<u32>,
    fits: impl Fn(&Version) -> bool,
) -> Result<&'a Version, Trouble> {
    let others = versions.iter().filter(|version| version.number != live.number);
    let found = match wanted {
        Some(wanted) => others.into_iter().find(|version| version.number == wanted),
        None => others.into_iter().rfind(|version| fits(version)),
    };
    found.ok_or_else(|| {
        let which = wanted.map_or("other version".to_owned(), |number| format!("version {number}"));
        Trouble::Statement(Error::not_found(format!(
            "there is no {which} of {name} beside the one that is read"
        )))
    })
}

fn kept_of(row: &Row) -> Kept {
    let count = |index: usize| row.get::<_, i64>(index).unsigned_abs();
    let standing = match (row.get::<_, &str>(2), row.get::<_, bool>(3)) {
        (LIVE, _) => Standing::Live,
        (KEPT, _) => Standing::Before,
        (_, true) => Standing::Held,
        (_, false) => Standing::Building,
    };
    Kept {
        name: row.get(0),
        version: row.get::<_, i32>(1).unsigned_abs(),
        standing,
        position: Position(count(4)),
        partitions: count(5) as u32,
        handled: count(6),
        errors: count(7),
        parked: count(8),
        updated_at: Timestamp::from_nanos(row.get(9)),
    }
}
