//! What the writer and all readers of one open store share.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use arc_swap::ArcSwap;

use crate::cache::ReadCache;
use crate::clock::Clock;
use crate::disk::Disk;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{EventId, Position};
use crate::followers::{BatchTerms, Followers};
use crate::index::{GrowingIndex, SpareIndex};
use crate::log::{Compressing, Handles, Identity, LogFile, ReadBuffer};
use crate::options::Options;
use crate::query::Query;
use crate::reader::Reader;
use crate::record::Recorded;
use crate::retention::{Fact, Moment, Retention, STREAM, View};
use crate::sealed_log::Indexes;
use crate::segment::{Growing, Sealed, Segment};
use crate::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard};
use crate::verify::Damage;

/// The log with its indexes, and how far it is durable. Readers take no lock that the writer takes.
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) identity: Identity,
    pub(crate) options: Options,
    /// All events, oldest first; replaced as a whole when a segment is added or sealed.
    pub(crate) segments: ArcSwap<Vec<Segment>>,
    pub(crate) cache: Arc<ReadCache>,
    spare_index: SpareIndex,
    /// Where index files are: in memory for whoever may not write to the store.
    pub(crate) index_disk: Arc<dyn Disk>,
    pub(crate) handles: Arc<Handles>,
    replacing: Mutex<()>,
    rewriting: Mutex<()>,
    /// What all durable facts of retention say; replaced as a whole when there is another one.
    pub(crate) retention: ArcSwap<Retention>,
    /// What cannot be read, by position. Only a read-only store is opened with damage.
    pub(crate) damages: Vec<Damage>,
    durable: AtomicU64,
    closed: AtomicBool,
    pub(crate) followers: Followers,
}

impl Shared {
    pub(crate) fn new(
        (disk, clock): (Arc<dyn Disk>, Arc<dyn Clock>),
        (identity, options): (Identity, Options),
        (segments, cache): (Vec<Segment>, Arc<ReadCache>),
        (handles, index_disk): (Arc<Handles>, Arc<dyn Disk>),
        damages: Vec<Damage>,
        durable: Position,
    ) -> Self {
        Self {
            disk,
            clock,
            identity,
            options,
            segments: ArcSwap::from_pointee(segments),
            cache,
            spare_index: SpareIndex::default(),
            index_disk,
            handles,
            replacing: Mutex::new(()),
            rewriting: Mutex::new(()),
            retention: ArcSwap::default(),
            damages,
            durable: AtomicU64::new(durable.0),
            closed: AtomicBool::new(false),
            followers: Followers::default(),
        }
    }

    /// The position of the last event that no crash can take back.
    pub(crate) fn durable(&self) -> Position {
        Position(self.durable.load(Ordering::Acquire))
    }

    /// Lets readers see everything up to a position, and wakes those who wait for what came.
    pub(crate) fn publish(&self, position: Position, terms: &BatchTerms) {
        self.durable.store(position.0, Ordering::SeqCst);
        self.followers.wake(terms);
    }

    /// Takes in facts of retention that are durable now.
    pub(crate) fn apply_facts(&self, facts: impl IntoIterator<Item = (Fact, Moment)>) {
        let mut facts = facts.into_iter().peekable();
        if facts.peek().is_none() {
            return;
        }
        let mut retention = Retention::clone(&self.retention.load());
        facts.for_each(|(fact, at)| retention.apply(&fact, at));
        self.retention.store(Arc::new(retention));
    }

    /// Takes in the facts of retention up to a position that are not known yet. Those that are lost
    /// in a damaged store are not in force.
    pub(crate) fn learn_facts(self: &Arc<Self>, last: Position) -> Result<()> {
        let damaged = self.damages.iter().filter_map(|damage| damage.positions);
        let mut after = self.retention.load().known;
        let mut facts = Vec::new();
        for (first, end) in damaged.chain([(last.next(), last.next())]) {
            let up_to = Position(first.0.saturating_sub(1)).min(last);
            let query = Query::stream(STREAM).after(after);
            let mut reader = Reader::within(Arc::clone(self), query.up_to(up_to), up_to);
            while let Some(event) = reader.step()? {
                let at = Moment { position: event.position(), time: event.recorded_at() };
                facts.extend(Fact::of(&event).map(|fact| (fact, at)));
            }
            after = after.max(end);
        }
        self.apply_facts(facts);
        Ok(())
    }

