//! The part of the log that has index files: which of them cover it from the first event on, and
//! sealing what is finished.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cache::ReadCache;
use crate::disk::Disk;
use crate::error::Result;
use crate::event::Position;
use crate::index::sealed::{
    self, Coverage, FileEntry, IndexSource, SealedHeader, SealedIndex, Sections,
};
use crate::log::{
    Expected, FRAME_HEADER_BYTES, FileHeader, FrameHeader, FrameKind, HEADER_BYTES, Handles,
    Identity, LogFile,
};
use crate::options::Options;
use crate::segment::{Finished, Growing, Sealed, Segment};
use crate::sync::AtomicBool;

/// Where index files are opened and written.
pub(crate) struct Indexes<'store> {
    pub(crate) disk: &'store Arc<dyn Disk>,
    pub(crate) handles: &'store Arc<Handles>,
    pub(crate) identity: &'store Identity,
    pub(crate) cache: &'store Arc<ReadCache>,
    pub(crate) options: &'store Options,
}

impl Indexes<'_> {
    /// The segments that index files cover without a gap from the first event on.
    ///
    /// Of several for the same events the widest counts: a merge makes it before it removes the
    /// others.
    pub(crate) fn open_all(&self, names: &[String]) -> Result<Vec<Segment>> {
        let mut by_first: BTreeMap<Position, Vec<(Position, &String)>> = BTreeMap::new();
        for name in names {
            if let Some((first, last)) = sealed::positions_of(name) {
                by_first.entry(first).or_default().push((last, name));
            }
        }
        let (mut segments, mut next) = (Vec::new(), Position(1));
        let mut logs = BTreeMap::new();
        while let Some((&first, candidates)) = by_first.range_mut(next..).next() {
            candidates.sort();
            let opened = candidates.iter().rev().find_map(|(_, name)| {
                let index = self.open(name).and_then(|index| self.of_this_log(index));
                index.transpose()
            });
            let Some(index) = opened.transpose()? else { break };
            if first > next && self.end_before(&index)? != Some(next) {
                break;
            }
            next = index.header.next_position();
            segments.push(Segment::Sealed(Arc::new(self.with_logs(index, &mut logs))));
        }
        Ok(segments)
    }

    /// An index, unless it is of another history, as in a copy of the store that went on by itself:
    /// the chain value behind its last event says so, where the log still has it.
    fn of_this_log(&self, index: Option<SealedIndex>) -> Result<Option<SealedIndex>> {
        let Some(index) = index else { return Ok(None) };
        let header = &index.header;
        let Some(last) = index.files.last() else { return Ok(None) };
        let next = last.number + 1;
        let chain = match header.last_frame {
            Some(FrameKind::Roll) if self.handles.is_here(next) => {
                self.header_of(next)?.map(|header| header.previous_chain)
            }
            Some(FrameKind::Mark | FrameKind::Close) => {
                self.chain_of_mark(&header.end, last.number)?
            }
            _ if self.goes_on_differently(&header.end, last.number)? => return Ok(None),
            _ => None,
        };
        let is_of_another = chain.is_some_and(|chain| Some(chain) != header.end.chain);
        Ok((!is_of_another).then_some(index))
    }

    /// Whether the file ended before that place, or a frame stands there that does not follow the
    /// one which should stand before it.
    fn goes_on_differently(&self, end: &Expected, number: u64) -> Result<bool> {
        let next =
            if self.handles.is_here(number + 1) { self.header_of(number + 1)? } else { None };
        if next.is_some_and(|next| next.end_of_previous() < end.position) {
            return Ok(true);
        }
        let Some((bytes, header)) = self.frame_at(end.offset, number)? else { return Ok(false) };
        Ok(end.chain.is_some_and(|chain| !header.follows(chain, &bytes)))
    }

    /// The chain value of a frame without events that ends there.
    fn chain_of_mark(&self, end: &Expected, number: u64) -> Result<Option<u64>> {
        let start = end.offset.saturating_sub(FRAME_HEADER_BYTES as u64);
        let frame = self.frame_at(start, number)?.map(|(_, frame)| frame);
        Ok(frame.filter(|frame| frame.event_count == 0).map(|frame| frame.chain))
    }

    /// The header of the frame at a place of a log file, if that is there.
    fn frame_at(
        &self,
        offset: u64,
        number: u64,
    ) -> Result<Option<([u8; FRAME_HEADER_BYTES], FrameHeader)>> {
        let Some(header) = self.header_of(number)? else { return Ok(None) };
        let Ok(file) = self.handles.open(number) else { return Ok(None) };
        let mut bytes = [0; FRAME_HEADER_BYTES];
        let filled = file.read_at(&mut bytes, offset).unwrap_or(0);
        let frame = FrameHeader::decode(&bytes[..filled], header.nonce);
        Ok(frame.map(|frame| (bytes, frame)))
    }

    /// Where the log ends before the first event of an index, by the headers of its log files, if
    /// they are whole: not where the index begins if events between the two were lost and given up.
    fn end_before(&self, index: &SealedIndex) -> Result<Option<Position>> {
        let first = index.header.first_position;
        let Some(entry) = index.files.first() else { return Ok(None) };
        let mut found = None;
        // There may be files without an event before that one.
        for number in (1..=entry.number).rev() {
            let header = self.header_of(number)?;
            let Some(header) = header.filter(|header| header.first_position == first) else {
                break;
            };
            found = Some(header.end_of_previous());
        }
        Ok(found)
    }

    /// The header of a log file, if it is there and whole.
    fn header_of(&self, number: u64) -> Result<Option<FileHeader>> {
        let file = match self.handles.open(number) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Ok(None),
            other => other.map_err(crate::load::disk_error("a log file could not be opened"))?,
        };
        let mut bytes = vec![0; HEADER_BYTES as usize];
        let filled = file.read_at(&mut bytes, 0).unwrap_or(0);
        Ok(FileHeader::decode(&bytes[..filled]))
    }

    fn open(&self, name: &str) -> Result<Option<SealedIndex>> {
        let file = match self.disk.open(name) {
            // A writer may have merged it into another one meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(crate::load::disk_error("an index file could not be opened"))?,
        };
        let of_store = (self.identity.store_id, self.identity.hash_seed);
        SealedIndex::open(name.to_owned(), file, of_store, self.cache)
    }

    /// An index with its log files; those that are known already are shared.
    fn with_logs(&self, index: SealedIndex, logs: &mut BTreeMap<u64, Arc<LogFile>>) -> Sealed {
        let log_of = |file: &FileEntry| {
            let new = || Arc::new(LogFile::new(file.number, file.end, Arc::clone(self.handles)));
            let log = Arc::clone(logs.entry(file.number).or_insert_with(new));
            log.end.fetch_max(file.end, std::sync::atomic::Ordering::AcqRel);
            log
        };
        let logs = index.files.iter().map(log_of).collect();
        Sealed::new(index, logs)
    }

    /// Writes the index of a finished segment and opens it. It was made of this edition of its log
    /// file.
    pub(crate) fn seal(
        &self,
        (growing, edition): (&Growing, u32),
        finished: &Finished,
        history: Vec<u8>,
        stop: &AtomicBool,
    ) -> Result<Segment> {
        let coverage = coverage_of((growing, edition), finished, history);
        let name = sealed::write(&**self.disk, coverage, &[&growing.index], stop)?;
        self.reopen(&name, std::slice::from_ref(&growing.log))
    }

    /// Writes one index in the place of several that follow one another. Across a loss that was
    /// given up they do not: the versions of a stream would be counted as if nothing were lost.
    pub(crate) fn merge(&self, segments: &[Arc<Sealed>], stop: &AtomicBool) -> Result<Segment> {
        if !segments.windows(2).all(|pair| pair[1].follows(&pair[0])) {
            return Err(crate::Error::invalid(
                "index files are only merged where no event is missing between them",
            ));
        }
        let indexes: Vec<&SealedIndex> = segments.iter().map(|segment| &segment.index).collect();
        let sources: Vec<&dyn IndexSource> =
            indexes.iter().map(|&index| index as &dyn IndexSource).collect();
        let coverage = sealed::coverage_of(&indexes);
        let name = sealed::write(&**self.disk, coverage, &sources, stop)?;
        let logs: Vec<Arc<LogFile>> =
            segments.iter().flat_map(|segment| segment.logs.iter().cloned()).collect();
        let merged = self.reopen(&name, &logs)?;
        for index in indexes {
            // What is left of them is not looked at again, and is removed at the next open.
            let _ = self.disk.remove(&index.name);
        }
        Ok(merged)
    }

    pub(crate) fn reopen(&self, name: &str, logs: &[Arc<LogFile>]) -> Result<Segment> {
        let mut known = logs.iter().map(|log| (log.number, Arc::clone(log))).collect();
        let index = self.open(name)?.ok_or_else(|| {
            crate::Error::corrupt(format!(
                "{name} is not what was written: see that the disk is well"
            ))
        })?;
        Ok(Segment::Sealed(Arc::new(self.with_logs(index, &mut known))))
    }
}

