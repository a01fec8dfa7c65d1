//! Comparing two versions of a read model, row by row.

use std::path::Path;

use hitherto::projection::{Comparison, TableDifference};
use hitherto::{Position, Result};
use rusqlite::{Connection, params};

use crate::bookkeeping;
use crate::copy::{self, SOURCE, Sort, quoted};
use crate::error::failed;
use crate::files;
use crate::sqlite::{open_to_read, rows_of};

/// How many rows are shown of those that differ.
const SHOWN: usize = 5;

pub(crate) fn compare(main: &Path, name: &str, live: u32, beside: u32) -> Result<Comparison> {
    let failed = failed("the versions cannot be compared");
    let connection = open_to_read(main)?;
    let other = files::beside(main, name, beside);
    drop(open_to_read(&other)?); // says so if it is not there
    let attach = format!("attach ? as {SOURCE}");
    connection.execute(&attach, [other.to_string_lossy()]).map_err(&failed)?;
    connection.execute_batch("begin").map_err(&failed)?; // both as of one moment
    let mut tables = Vec::new();
    for table in table_names(&connection, name).map_err(&failed)? {
        tables.push(compare_table(&connection, &table)?);
    }
    let live_position = position(&connection, "main", name).map_err(&failed)?;
    let beside_position = position(&connection, SOURCE, name).map_err(&failed)?;
    Ok(Comparison { live, live_position, beside, beside_position, tables })
}

fn table_names(connection: &Connection, name: &str) -> rusqlite::Result<Vec<String>> {
    let live = copy::objects_of(connection, "main", name)?;
    let beside = copy::objects(connection, SOURCE)?;
    let tables = live.into_iter().chain(beside).filter(|object| object.sort == Sort::Table);
    let mut names = tables.map(|object| object.name).collect::<Vec<_>>();
    names.sort();
    names.dedup();
    Ok(names)
}

fn compare_table(connection: &Connection, table: &str) -> Result<TableDifference> {
    let failed = failed("the versions cannot be compared");
    let live = copy::columns(connection, "main", table).map_err(&failed)?;
    let beside = copy::columns(connection, SOURCE, table).map_err(&failed)?;
    let (columns, only_live): (Vec<_>, Vec<_>) =
        live.into_iter().partition(|column| beside.contains(column));
    let only_beside = beside.into_iter().filter(|column| !columns.contains(column));
    let other_columns = only_live.into_iter().chain(only_beside).collect::<Vec<_>>();
    let mut difference = TableDifference {
        table: table.to_owned(),
        live_rows: count_rows(connection, "main", table)?,
        beside_rows: count_rows(connection, SOURCE, table)?,
        other_columns,
        only_live: 0,
        only_beside: 0,
        live_examples: Vec::new(),
        beside_examples: Vec::new(),
        columns,
    };
    if difference.columns.is_empty() {
        (difference.only_live, difference.only_beside) =
            (difference.live_rows, difference.beside_rows);
        return Ok(difference);
    }
    let columns = difference.columns.iter().map(|column| quoted(column)).collect::<Vec<_>>();
    let columns = columns.join(", ");
    let only = |a: &str, b: &str| {
        let table = quoted(table);
        format!("select {columns} from {a}.{table} except select {columns} from {b}.{table}")
    };
    let (live, beside) = (only("main", SOURCE), only(SOURCE, "main"));
    difference.only_live = count(connection, &format!("({live})"))?;
    difference.only_beside = count(connection, &format!("({beside})"))?;
    difference.live_examples = rows_of(connection, &format!("{live} limit {SHOWN}"))?;
    difference.beside_examples = rows_of(connection, &format!("{beside} limit {SHOWN}"))?;
    Ok(difference)
}

/// 0 if there is no such table.
fn count_rows(connection: &Connection, schema: &str, table: &str) -> Result<u64> {
    let query = format!("select count(*) from {schema}.sqlite_schema where name = ?");
    let there: i64 = connection
        .query_row(&query, params![table], |row| row.get(0))
        .map_err(failed("the versions cannot be compared"))?;
    if there == 0 { Ok(0) } else { count(connection, &format!("{schema}.{}", quoted(table))) }
}

fn count(connection: &Connection, from: &str) -> Result<u64> {
    let counted = connection
        .query_row(&format!("select count(*) from {from}"), [], |row| row.get::<_, i64>(0))
        .map_err(failed("the versions cannot be compared"))?;
    Ok(u64::try_from(counted).unwrap_or(0))
}

fn position(connection: &Connection, schema: &str, name: &str) -> rusqlite::Result<Position> {
    if schema == "main" {
        let partitions = bookkeeping::partitions(connection, name)?;
        return Ok(partitions.into_iter().map(|(at, ..)| at).min().unwrap_or_default());
    }
    let query = format!(
        "select coalesce(min(position), 0) from {schema}.hitherto_checkpoints where name = ?"
    );
    let position: i64 = connection.query_row(&query, [name], |row| row.get(0))?;
    Ok(Position(u64::try_from(position).unwrap_or(0)))
}
