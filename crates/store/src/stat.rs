//! What a store can say about itself: sizes, files, streams.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::event::{EventId, Position, Timestamp, split_stream_name};
use crate::store::EmbeddedStore;

/// A store in numbers, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// The version of the format that it is written in.
    pub format_version: u32,
    /// The id that it was given when it was created.
    pub store_id: EventId,
    /// When it was created.
    pub created_at: Timestamp,
    /// The position of the last durable event.
    pub head: Position,
    /// Streams with at least one event.
    pub streams: u64,
    /// Its log files, oldest first.
    pub files: Vec<FileStat>,
    /// Bytes of memory that its indexes take.
    pub index_bytes: u64,
}

/// A log file in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileStat {
    /// Its name in the store's directory.
    pub name: String,
    /// The position of its first event.
    pub first_position: Position,
    /// How many events it has.
    pub events: u64,
    /// Bytes of its header and its frames.
    pub used_bytes: u64,
    /// Bytes that it takes on disk.
    pub allocated_bytes: u64,
}

/// A stream in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamSummary {
    /// Its full name.
    pub name: String,
    /// Its version: how many events it has.
    pub version: u64,
    /// The position of its last event.
    pub last_position: Position,
}

impl EmbeddedStore {
    /// The store in numbers.
    pub fn stat(&self) -> Result<Stat> {
        let streams = self.streams(None)?.len() as u64;
        let shared = self.shared();
        let files = shared.files.load();
        let head = shared.durable();
        Ok(Stat {
            format_version: shared.identity.version,
            store_id: shared.identity.store_id,
            created_at: shared.identity.created_at,
            head,
            streams,
            files: files.iter().map(|file| file_stat(file, head)).collect::<Result<_>>()?,
            index_bytes: files.iter().map(|file| file.index.allocated_bytes() as u64).sum(),
        })
    }

    /// All streams, or those of one category, by name. Holds them all in memory.
    pub fn streams(&self, category: Option<&str>) -> Result<Vec<StreamSummary>> {
        self.refresh()?;
        let head = self.shared().durable();
        let mut found = BTreeMap::new();
        for file in self.shared().files.load().iter() {
            for (name, version, last) in file.index.streams(file.count_up_to(head)) {
                if category.is_none_or(|category| split_stream_name(name).0 == category) {
                    found.insert(name.to_owned(), (version, file.position(last)));
                }
            }
        }
        let summary =
            |(name, (version, last_position))| StreamSummary { name, version, last_position };
        Ok(found.into_iter().map(summary).collect())
    }
}

fn file_stat(file: &crate::log::LogFile, head: Position) -> Result<FileStat> {
    let length = file.file.len();
    Ok(FileStat {
        name: file.name.clone(),
        first_position: file.header.first_position,
        events: u64::from(file.count_up_to(head)),
        used_bytes: file.end.load(Ordering::Acquire),
        allocated_bytes: length
            .map_err(crate::load::disk_error("a log file could not be measured"))?,
    })
}
