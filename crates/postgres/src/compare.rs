//! Comparing two versions of a read model, row by row.

use hitherto::Position;
use hitherto::projection::{Comparison, TableDifference, Value};

use crate::connection::{Connection, quoted};
use crate::failure::Trouble;
use crate::ledger::{self, Follower, Version, text};

/// How many rows are shown of those that differ.
const SHOWN: usize = 5;

/// Both as they are at one moment.
pub(crate) fn compare(
    connection: &mut Connection,
    name: &str,
    live: &Version,
    beside: &Version,
) -> Result<Comparison, Trouble> {
    let mut tables = Vec::new();
    for table in table_names(connection, live, beside)? {
        tables.push(compare_table(connection, &table, live, beside)?);
    }
    Ok(Comparison {
        live: live.number,
        live_position: position(connection, name, live.number)?,
        beside: beside.number,
        beside_position: position(connection, name, beside.number)?,
        tables,
    })
}

fn position(connection: &mut Connection, name: &str, version: u32) -> Result<Position, Trouble> {
    let marks = ledger::marks(connection, &Follower { name: name.to_owned(), version })?;
    Ok(marks.iter().map(|mark| mark.position).min().unwrap_or_default())
}

fn table_names(
    connection: &mut Connection,
    live: &Version,
    beside: &Version,
) -> Result<Vec<String>, Trouble> {
    let tables = "select distinct table_name::text from information_schema.tables \
                  where table_schema in (?, ?) and table_type = 'BASE TABLE' order by 1";
    let rows = connection.query(tables, &[text(&live.home), text(&beside.home)])?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn columns(
    connection: &mut Connection,
    version: &Version,
    table: &str,
) -> Result<Vec<String>, Trouble> {
    let columns = "select column_name::text from information_schema.columns \
                   where table_schema = ? and table_name = ? order by ordinal_position";
    let rows = connection.query(columns, &[text(&version.home), text(table)])?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn compare_table(
    connection: &mut Connection,
    table: &str,
    live: &Version,
    beside: &Version,
) -> Result<TableDifference, Trouble> {
    let live_columns = columns(connection, live, table)?;
    let beside_columns = columns(connection, beside, table)?;
    let (common, only_live): (Vec<_>, Vec<_>) =
        live_columns.iter().cloned().partition(|column| beside_columns.contains(column));
    let only_beside = beside_columns.iter().filter(|column| !common.contains(column)).cloned();
    let other_columns = only_live.into_iter().chain(only_beside).collect();
    let count_all = |connection: &mut Connection, version: &Version, columns: &[String]| {
        if columns.is_empty() { Ok(0) } else { count(connection, &place(version, table)) }
    };
    let mut difference = TableDifference {
        table: table.to_owned(),
        live_rows: count_all(connection, live, &live_columns)?,
        beside_rows: count_all(connection, beside, &beside_columns)?,
        other_columns,
        only_live: 0,
        only_beside: 0,
        live_examples: Vec::new(),
        beside_examples: Vec::new(),
        columns: common,
    };
    if difference.columns.is_empty() {
        difference.only_live = difference.live_rows;
        difference.only_beside = difference.beside_rows;
        return Ok(difference);
    }
    let only =
        |a: &Version, b: &Version| only(&difference.columns, &place(a, table), &place(b, table));
    let (live, beside) = (only(live, beside), only(beside, live));
    difference.only_live = count(connection, &format!("({live}) x"))?;
    difference.only_beside = count(connection, &format!("({beside}) x"))?;
    difference.live_examples = examples(connection, &live, difference.columns.len())?;
    difference.beside_examples = examples(connection, &beside, difference.columns.len())?;
    Ok(difference)
}

fn place(version: &Version, table: &str) -> String {
    format!("{}.{}", quoted(&version.home), quoted(table))
}

/// What one has and the other has not, as text: also what cannot be compared otherwise.
fn only(columns: &[String], a: &str, b: &str) -> String {
    let columns = columns.iter().map(|column| format!("{}::text", quoted(column)));
    let columns = columns.collect::<Vec<_>>().join(", ");
    format!("select {columns} from {a} except all select {columns} from {b}")
}

fn count(connection: &mut Connection, from: &str) -> Result<u64, Trouble> {
    let rows = connection.query_as_it_is(&format!("select count(*) from {from}"))?;
    Ok(rows[0].get::<_, i64>(0).unsigned_abs())
}

fn examples(
    connection: &mut Connection,
    rows: &str,
    columns: usize,
) -> Result<Vec<Vec<Value>>, Trouble> {
    let rows = connection.query_as_it_is(&format!("{rows} order by 1 limit {SHOWN}"))?;
    let cell = |row: &tokio_postgres::Row, column: usize| {
        row.get::<_, Option<String>>(column).map_or(Value::Null, Value::Text)
    };
    Ok(rows.iter().map(|row| (0..columns).map(|column| cell(row, column)).collect()).collect())
}
