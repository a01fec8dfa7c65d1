//! SQLite as a contestant: an event table as a careful person writes it by hand.
//!
//! One connection that writes, behind a mutex, because SQLite has one writer; a connection for each
//! reader; prepared statements; WAL with synchronous=FULL, so that a commit is durable when it
//! returns.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::{Connection, OpenFlags, Statement, params};

use super::{Answer, New, Peer, Reader, Selection};

const FILE: &str = "events.db";
const SCHEMA: &str = "
    pragma journal_mode = wal;
    pragma synchronous = full;
    pragma cache_size = -65536;
    pragma mmap_size = 1073741824;
    create table if not exists events (
        position integer primary key,
        stream text not null,
        version integer not null,
        kind text not null,
        id blob not null,
        payload blob not null,
        metadata blob not null,
        unique (stream, version)
    );
    create index if not exists events_by_kind on events (kind);";
const INSERT: &str = "
    insert into events (stream, version, kind, id, payload, metadata) values (?, ?, ?, ?, ?, ?)";
const COLUMNS: &str = "position, stream, version, kind, id, payload, metadata";

/// The table, and the right to write to it.
pub(super) struct Sqlite {
    path: PathBuf,
    writing: Mutex<Connection>,
}

impl Sqlite {
    pub(super) fn open(directory: &Path) -> Answer<Self> {
        let path = directory.join(FILE);
        let connection = Connection::open(&path)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { path, writing: Mutex::new(connection) })
    }
}

impl Peer for Sqlite {
    fn append(&self, events: Vec<New<'_>>) -> Answer<u64> {
        let connection = self.writing.lock().expect("no writer failed");
        // One event is its own transaction; several share one.
        if events.len() == 1 {
            insert(&connection, &events)?;
        } else {
            connection.execute_batch("begin immediate")?;
            insert(&connection, &events)?;
            connection.execute_batch("commit")?;
        }
        Ok(u64::try_from(connection.last_insert_rowid())?)
    }

    fn reader(&self) -> Answer<Box<dyn Reader>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.execute_batch("pragma cache_size = -65536; pragma mmap_size = 1073741824;")?;
        Ok(Box::new(SqliteReader(connection)))
    }
}

/// `unique (stream, version)` refuses what was based on an old version.
fn insert(connection: &Connection, events: &[New<'_>]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(INSERT)?;
    for New { stream, before, sample, .. } in events {
        let version = i64::try_from(before + 1).expect("no stream is that long");
        let id = sample.id.as_bytes();
        let (payload, metadata) = (&sample.payload[..], &sample.metadata[..]);
        statement.execute(params![stream, version, sample.kind, id, payload, metadata])?;
    }
    Ok(())
}

/// A connection that only reads.
struct SqliteReader(Connection);

impl Reader for SqliteReader {
    fn read(&mut self, selection: Selection<'_>) -> Answer<u64> {
        let prepare =
            |rest: &str| self.0.prepare_cached(&format!("select {COLUMNS} from events {rest}"));
        let counted = match selection {
            Selection::All => count(&mut *prepare("order by position")?, params![]),
            Selection::Stream(stream) => {
                count(&mut *prepare("where stream = ? order by version")?, params![stream])
            }
            Selection::Kind(kind) => {
                count(&mut *prepare("where kind = ? order by position")?, params![kind])
            }
        };
        Ok(counted?)
    }
}

fn count(
    statement: &mut Statement<'_>,
    parameters: &[&dyn rusqlite::ToSql],
) -> rusqlite::Result<u64> {
    let mut rows = statement.query(parameters)?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        black_box((row.get_ref(0)?, row.get_ref(3)?, row.get_ref(5)?, row.get_ref(6)?));
        count += 1;
    }
    Ok(count)
}
