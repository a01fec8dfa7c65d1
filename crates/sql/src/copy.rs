//! Moving read models between files: which tables there are, and copying them with their rows.

use rusqlite::{Connection, Result, params};

use crate::bookkeeping::OURS;

/// The name under which the other file is attached.
pub(crate) const SOURCE: &str = "source";

/// A table, or what belongs to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) sort: Sort,
    pub(crate) name: String,
    sql: String,
}

/// In the order in which they have to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    Table,
    Index,
    View,
    Trigger,
}

/// What statements make, found out in a database of their own.
pub(crate) fn made_by(statements: &str) -> Result<Vec<Object>> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(statements)?;
    objects(&connection, "main")
}

/// All of a file's objects that are the users', in the order in which they have to be made.
pub(crate) fn objects(connection: &Connection, schema: &str) -> Result<Vec<Object>> {
    // What stands behind a virtual table is made with it.
    let query = format!(
        "select type, name, sql from {schema}.sqlite_schema where sql is not null \
         and name not in (select name from pragma_table_list where schema = ? and type = 'shadow')"
    );
    let mut query = connection.prepare(&query)?;
    let read = |row: &rusqlite::Row<'_>| {
        let sort = match row.get::<_, String>(0)?.as_str() {
            "table" => Sort::Table,
            "index" => Sort::Index,
            "view" => Sort::View,
            _ => Sort::Trigger,
        };
        Ok(Object { sort, name: row.get(1)?, sql: row.get(2)? })
    };
    let found = query.query_map([schema], read)?.collect::<Result<Vec<_>>>()?;
    let is_theirs =
        |object: &Object| !object.name.starts_with(OURS) && !object.name.starts_with("sqlite_");
    let mut objects = found.into_iter().filter(is_theirs).collect::<Vec<_>>();
    objects.sort_by_key(|object| object.sort);
    Ok(objects)
}

/// Those of the main file that belong to a projection.
pub(crate) fn objects_of(connection: &Connection, schema: &str, name: &str) -> Result<Vec<Object>> {
    let query = format!("select object from {schema}.hitherto_objects where name = ?");
    let mut query = connection.prepare(&query)?;
    let names = query.query_map([name], |row| row.get(0))?.collect::<Result<Vec<String>>>()?;
    let mut objects = objects(connection, schema)?;
    objects.retain(|object| names.contains(&object.name));
    Ok(objects)
}

/// Writes down that these belong to a projection.
pub(crate) fn own(connection: &Connection, name: &str, objects: &[Object]) -> Result<()> {
    connection.execute("delete from main.hitherto_objects where name = ?", [name])?;
    for object in objects {
        let statement = "insert into main.hitherto_objects values (?, ?)";
        connection.execute(statement, params![object.name, name])?;
    }
    Ok(())
}

/// The first of these names that is taken by something else in the main file.
pub(crate) fn taken(connection: &Connection, objects: &[Object]) -> Result<Option<String>> {
    for object in objects {
        let query = "select count(*) from main.sqlite_schema where name = ?";
        let count: i64 = connection.query_row(query, [&object.name], |row| row.get(0))?;
        if count > 0 {
            return Ok(Some(object.name.clone()));
        }
    }
    Ok(None)
}

/// Takes these out of the main file.
pub(crate) fn drop_all(connection: &Connection, objects: &[Object]) -> Result<()> {
    for object in objects.iter().rev() {
        let sort = match object.sort {
            Sort::Table => "table",
            Sort::Index => "index",
            Sort::View => "view",
            Sort::Trigger => "trigger",
        };
        connection.execute_batch(&format!("drop {sort} main.{}", quoted(&object.name)))?;
    }
    Ok(())
}

/// Makes these in the main file, with the rows that they have in the source.
pub(crate) fn copy_all(connection: &Connection, objects: &[Object]) -> Result<()> {
    for object in objects.iter().filter(|object| object.sort == Sort::Table) {
        connection.execute_batch(&object.sql)?;
        copy_rows(connection, &object.name)?;
    }
    if has_sequences(connection)? {
        connection.execute_batch(&format!(
            "update main.sqlite_sequence set seq = \
             (select max(seq) from {SOURCE}.sqlite_sequence as other where other.name = sqlite_sequence.name) \
             where name in (select name from {SOURCE}.sqlite_sequence); \
             insert into main.sqlite_sequence (name, seq) select name, seq from {SOURCE}.sqlite_sequence \
             where name in (select name from main.sqlite_schema) \
             and name not in (select name from main.sqlite_sequence)"
        ))?;
    }
    for object in objects.iter().filter(|object| object.sort != Sort::Table) {
        connection.execute_batch(&object.sql)?;
    }
    Ok(())
}

fn copy_rows(connection: &Connection, table: &str) -> Result<()> {
    let columns = columns(connection, SOURCE, table)?;
    let columns = columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ");
    let table = quoted(table);
    connection.execute_batch(&format!(
        "insert into main.{table} ({columns}) select {columns} from {SOURCE}.{table}"
    ))
}

/// The columns of a table that have values of their own: not those that are computed.
pub(crate) fn columns(connection: &Connection, schema: &str, table: &str) -> Result<Vec<String>> {
    let query = "select name from pragma_table_xinfo(?, ?) where hidden = 0 order by cid";
    let mut query = connection.prepare(query)?;
    let columns = query.query_map([table, schema], |row| row.get(0))?;
    columns.collect()
}

fn has_sequences(connection: &Connection) -> Result<bool> {
    let has = |schema: &str| {
        let query =
            format!("select count(*) from {schema}.sqlite_schema where name = 'sqlite_sequence'");
        connection.query_row(&query, [], |row| Ok(row.get::<_, i64>(0)? > 0))
    };
    Ok(has("main")? && has(SOURCE)?)
}

/// A name as SQL takes it, whatever it is.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
