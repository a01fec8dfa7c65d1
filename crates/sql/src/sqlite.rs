//! A database file as a place: one connection that writes, set up so that what is committed is on
//! disk.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hitherto::projection::Value;
use hitherto::{Error, Result};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use crate::error::failed;

/// How long a writer waits for another.
const PATIENCE: Duration = Duration::from_secs(10);
const STATEMENTS_KEPT: usize = 256;

/// A database file with read models: a place for projections. Cloning it is cheap.
///
/// It is in WAL mode, so that readers and the writer do not wait for each other, and syncs each
/// commit. Any number of projections can be kept in one file, and tables of others beside them.
///
/// ```
/// use hitherto_sql::Sqlite;
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let read_db = directory.path().join("read.db");
/// let sqlite = Sqlite::open(&read_db)?; // "read.db"
/// assert_eq!(sqlite.rows("select 1 + 1")?, [[2]]);
/// # Ok::<(), hitherto::Error>(())
/// ```
#[derive(Clone)]
pub struct Sqlite {
    file: Arc<Inner>,
    switches_by_hand: bool,
}

struct Inner {
    /// None for a database in memory.
    path: Option<PathBuf>,
    writer: Mutex<Connection>,
}

impl Sqlite {
    /// Opens a database file, and makes it if it is not there.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be opened, or does not sync what is committed; `Corrupt` if it is
    /// no database.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let writer = Mutex::new(open_to_write(&path)?);
        Ok(Self::with(Inner { path: Some(path), writer }))
    }

    /// A database that lives as long as the handles on it: for tests.
    ///
    /// # Errors
    /// `Unavailable` if there is no memory for it.
    pub fn in_memory() -> Result<Self> {
        let writer = Connection::open_in_memory().map_err(failed("a database in memory"))?;
        writer.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(Self::with(Inner { path: None, writer: Mutex::new(writer) }))
    }

    fn with(file: Inner) -> Self {
        Self { file: Arc::new(file), switches_by_hand: false }
    }

    /// The same file, for projections whose new versions are built beside the old ones and take
    /// their place only when they are told to: after they were compared, for example.
    #[must_use]
    pub fn switch_by_hand(mut self) -> Self {
        self.switches_by_hand = true;
        self
    }

    pub(crate) fn switches_by_hand(&self) -> bool {
        self.switches_by_hand
    }

    /// Where it is; nothing for a database in memory.
    pub fn path(&self) -> Option<&Path> {
        self.file.path.as_deref()
    }

    /// The rows of a query, for tests and small reads. Programs that read a lot open the file with
    /// a connection of their own: that of any library for SQLite will do.
    ///
    /// # Errors
    /// `Invalid` if it is no query, `Unavailable` if the file cannot be read.
    pub fn rows(&self, query: &str) -> Result<Vec<Vec<Value>>> {
        match self.path() {
            Some(path) => rows_of(&open_to_read(path)?, query),
            None => rows_of(&self.writer(), query),
        }
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Connection> {
        self.file.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path() {
            Some(path) => write!(f, "Sqlite({})", path.display()),
            None => f.write_str("Sqlite(in memory)"),
        }
    }
}

/// Opens a file so that what is committed is on disk, and makes sure that SQLite has understood.
pub(crate) fn open_to_write(path: &Path) -> Result<Connection> {
    let doing = format!("{} cannot be opened to write", path.display());
    let failed = failed(&doing);
    let connection = Connection::open(path).map_err(&failed)?;
    connection.busy_timeout(PATIENCE).map_err(&failed)?;
    let mode: String =
        connection.query_row("pragma journal_mode = wal", [], |row| row.get(0)).map_err(&failed)?;
    connection.execute_batch("pragma synchronous = full").map_err(&failed)?;
    let synced: i64 =
        connection.query_row("pragma synchronous", [], |row| row.get(0)).map_err(&failed)?;
    if mode != "wal" || synced != 2 {
        return Err(Error::unavailable(format!(
            "{} is in journal mode {mode} with synchronous = {synced}, and has to be in WAL mode with \
             synchronous = 2: it may be on a file system without shared memory",
            path.display()
        )));
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}

/// Opens a file that exists, only to read.
pub(crate) fn open_to_read(path: &Path) -> Result<Connection> {
    if !path.exists() {
        return Err(Error::not_found(format!("there is no file {}", path.display())));
    }
    let doing = format!("{} cannot be opened to read", path.display());
    // Not read-only: the first reader of a file in WAL mode has to make its shared memory.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed(&doing))?;
    connection.busy_timeout(PATIENCE).map_err(failed(&doing))?;
    connection.execute_batch("pragma query_only = on").map_err(failed(&doing))?;
    Ok(connection)
}

/// All rows of a query, with the types that SQLite has.
pub(crate) fn rows_of(connection: &Connection, query: &str) -> Result<Vec<Vec<Value>>> {
    let read = || {
        let mut statement = connection.prepare(query)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let value = |index| row.get_ref(index).map(value_of);
            all.push((0..columns).map(value).collect::<rusqlite::Result<Vec<_>>>()?);
        }
        Ok(all)
    };
    read().map_err(|error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::Unknown) | None => {
            Error::invalid(format!("{query:?} is no query that can be answered")).because(error)
        }
        _ => failed("the read model cannot be read")(error),
    })
}

fn value_of(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}
