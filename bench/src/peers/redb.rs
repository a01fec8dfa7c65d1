//! redb as a contestant: events by position, with an index of streams and one of kinds.
//!
//! A transaction for each append, durable when its commit returns (one sync, redb's default); the
//! version check is that the stream's version must not be there yet. redb's own cache, 1 GiB.

use std::path::Path;
use std::sync::Arc;

use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition,
    WriteTransaction,
};

use super::record::{encode, look_at};
use super::{Answer, New, Peer, Reader, Selection};

const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
/// Stream and version, to the position.
const STREAMS: TableDefinition<'_, (&str, u64), u64> = TableDefinition::new("streams");
/// Kind and position.
const KINDS: TableDefinition<'_, (&str, u64), ()> = TableDefinition::new("kinds");

pub(super) struct Redb(Arc<Database>);

impl Redb {
    pub(super) fn open(directory: &Path) -> Answer<Self> {
        let database = Database::create(directory.join("events.redb"))?;
        let transaction = database.begin_write()?;
        transaction.open_table(EVENTS)?;
        transaction.open_table(STREAMS)?;
        transaction.open_table(KINDS)?;
        transaction.commit()?;
        Ok(Self(Arc::new(database)))
    }
}

impl Peer for Redb {
    fn append(&self, events: Vec<New<'_>>) -> Answer<u64> {
        let transaction = self.0.begin_write()?;
        let last = insert(&transaction, &events)?;
        transaction.commit()?;
        Ok(last)
    }

    fn reader(&self) -> Answer<Box<dyn Reader>> {
        Ok(Box::new(RedbReader(Arc::clone(&self.0))))
    }
}

fn insert(transaction: &WriteTransaction, new: &[New<'_>]) -> Answer<u64> {
    let mut events = transaction.open_table(EVENTS)?;
    let mut streams = transaction.open_table(STREAMS)?;
    let mut kinds = transaction.open_table(KINDS)?;
    let mut position = events.last()?.map_or(0, |(position, _)| position.value());
    for event in new {
        position += 1;
        if streams.insert((event.stream, event.before + 1), position)?.is_some() {
            return Err("the stream has a newer version".into());
        }
        events.insert(position, &*encode(event))?;
        kinds.insert((event.sample.kind, position), ())?;
    }
    Ok(position)
}

struct RedbReader(Arc<Database>);

type Events = ReadOnlyTable<u64, &'static [u8]>;

impl Reader for RedbReader {
    fn read(&mut self, selection: Selection<'_>) -> Answer<u64> {
        let transaction = self.0.begin_read()?;
        let events = transaction.open_table(EVENTS)?;
        match selection {
            Selection::All => all(&events),
            Selection::Stream(stream) => of_stream(&transaction, &events, stream),
            Selection::Kind(kind) => of_kind(&transaction, &events, kind),
        }
    }
}

fn all(events: &Events) -> Answer<u64> {
    let mut count = 0;
    for entry in events.iter()? {
        let (position, bytes) = entry?;
        look_at(position.value(), bytes.value());
        count += 1;
    }
    Ok(count)
}

fn of_stream(transaction: &ReadTransaction, events: &Events, stream: &str) -> Answer<u64> {
    let streams = transaction.open_table(STREAMS)?;
    let mut count = 0;
    for entry in streams.range((stream, 0)..=(stream, u64::MAX))? {
        count += one(events, entry?.1.value())?;
    }
    Ok(count)
}

fn of_kind(transaction: &ReadTransaction, events: &Events, kind: &str) -> Answer<u64> {
    let kinds = transaction.open_table(KINDS)?;
    let mut count = 0;
    for entry in kinds.range((kind, 0)..=(kind, u64::MAX))? {
        count += one(events, entry?.0.value().1)?;
    }
    Ok(count)
}

fn one(events: &Events, position: u64) -> Answer<u64> {
    let bytes = events.get(position)?.ok_or("the index names an event that is not there")?;
    look_at(position, bytes.value());
    Ok(1)
}