fn coverage_of(
    (growing, edition): (&Growing, u32),
    finished: &Finished,
    history: Vec<u8>,
) -> Coverage {
    let ids = growing.index.id_range();
    let header = SealedHeader {
        store_id: growing.header.store_id,
        nonce: 0,
        first_position: growing.first_position,
        events: 0,
        files: 0,
        new_streams: 0,
        postings: 0,
        lowest_id: ids.lowest,
        highest_id: ids.highest,
        sections: Sections::default(),
        end: finished.end,
        last_frame: finished.last_frame,
        history,
    };
    let (number, end) = (growing.log.number, finished.end.offset);
    let file = FileEntry { number, first_event: 0, edition, end };
    Coverage { header, files: vec![file] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemoryDisk;
    use crate::event::{EventId, Timestamp};
    use crate::index::{GrowingIndex, IndexEntry};
    use crate::limits::APPEND_BYTES_MAX;
    use crate::log::FORMAT_VERSION;
    use crate::options::Options;

    const SEED: u64 = 7;

    fn identity() -> Identity {
        let created_at = Timestamp::from_nanos(0);
        let store_id = EventId::from_u128(1);
        Identity { version: FORMAT_VERSION, store_id, hash_seed: SEED, created_at }
    }

    /// A segment with an event at each of some offsets.
    fn growing_at(offsets: &[u64], handles: Arc<Handles>) -> Growing {
        let header = FileHeader::of_lost(identity().store_id, 1, Position(1));
        let log = Arc::new(LogFile::new(1, 0, handles));
        let start = (Position(1), HEADER_BYTES);
        let growing = Growing::with(header, log, start, GrowingIndex::new(1 << 20, SEED));
        for (version, &offset) in (1..).zip(offsets) {
            let id = EventId::from_u128(version.into());
            let (stream, tags) = (Some("film-1"), std::iter::empty());
            growing
                .index
                .push(IndexEntry { id, offset, stream, version, kind: "Shot", tags }, None);
        }
        growing
    }

    /// Offsets are kept in 32 bits: a file that is larger than they reach would give other events.
    #[test]
    fn events_at_the_end_of_the_largest_file_are_found_again() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let (identity, cache) = (identity(), Arc::new(ReadCache::new(1 << 20)));
        let handles = Arc::new(Handles::new(Arc::clone(&disk), Arc::clone(&cache), None));
        let last = Options::LOG_FILE_BYTES_LIMIT + APPEND_BYTES_MAX as u64;
        let offsets = [HEADER_BYTES, (4 << 30) + 8, Options::LOG_FILE_BYTES_LIMIT - 8, last];
        let growing = growing_at(&offsets, Arc::clone(&handles));
        let mut end = Expected::at_start_of(&growing.header);
        (end.offset, end.position) = (last + 64, Position(5));
        let finished = Finished { end, last_frame: Some(FrameKind::Roll), is_whole: true };
        let indexes = Indexes {
            disk: &disk,
            handles: &handles,
            identity: &identity,
            cache: &cache,
            options: &Options::default(),
        };
        let never = AtomicBool::new(false);
        let sealed = indexes.seal((&growing, 0), &finished, Vec::new(), &never);
        let sealed = sealed.expect("there is room");
        for (event, &offset) in (0..).zip(&offsets) {
            assert_eq!(growing.index.offset(event), Some(offset));
            let found = sealed.locate(event).map(|(_, offset)| offset);
            assert_eq!(found, Some(offset), "event {event}");
        }
    }
}
