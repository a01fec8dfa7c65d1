//! The versions of a projection: one is read, one may be built beside it, one may be kept to go
//! back to. Each has its tables in a schema of its own, and changing places is renaming schemas.

use hitherto::projection::Value;
use hitherto::runner::Ended;

use crate::connection::{Connection, quoted};
use crate::failure::Trouble;
use crate::ledger::{self, Follower, Version, text};

pub(crate) const LIVE: &str = "live";
pub(crate) const BESIDE: &str = "beside";
pub(crate) const KEPT: &str = "kept";

/// With `@` and a version behind it, a name has to fit into the 63 bytes of PostgreSQL.
const NAME_MAX: usize = 50;

/// A version as it was opened.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) epoch: i64,
    pub(crate) home: String,
    pub(crate) is_beside: bool,
}

/// The schema of the version that is read.
pub(crate) fn live_home(name: &str) -> String {
    name.to_owned()
}

/// The schema of any other version.
pub(crate) fn other_home(name: &str, version: u32) -> String {
    format!("{name}@{version}")
}

/// Opens a version, and makes its tables if they are not there. Whoever opened it before cannot
/// commit any more.
pub(crate) fn open(
    connection: &mut Connection,
    follower: &Follower,
    tables: &str,
    held: bool,
) -> Result<Opened, Trouble> {
    if follower.name.len() > NAME_MAX {
        return Err(failed(format!(
            "the name {:?} is too long for a schema of PostgreSQL: use {NAME_MAX} letters at most",
            follower.name
        )));
    }
    connection.transaction(|connection| {
        ledger::lock(connection, &follower.name)?;
        let versions = ledger::versions(connection, &follower.name)?;
        let live = versions.iter().find(|version| version.state == LIVE);
        let known = versions.iter().find(|version| version.number == follower.version);
        match (known, live) {
            (Some(known), Some(live)) if known.state == KEPT => Err(superseded(live)),
            (Some(known), _) => open_again(connection, follower, known, tables),
            (None, Some(live)) if live.number > follower.version => Err(superseded(live)),
            (None, None) => create(connection, follower, tables, (LIVE, false)),
            (None, Some(_)) => create(connection, follower, tables, (BESIDE, held)),
        }
    })
}

fn superseded(by: &Version) -> Trouble {
    Trouble::Ended(Ended::Superseded { by: by.number })
}

fn failed(why: String) -> Trouble {
    Trouble::Ended(Ended::Failed(why))
}

fn open_again(
    connection: &mut Connection,
    follower: &Follower,
    known: &Version,
    tables: &str,
) -> Result<Opened, Trouble> {
    if known.tables != tables {
        return Err(failed(format!(
            "the tables of {} are not those that version {} was made with: raise its VERSION, so that they \
             are built anew beside these",
            follower.name, follower.version
        )));
    }
    let epoch = known.epoch + 1;
    set_epoch(connection, follower, epoch)?;
    Ok(Opened { epoch, home: known.home.clone(), is_beside: known.state == BESIDE })
}

/// Waits for the commits that are going on, and lets no older ones through.
fn set_epoch(connection: &mut Connection, follower: &Follower, epoch: i64) -> Result<(), Trouble> {
    for table in ["followers", "partitions"] {
        let raise = format!("update hitherto.{table} set epoch = ? where name = ? and version = ?");
        let values = [vec![Value::Integer(epoch)], follower.values()].concat();
        connection.execute(&raise, &values)?;
    }
    Ok(())
}

