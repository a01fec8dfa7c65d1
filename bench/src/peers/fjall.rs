//! fjall as a contestant: events by position, with an index of streams and one of kinds.
//!
//! One batch for each append, behind a mutex because of its version check, and committed with
//! `SyncData`: the journal is synced before the append returns. A block cache of 64 MiB.

use std::path::Path;
use std::sync::Mutex;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::record::{encode, look_at};
use super::{Answer, New, Peer, Reader, Selection};

const CACHE_BYTES: u64 = 64 << 20;

pub(super) struct Fjall {
    database: Database,
    tables: Tables,
    /// The last position; held while an append is made.
    last: Mutex<u64>,
}

#[derive(Clone)]
struct Tables {
    events: Keyspace,
    streams: Keyspace,
    kinds: Keyspace,
}

impl Fjall {
    pub(super) fn open(directory: &Path) -> Answer<Self> {
        let database = Database::builder(directory).cache_size(CACHE_BYTES).open()?;
        let keyspace = |name| database.keyspace(name, KeyspaceCreateOptions::default);
        let tables = Tables {
            events: keyspace("events")?,
            streams: keyspace("streams")?,
            kinds: keyspace("kinds")?,
        };
        let last = tables.events.last_key_value().map(fjall::Guard::key).transpose()?;
        let last = last.map_or(0, |key| number_at_end(&key));
        Ok(Self { database, tables, last: Mutex::new(last) })
    }
}

impl Peer for Fjall {
    fn append(&self, events: Vec<New<'_>>) -> Answer<u64> {
        let mut last = self.last.lock().expect("no writer failed");
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        let mut position = *last;
        for event in &events {
            position += 1;
            let version = key(event.stream, event.before + 1);
            if self.tables.streams.contains_key(&version)? {
                return Err("the stream has a newer version".into());
            }
            batch.insert(&self.tables.streams, version, position.to_be_bytes());
            batch.insert(&self.tables.events, position.to_be_bytes(), encode(event));
            batch.insert(&self.tables.kinds, key(event.sample.kind, position), []);
        }
        batch.commit()?;
        *last = position;
        Ok(position)
    }

    fn reader(&self) -> Answer<Box<dyn Reader>> {
        Ok(Box::new(self.tables.clone()))
    }
}

impl Reader for Tables {
    fn read(&mut self, selection: Selection<'_>) -> Answer<u64> {
        match selection {
            Selection::All => self.all(),
            Selection::Stream(stream) => self.of_stream(stream),
            Selection::Kind(kind) => self.of_kind(kind),
        }
    }
}

impl Tables {
    fn all(&self) -> Answer<u64> {
        let mut count = 0;
        for entry in self.events.iter() {
            let (position, bytes) = entry.into_inner()?;
            look_at(number_at_end(&position), &bytes);
            count += 1;
        }
        Ok(count)
    }

    fn of_stream(&self, stream: &str) -> Answer<u64> {
        let mut count = 0;
        for entry in self.streams.prefix(prefix(stream)) {
            count += self.one(number_at_end(&entry.value()?))?;
        }
        Ok(count)
    }

    fn of_kind(&self, kind: &str) -> Answer<u64> {
        let mut count = 0;
        for entry in self.kinds.prefix(prefix(kind)) {
            count += self.one(number_at_end(&entry.key()?))?;
        }
        Ok(count)
    }

    fn one(&self, position: u64) -> Answer<u64> {
        let bytes = self.events.get(position.to_be_bytes())?;
        look_at(position, &bytes.ok_or("the index names an event that is not there")?);
        Ok(1)
    }
}

/// A name that no other name begins with.
fn prefix(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 9);
    key.extend_from_slice(name.as_bytes());
    key.push(0);
    key
}

fn key(name: &str, number: u64) -> Vec<u8> {
    let mut key = prefix(name);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn number_at_end(key: &[u8]) -> u64 {
    let number = key.last_chunk().expect("every key ends with a number");
    u64::from_be_bytes(*number)
}
