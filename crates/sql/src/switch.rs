//! The switch: a version that was built beside takes the place of the one that is read, and that is
//! kept beside, in one transaction of the main file.

use std::path::Path;

use hitherto::Error;
use hitherto::runner::Failure;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::bookkeeping::{self, Entry};
use crate::copy::{self, SOURCE};
use crate::error::of_place;
use crate::files;
use crate::sqlite::open_to_write;

const DOING: &str = "the versions cannot be switched";

/// What is kept with a projection, besides its rows.
const KEPT_WITH: [&str; 2] = ["hitherto_checkpoints", "hitherto_parked"];

/// Makes a version that stands beside the one that is read. Readers see the old rows until the
/// commit, and the new ones from then on.
pub(crate) fn switch(
    writer: &mut Connection,
    main: &Path,
    name: &str,
    version: u32,
) -> Result<(), Failure> {
    let source = files::beside(main, name, version);
    if !source.exists() {
        return Err(Failure::of_some_event(Error::not_found(format!(
            "there is no version {version} of {name} beside the one that is read: there is no file {}",
            source.display()
        ))));
    }
    let attach = format!("attach ? as {SOURCE}");
    writer.execute(&attach, [source.to_string_lossy()]).map_err(cannot)?;
    let switched = switch_attached(writer, main, name, version);
    writer.execute_batch(&format!("detach {SOURCE}")).map_err(cannot)?;
    let replaced = switched?;
    files::remove(&source).map_err(Failure::Unavailable)?;
    forget_before(main, name, version.min(replaced)).map_err(Failure::Unavailable)
}

fn switch_attached(
    writer: &mut Connection,
    main: &Path,
    name: &str,
    version: u32,
) -> Result<u32, Failure> {
    // Takes both files: nobody commits to either version from here on.
    let behavior = TransactionBehavior::Immediate;
    let transaction = writer.transaction_with_behavior(behavior).map_err(cannot)?;
    let live = bookkeeping::entry(&transaction, name).map_err(cannot)?.ok_or_else(|| {
        Failure::of_some_event(Error::not_found(format!("there is no projection {name}")))
    })?;
    if live.version == version {
        return Err(Failure::of_some_event(Error::invalid(format!(
            "version {version} of {name} is the one that is read already"
        ))));
    }
    let new = source_entry(&transaction, name, version).map_err(cannot)?;
    keep_beside(&transaction, main, name, &live, version < live.version)?;
    let exchange = || {
        transaction.execute_batch("pragma defer_foreign_keys = on")?;
        copy::drop_all(&transaction, &copy::objects_of(&transaction, "main", name)?)?;
        copy_from_source(&transaction, name)?;
        let entry = Entry { epoch: live.epoch + 1, held: false, ..new.clone() };
        bookkeeping::set_entry(&transaction, name, &entry)
    };
    exchange().map_err(cannot)?;
    transaction.commit().map_err(cannot)?;
    Ok(live.version)
}

/// Copies the version that is read now into a file of its own: complete, before anything changes.
fn keep_beside(
    locked: &Connection,
    main: &Path,
    name: &str,
    live: &Entry,
    held: bool,
) -> Result<(), Failure> {
    let place = files::beside(main, name, live.version);
    let unfinished = files::with_suffix(&place, ".new");
    files::remove(&unfinished).map_err(Failure::Unavailable)?;
    let mut connection = open_to_write(&unfinished).map_err(Failure::Unavailable)?;
    let attach = format!("attach ? as {SOURCE}");
    let copy = |connection: &mut Connection| {
        connection.execute(&attach, [main.to_string_lossy()])?;
        let transaction = connection.transaction()?;
        bookkeeping::create(&transaction)?;
        let objects = copy::objects_of(locked, "main", name)?;
        transaction.execute_batch("pragma defer_foreign_keys = on")?;
        copy::copy_all(&transaction, &objects)?;
        copy::own(&transaction, name, &objects)?;
        copy_kept(&transaction, name)?;
        bookkeeping::set_entry(&transaction, name, &Entry { held, ..live.clone() })?;
        transaction.commit()?;
        connection.execute_batch(&format!("detach {SOURCE}; pragma journal_mode = delete"))
    };
    copy(&mut connection).map_err(cannot)?;
    drop(connection);
    files::put_in_place(&unfinished, &place).map_err(Failure::Unavailable)
}

fn copy_from_source(transaction: &Connection, name: &str) -> rusqlite::Result<()> {
    let objects = copy::objects(transaction, SOURCE)?;
    copy::copy_all(transaction, &objects)?;
    copy::own(transaction, name, &objects)?;
    copy_kept(transaction, name)
}

fn copy_kept(transaction: &Connection, name: &str) -> rusqlite::Result<()> {
    for table in KEPT_WITH {
        transaction.execute(&format!("delete from main.{table} where name = ?"), [name])?;
        let copy =
            format!("insert into main.{table} select * from {SOURCE}.{table} where name = ?");
        transaction.execute(&copy, [name])?;
    }
    Ok(())
}

fn source_entry(transaction: &Connection, name: &str, version: u32) -> rusqlite::Result<Entry> {
    let query = format!(
        "select epoch, held, tables from {SOURCE}.hitherto_projections where name = ? and version = ?"
    );
    transaction.query_row(&query, params![name, version], |row| {
        Ok(Entry { version, epoch: row.get(0)?, held: row.get(1)?, tables: row.get(2)? })
    })
}

/// Only the version before is kept, to go back to.
fn forget_before(main: &Path, name: &str, version: u32) -> hitherto::Result<()> {
    for old in files::versions_beside(main, name)?.into_iter().filter(|&old| old < version) {
        files::remove(&files::beside(main, name, old))?;
    }
    Ok(())
}

fn cannot(error: rusqlite::Error) -> Failure {
    of_place(error, DOING)
}