fn create(
    connection: &mut Connection,
    follower: &Follower,
    tables: &str,
    (state, held): (&str, bool),
) -> Result<Opened, Trouble> {
    let Follower { name, version } = follower;
    let is_beside = state == BESIDE;
    let home = if is_beside { other_home(name, *version) } else { live_home(name) };
    let made = connection.batch(&format!("create schema {}", quoted(&home)));
    made.map_err(|trouble| match trouble {
        Trouble::Statement(error) => failed(format!(
            "the schema {home:?} for the tables of {name} could not be made: {error}; give the projection \
             another name, or the user the right to create schemas"
        )),
        other => other,
    })?;
    let path = format!("set local search_path to {}, public", quoted(&home));
    let made = connection.batch(&path).and_then(|()| connection.batch(tables));
    made.map_err(|trouble| match trouble {
        Trouble::Statement(error) => {
            failed(format!("the tables of {name} could not be made: {error}"))
        }
        other => other,
    })?;
    let insert = "insert into hitherto.followers (name, version, state, held, epoch, home, tables) \
                  values (?, ?, ?, ?, 1, ?, ?)";
    let values = [text(state), Value::Bool(held), text(&home), text(tables)];
    connection.execute(insert, &follower.values_and(values))?;
    Ok(Opened { epoch: 1, home, is_beside })
}

/// What was built beside becomes what is read, and what was read is kept, both at once. Says the
/// schema that it is in then; none if it has to wait for somebody's word.
pub(crate) fn switch(
    connection: &mut Connection,
    follower: &Follower,
    epoch: i64,
) -> Result<Option<String>, Trouble> {
    connection.transaction(|connection| {
        ledger::lock(connection, &follower.name)?;
        let versions = ledger::versions(connection, &follower.name)?;
        let ours = versions.iter().find(|version| version.number == follower.version);
        let ours = ours.filter(|ours| ours.epoch == epoch);
        let ours = ours.ok_or(Trouble::Ended(Ended::TakenOver))?;
        match ours.state.as_str() {
            LIVE => Ok(Some(ours.home.clone())),
            BESIDE if ours.held => Ok(None),
            BESIDE => trade_places(connection, &follower.name, &versions, ours).map(Some),
            _ => Err(Trouble::Ended(Ended::TakenOver)),
        }
    })
}

/// A version becomes the one that is read. The one that it replaces is kept to go back to; or, if
/// it is the newer one, until somebody says that it is to be read again.
pub(crate) fn trade_places(
    connection: &mut Connection,
    name: &str,
    versions: &[Version],
    next: &Version,
) -> Result<String, Trouble> {
    for version in versions.iter().filter(|version| version.number != next.number) {
        let follower = Follower { name: name.to_owned(), version: version.number };
        if version.state == LIVE {
            set_epoch(connection, &follower, version.epoch + 1)?;
            let away = other_home(name, version.number);
            let is_newer = version.number > next.number;
            let state = if is_newer { BESIDE } else { KEPT };
            move_to(connection, &follower, version, (&away, state, is_newer))?;
        } else if version.number < next.number {
            remove(connection, &follower, version)?;
        }
    }
    let follower = Follower { name: name.to_owned(), version: next.number };
    let home = live_home(name);
    move_to(connection, &follower, next, (&home, LIVE, false))?;
    Ok(home)
}

fn move_to(
    connection: &mut Connection,
    follower: &Follower,
    version: &Version,
    (home, state, held): (&str, &str, bool),
) -> Result<(), Trouble> {
    if version.home != home {
        let (from, to) = (quoted(&version.home), quoted(home));
        connection.batch(&format!("alter schema {from} rename to {to}"))?;
    }
    let place = vec![text(state), Value::Bool(held), text(home)];
    let followers = "update hitherto.followers set state = ?, held = ?, home = ? \
                     where name = ? and version = ?";
    connection.execute(followers, &[place, follower.values()].concat())?;
    let partitions = "update hitherto.partitions set home = ? where name = ? and version = ?";
    connection.execute(partitions, &[vec![text(home)], follower.values()].concat()).map(drop)
}

/// Lets a version go, with all that it has.
fn remove(
    connection: &mut Connection,
    follower: &Follower,
    version: &Version,
) -> Result<(), Trouble> {
    connection.batch(&format!("drop schema if exists {} cascade", quoted(&version.home)))?;
    let delete = "delete from hitherto.followers where name = ? and version = ?";
    connection.execute(delete, &follower.values()).map(drop)
}
