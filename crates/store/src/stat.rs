//! What a store can say about itself: sizes, files, streams.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::{ErrorKind, Result};
use crate::event::{EventId, Position, Timestamp, split_stream_name};
use crate::log::{Form, LogFile};
use crate::query::Query;
use crate::reader::Reader;
use crate::scrub::{self, ScrubStat};
use crate::segment::Segment;
use crate::shared::Shared;
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
    /// Its index files, oldest events first.
    pub indexes: Vec<IndexStat>,
    /// Bytes of memory that indexes and cached events take.
    pub memory_bytes: u64,
    /// What reading it in the background has found; none before it was done for the first time.
    pub scrub: Option<ScrubStat>,
}

/// An index file in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexStat {
    /// Its name in the store's directory.
    pub name: String,
    /// How many events it has.
    pub events: u64,
    /// Its bytes on disk.
    pub bytes: u64,
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
    /// Whether it is compressed.
    pub is_compressed: bool,
    /// The location of the archive that it was moved to, if it was.
    pub archive: Option<String>,
    /// How many of its events were removed, so that only their place is left.
    pub removed_events: u64,
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
        self.refresh()?;
        let shared = self.shared();
        let segments = shared.segments.load();
        let head = shared.durable();
        Ok(Stat {
            format_version: shared.identity.version,
            store_id: shared.identity.store_id,
            created_at: shared.identity.created_at,
            head,
            streams: segments.iter().map(|segment| segment.new_streams(head)).sum(),
            files: log_files(shared, &segments, head)?,
            indexes: segments.iter().filter_map(index_stat).collect(),
            memory_bytes: shared.memory_bytes(),
            scrub: scrub::stat(shared),
        })
    }

    /// All streams, or those of one category, by name. Holds them all in memory.
    pub fn streams(&self, category: Option<&str>) -> Result<Vec<StreamSummary>> {
        self.refresh()?;
        self.shared().with_sound_indexes(|| self.look_for_streams(category))
    }

    fn look_for_streams(&self, category: Option<&str>) -> Result<Vec<StreamSummary>> {
        let head = self.shared().durable();
        let mut found = BTreeMap::new();
        for segment in self.shared().segments.load().iter() {
            segment.for_each_stream(segment.count_up_to(head), &mut |name, version, last| {
                if category.is_none_or(|category| split_stream_name(name).0 == category) {
                    found.insert(name.to_owned(), (version, segment.position(last)));
                }
            })?;
        }
        self.drop_removed(&mut found, head)?;
        let summary =
            |(name, (version, last_position))| StreamSummary { name, version, last_position };
        Ok(found.into_iter().map(summary).collect())
    }
}

impl EmbeddedStore {
    /// A stream of which every event is removed is as good as none.
    fn drop_removed(
        &self,
        found: &mut BTreeMap<String, (u64, Position)>,
        head: Position,
    ) -> Result<()> {
        let retention = self.shared().retention.load_full();
        let mut removed = BTreeSet::new();
        for name in found.keys().filter(|name| retention.concerns(name)) {
            let newest = Query::stream(name.as_str()).backward().limit(1);
            let reader = Reader::within(Arc::clone(self.shared()), newest, head);
            if reader.without_removed().step()?.is_none() {
                removed.insert(name.clone());
            }
        }
        found.retain(|name, _| !removed.contains(name));
        Ok(())
    }
}

fn index_stat(segment: &Segment) -> Option<IndexStat> {
    let Segment::Sealed(sealed) = segment else { return None };
    let (name, events) = (sealed.index.name.clone(), u64::from(sealed.index.count()));
    Some(IndexStat { name, events, bytes: sealed.index.bytes() })
}

fn log_files(shared: &Shared, segments: &[Segment], head: Position) -> Result<Vec<FileStat>> {
    let mut parts: BTreeMap<u64, (Position, u64)> = BTreeMap::new();
    for segment in segments {
        for (number, first, last) in segment.positions_by_log(head) {
            let part = parts.entry(number).or_insert((first, 0));
            part.1 += (last.0 + 1).saturating_sub(first.0);
        }
    }
    let logs = shared.logs();
    let stat = |log: &Arc<LogFile>| {
        let (first_position, events) = parts.get(&log.number).copied().unwrap_or_default();
        file_stat(log, first_position, events)
    };
    logs.iter().map(stat).collect()
}

/// Of a damaged file less is known; that ends nothing, and is told elsewhere.
fn unless_damaged<T: Default>(answer: Result<T>) -> Result<T> {
    match answer {
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(T::default()),
        answer => answer,
    }
}

fn file_stat(log: &LogFile, first_position: Position, events: u64) -> Result<FileStat> {
    let form = unless_damaged(log.form())?;
    let Form { is_compressed, bytes: allocated_bytes, archive, edition } = form;
    Ok(FileStat {
        name: log.name.clone(),
        first_position,
        events,
        used_bytes: log.end.load(Ordering::Acquire),
        allocated_bytes,
        is_compressed,
        archive,
        removed_events: edition.unwrap_or_default().removed,
    })
}