    /// Where reading ends: behind `last` if it is known that events behind it were lost, so that
    /// whoever reads that far is told.
    pub(crate) fn end_of_damage(&self, last: Position) -> Position {
        let ends = self.damages.iter().filter_map(|damage| damage.positions).map(|(_, last)| last);
        ends.fold(last, Position::max)
    }

    /// Whether the end of the log is lost, so that nobody can write behind it.
    pub(crate) fn is_end_lost(&self) -> bool {
        self.end_of_damage(Position::START) == Position(u64::MAX)
    }

    /// Whether events are missing between two log files, lost and given up or not, so that versions
    /// may have gaps there.
    pub(crate) fn has_gaps(&self) -> bool {
        let mut next = Position(1);
        !self.segments.load().iter().all(|segment| {
            let follows = segment.first_position() == next;
            next = segment.last_position().unwrap_or_default().next();
            follows
        })
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Ends all followers.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.followers.wake_all();
    }

    /// All log files, oldest first.
    pub(crate) fn logs(&self) -> Vec<Arc<LogFile>> {
        let mut logs: Vec<Arc<LogFile>> = Vec::new();
        for segment in self.segments.load().iter() {
            for log in segment.logs() {
                if logs.last().is_none_or(|last| last.number < log.number) {
                    logs.push(Arc::clone(log));
                }
            }
        }
        logs
    }

