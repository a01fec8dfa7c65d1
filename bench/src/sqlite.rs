//! SQLite as a contestant: an event table as a careful person writes it by hand.
//!
//! One connection that writes, behind a mutex, because SQLite has one writer; a connection for each
//! reader; prepared statements; WAL with synchronous=FULL, so that a commit is durable when it
//! returns.

use std::hint::black_box;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, OpenFlags, Result, Statement, params};

use crate::sample::{Sample, Samples};

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

/// The table and the right to write to it.
#[derive(Clone)]
pub(crate) struct Sqlite(Arc<Mutex<Connection>>);

impl Sqlite {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let connection = Connection::open(directory.join(FILE))?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Appends so many events a call to a stream of its own; `unique (stream, version)` refuses
    /// what was based on an old version.
    pub(crate) fn writer(&self, stream: usize, events: usize) -> impl FnMut() + Send + use<> {
        let connection = Arc::clone(&self.0);
        let stream = format!("order-{stream:08}");
        let mut samples = Samples::new();
        let mut version = 0_usize;
        move || {
            let connection = connection.lock().expect("no writer failed");
            let next = version..version + events;
            let new = next.map(|before| (stream.as_str(), before, samples.make()));
            insert(&connection, new).expect("nobody else appends to this stream");
            version += events;
        }
    }

    /// Appends the events of several streams at once, all at the same version before.
    pub(crate) fn fill(
        &self,
        streams: &[String],
        version: usize,
        samples: &mut Samples,
    ) -> Result<()> {
        let connection = self.0.lock().expect("no writer failed");
        let new = streams.iter().map(|stream| (stream.as_str(), version, samples.make()));
        insert(&connection, new)
    }
}

/// One event is its own transaction; several share one.
fn insert<'a>(
    connection: &Connection,
    events: impl ExactSizeIterator<Item = (&'a str, usize, Sample)>,
) -> Result<()> {
    let alone = events.len() == 1;
    if !alone {
        connection.execute_batch("begin immediate")?;
    }
    let mut statement = connection.prepare_cached(INSERT)?;
    for (stream, before, event) in events {
        let version = i64::try_from(before + 1).expect("no stream is that long");
        let id = event.id.as_bytes();
        let (payload, metadata) = (&event.payload[..], &event.metadata[..]);
        statement.execute(params![stream, version, event.kind, id, payload, metadata])?;
    }
    if alone { Ok(()) } else { connection.execute_batch("commit") }
}

/// What is read, in the order of positions or of versions.
#[derive(Clone, Copy)]
pub(crate) enum Selection<'a> {
    All,
    Stream(&'a str),
    Kind(&'a str),
}

/// A connection that only reads.
pub(crate) struct SqliteReader(Connection);

impl SqliteReader {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(directory.join(FILE), flags)?;
        connection.execute_batch("pragma cache_size = -65536; pragma mmap_size = 1073741824;")?;
        Ok(Self(connection))
    }

    /// Reads what is selected, looks at every part a caller would look at, and counts.
    pub(crate) fn read(&self, selection: Selection<'_>) -> Result<u64> {
        let prepare =
            |rest: &str| self.0.prepare_cached(&format!("select {COLUMNS} from events {rest}"));
        match selection {
            Selection::All => count(&mut *prepare("order by position")?, params![]),
            Selection::Stream(stream) => {
                count(&mut *prepare("where stream = ? order by version")?, params![stream])
            }
            Selection::Kind(kind) => {
                count(&mut *prepare("where kind = ? order by position")?, params![kind])
            }
        }
    }
}

fn count(statement: &mut Statement<'_>, parameters: &[&dyn rusqlite::ToSql]) -> Result<u64> {
    let mut rows = statement.query(parameters)?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        black_box((row.get_ref(0)?, row.get_ref(3)?, row.get_ref(5)?, row.get_ref(6)?));
        count += 1;
    }
    Ok(count)
}