    /// Bytes of the log that are used.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.logs().iter().map(|log| log.end.load(Ordering::Acquire)).sum()
    }

    /// Bytes of memory that indexes and cached events take.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let segments = self.segments.load();
        let growing = segments.iter().map(|segment| match segment {
            Segment::Growing(growing) => growing.index.allocated_bytes() as u64,
            Segment::Sealed(_) => 0,
        });
        let spare = self.spare_index.allocated_bytes() as u64;
        growing.sum::<u64>() + spare + self.cache.bytes()
    }

    /// An empty index for what a log file has room for.
    pub(crate) fn new_index(&self, log_bytes: u64) -> GrowingIndex {
        let log_bytes = log_bytes.min(self.options.indexed_log_bytes());
        let new = || GrowingIndex::new(log_bytes, self.identity.hash_seed);
        self.spare_index.take(log_bytes).unwrap_or_else(new)
    }

    /// Keeps the memory of an index that was sealed, if nobody reads it any more.
    pub(crate) fn reuse(&self, sealed: Arc<Growing>) {
        if let Some(sealed) = Arc::into_inner(sealed) {
            let bytes = self.options.growing_index_bytes();
            self.spare_index.keep(sealed.index, bytes + bytes / 4);
        }
    }

    /// Adds a segment behind all others.
    pub(crate) fn add_segment(&self, segment: &Segment) {
        self.segments.rcu(|segments| {
            let mut segments = Vec::clone(segments);
            segments.push(segment.clone());
            segments
        });
    }

    /// Puts one segment in the place of those that have its events.
    pub(crate) fn replace_segments(&self, sealed: &Segment) {
        let (first, last) = (sealed.first_position(), sealed.last_position());
        let is_replaced = |segment: &Segment| {
            segment.first_position() >= first
                && segment.last_position().is_some_and(|end| Some(end) <= last)
        };
        self.segments.rcu(|segments| {
            let from = segments.partition_point(|segment| segment.first_position() < first);
            let replaced = segments[from..].iter().take_while(|segment| is_replaced(segment));
            let to = from + replaced.count();
            let mut segments = Vec::clone(segments);
            segments.splice(from..to, [sealed.clone()]);
            segments
        });
    }

    /// Puts these segments, which have all events from the first on, in the place of those that
    /// have the same ones: as many of them as end where one of those does.
    pub(crate) fn begin_with(&self, mut sealed: Vec<Segment>) {
        let _one_at_a_time = self.replacing_indexes();
        let segments = self.segments.load_full();
        let ends_at = |last: &Segment| {
            let same = |other: &Segment| other.last_position() == last.last_position();
            segments.iter().position(same)
        };
        while let Some(last) = sealed.last() {
            if let Some(end) = ends_at(last) {
                sealed.extend_from_slice(&segments[end + 1..]);
                return self.segments.store(Arc::new(sealed));
            }
            sealed.pop();
        }
    }

    /// The memory that the indexes of full log files take.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        let segments = self.segments.load();
        let waiting = segments.iter().map(|segment| match segment {
            Segment::Growing(growing) if growing.finished.get().is_some() => {
                growing.index.allocated_bytes() as u64
            }
            _ => 0,
        });
        waiting.sum()
    }

    /// Where index files are opened and written.
    pub(crate) fn indexes(&self) -> Indexes<'_> {
        let Self { index_disk: disk, handles, identity, cache, options, .. } = self;
        Indexes { disk, handles, identity, cache, options }
    }

    /// How log files are compressed.
    pub(crate) fn compressing<'store>(
        &'store self,
        stop: &'store AtomicBool,
    ) -> Compressing<'store> {
        let (store_id, gathers) = (self.identity.store_id, self.options.gathers_streams);
        Compressing { disk: &*self.disk, store_id, gathers, stop }
    }

    /// Asks, and if an index file turns out to be damaged, builds that anew and asks again.
    pub(crate) fn with_sound_indexes<T>(&self, ask: impl Fn() -> Result<T>) -> Result<T> {
        let mut answer = ask();
        // One is found damaged after the other; each is built anew once.
        for _ in 0..self.segments.load().len() {
            if answer.is_ok() || !self.rebuild_damaged_indexes()? {
                break;
            }
            answer = ask();
        }
        answer.map_err(|error| self.damage_behind(error))
    }

    /// Builds the index files anew that were found damaged; whether there were some. Where the log
    /// is damaged as well there is nothing to build one from, and it is not tried again: for every
    /// event that is asked for, all of it would be read once more.
    pub(crate) fn rebuild_damaged_indexes(&self) -> Result<bool> {
        if self.damaged_indexes().is_empty() {
            return Ok(false);
        }
        let _one_at_a_time = self.replacing_indexes();
        let mut is_any_rebuilt = false;
        for sealed in self.damaged_indexes() {
            match self.rebuild(&sealed) {
                Ok(rebuilt) => {
                    self.replace_segments(&rebuilt);
                    is_any_rebuilt = true;
                }
                Err(error) if error.kind() == ErrorKind::Corrupt => sealed.give_up(error),
                Err(error) => return Err(error),
            }
        }
        Ok(is_any_rebuilt)
    }

    /// Builds an index anew from the log.
    pub(crate) fn rebuild(&self, sealed: &Sealed) -> Result<Segment> {
        let segments = self.segments.load_full();
        let before = segments.iter().find_map(|segment| match segment {
            Segment::Sealed(before) if sealed.follows(before) => Some(&**before),
            _ => None,
        });
        self.indexes().rebuild(sealed, before)
    }

    /// For an error of a damaged index that could not be built anew: why it could not.
    pub(crate) fn damage_behind(&self, error: Error) -> Error {
        let message = error.to_string();
        let segments = self.segments.load();
        let given_up = segments.iter().filter_map(|segment| match segment {
            Segment::Sealed(sealed) => Some((&sealed.index.name, sealed.is_given_up()?)),
            Segment::Growing(_) => None,
        });
        let behind = given_up.filter(|(name, _)| message.contains(*name));
        behind.map(|(_, behind)| behind.duplicate()).next().unwrap_or(error)
    }

    /// The names of index files that are damaged and cannot be built anew.
    pub(crate) fn given_up_indexes(&self) -> Vec<String> {
        let segments = self.segments.load();
        let given_up = segments.iter().filter_map(|segment| match segment {
            Segment::Sealed(sealed) => sealed.is_given_up().map(|_| sealed.index.name.clone()),
            Segment::Growing(_) => None,
        });
        given_up.collect()
    }

    /// Held by whoever puts another form of a log file in its place, or moves it away. None if the
    /// store was closed: it may be somebody else's.
    pub(crate) fn rewriting(&self) -> Result<MutexGuard<'_, ()>> {
        let rewriting = self.wait_for_rewriting();
        if self.is_closed() { Err(Error::left_at_close()) } else { Ok(rewriting) }
    }

    /// The same, if nobody holds it now.
    pub(crate) fn try_rewriting(&self) -> Option<MutexGuard<'_, ()>> {
        self.rewriting.try_lock().ok().filter(|_| !self.is_closed())
    }

    /// Waits until nobody is at it.
    pub(crate) fn wait_for_rewriting(&self) -> MutexGuard<'_, ()> {
        self.rewriting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held by whoever puts index files in the place of others: what is built anew must not come
    /// back beside what it was merged into meanwhile.
    pub(crate) fn replacing_indexes(&self) -> MutexGuard<'_, ()> {
        self.replacing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn damaged_indexes(&self) -> Vec<Arc<Sealed>> {
        let segments = self.segments.load();
        let damaged = |segment: &Segment| match segment {
            Segment::Sealed(sealed) if sealed.index.is_damaged() => {
                sealed.is_given_up().is_none().then(|| Arc::clone(sealed))
            }
            _ => None,
        };
        segments.iter().filter_map(damaged).collect()
    }

    /// The version of a stream after all its events up to `last`; 0 if it has none.
    pub(crate) fn stream_version(&self, stream: &str, last: Position) -> Result<u64> {
        Ok(self.stream_version_behind(stream, Position::START, last)?.unwrap_or(0))
    }

    /// The same, if an event of the stream stands behind `known`.
    pub(crate) fn stream_version_behind(
        &self,
        stream: &str,
        known: Position,
        last: Position,
    ) -> Result<Option<u64>> {
        // Whoever asks about the past is not made to look into all that came since.
        let is_later = |segment: &Segment| segment.first_position() > last;
        for segment in self.segments_behind(known).skip_while(is_later) {
            let version = segment.stream_version(stream, segment.count_up_to(last))?;
            if version.is_some() {
                return Ok(version);
            }
        }
        Ok(None)
    }

    /// The segments that have or may get events behind a position, newest first.
    pub(crate) fn segments_behind(&self, known: Position) -> impl Iterator<Item = Segment> {
        let segments = self.segments.load_full();
        let has_more =
            move |segment: &Segment| segment.last_position().is_none_or(|last| last > known);
        (0..segments.len()).rev().map(move |number| segments[number].clone()).take_while(has_more)
    }

    /// The event with this id among those up to `last`.
    pub(crate) fn find(&self, id: EventId, last: Position) -> Result<Option<Recorded>> {
        self.with_sound_indexes(|| self.look_for(id, last))
    }

    fn unless_removed(&self, event: Recorded, last: Position) -> Result<Option<Recorded>> {
        let mut view = View::new(self, last);
        let is_hidden = match &mut view {
            _ if event.is_removed() => true,
            Some(view) => view.hides(self, &event)?,
            None => false,
        };
        Ok((!is_hidden).then_some(event))
    }

    fn look_for(&self, id: EventId, last: Position) -> Result<Option<Recorded>> {
        let mut buffer = ReadBuffer::default();
        for segment in self.segments_behind(Position::START) {
            let end = segment.count_up_to(last);
            for event in segment.candidates(id)?.into_iter().filter(|&event| event < end) {
                let recorded = segment.read(event, &mut buffer)?;
                if recorded.id() == id {
                    return self.unless_removed(recorded, last);
                }
            }
        }
        match self.damages.first() {
            Some(damage) => Err(Error::corrupt(format!(
                "event id {id} is not found, but may be among what is damaged: {damage}"
            ))),
            None => Ok(None),
        }
    }
}
