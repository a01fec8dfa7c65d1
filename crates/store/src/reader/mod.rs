//! Reading: a query's walk over all segments, forwards or backwards, and following at the end of
//! it.

mod bounds;
mod following;
mod stream_walk;
mod walk;

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::event::{Position, StreamName};
use crate::events::EventSource;
use crate::log::{ReadBuffer, StreamFinder};
use crate::query::{Direction, Query};
use crate::read_ahead::{EVENTS_BEFORE, EVENTS_LEFT_MIN, ReadAhead};
use crate::record::Recorded;
use crate::retention::{Floor, Target, View};
use crate::segment::Segment;
use crate::shared::Shared;

pub(crate) use following::Following;
use stream_walk::StreamWalk;

/// Reads the events of a query. Holds one buffer and one place in the index, however many events
/// there are, and of one stream some bytes for each index file that it is in.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    query: Query,
    /// The lowest and the highest position that can still come.
    range: Range,
    left: u64,
    /// Whether an event beyond an upper bound was seen, so that nothing can come any more.
    is_over: bool,
    walk: Option<(Segment, Cursor)>,
    /// The rest of the walk, where that is known before.
    rest: Rest,
    /// The position up to which every event of the walk's segment matches, where that is known:
    /// they are read one after another without being looked for.
    run_up_to: u64,
    /// Whether the walk is in a run that is worth reading ahead.
    is_run: bool,
    /// How many events of runs were read without a gap.
    run_events: u64,
    ahead: Option<ReadAhead>,
    buffer: ReadBuffer,
    /// Where the events of one stream that is read may stand side by side.
    finder: Option<StreamFinder>,
    sight: Sight,
    /// Where the last leap over what was removed went.
    leapt: Option<Floor>,
}

/// What comes behind the segment that a walk is in.
enum Rest {
    /// It was not asked yet.
    Unasked,
    /// Each segment of the range is looked into.
    All,
    /// These segments, and no others.
    OfStream(StreamWalk),
}

/// What a reader gives of events that were removed.
enum Sight {
    /// What is left of them, too: for what must see all of history.
    Everything,
    /// None of them, by these rules, if there are some.
    Kept(Option<View>),
}

/// So many events one behind the other are read ahead, and do not enter the cache.
const RUN_EVENTS_MIN: u64 = 8;

/// Positions from `first` to `last`, both included; empty if `first` is above `last`.
#[derive(Debug, Clone, Copy)]
struct Range {
    first: u64,
    last: u64,
}

impl Reader {
    /// A reader of what is durable now.
    pub(crate) fn new(shared: &Arc<Shared>, query: &Query) -> Result<Self> {
        shared.with_sound_indexes(|| {
            let mut reader = Self::from_lower_bounds(Arc::clone(shared), query.clone())?;
            reader.narrow_by_upper_bounds()?;
            Ok(reader)
        })
    }

    /// A reader that goes on where it ends: see [`Following`].
    pub(crate) fn following(shared: &Arc<Shared>, mut query: Query) -> Result<Self> {
        query.direction = Direction::Forward;
        let mut reader = shared
            .with_sound_indexes(|| Self::from_lower_bounds(Arc::clone(shared), query.clone()))?;
        reader.is_over = reader.query.bounds.up_to_version == Some(0);
        Ok(reader)
    }

    fn from_lower_bounds(shared: Arc<Shared>, query: Query) -> Result<Self> {
        let last = shared.durable();
        let view = View::new(&shared, last);
        let mut reader = Self::within(shared, query, last);
        reader.sight = Sight::Kept(view);
        reader.narrow_by_lower_bounds()?;
        Ok(reader)
    }

    /// A reader of what is there up to `last`, durable or not: for conditions.
    pub(crate) fn within(shared: Arc<Shared>, query: Query, last: Position) -> Self {
        let bounds = query.bounds;
        let end = shared.end_of_damage(last);
        let range = Range {
            first: bounds.after.unwrap_or_default().0.saturating_add(1),
            last: bounds.up_to.unwrap_or(end).min(end).0,
        };
        let left = query.limit.unwrap_or(u64::MAX);
        let finder = one_stream(&query).map(StreamFinder::of);
        Self {
            shared,
            query,
            range,
            left,
            is_over: false,
            walk: None,
            rest: Rest::Unasked,
            run_up_to: 0,
            is_run: false,
            run_events: 0,
            ahead: None,
            buffer: ReadBuffer::default(),
            finder,
            sight: Sight::Everything,
            leapt: None,
        }
    }

    /// What it reads.
    pub(crate) fn into_query(self) -> Query {
        self.query
    }

    /// The same reader, without events that are removed by now.
    pub(crate) fn without_removed(mut self) -> Self {
        self.sight = Sight::Kept(View::new(&self.shared, self.shared.durable()));
        self
    }

    /// The next event in the query's direction. If an index file turns out to be damaged, it is
    /// built anew, and the walk goes on.
    pub(crate) fn step(&mut self) -> Result<Option<Recorded>> {
        let range = self.range;
        match self.step_once() {
            Err(error) => self.step_with_sound_indexes(range, error),
            next => next,
        }
    }

    #[cold]
    fn step_with_sound_indexes(&mut self, range: Range, error: Error) -> Result<Option<Recorded>> {
        let mut next = Err(error);
        // One is found damaged after the other; each is built anew once. The first may have been
        // built anew by somebody else since this reader found it.
        for attempt in 0..=self.shared.segments.load().len() {
            if next.is_ok() || !(self.shared.rebuild_damaged_indexes()? || attempt == 0) {
                break;
            }
            self.range = range;
            self.begin_walk();
            next = self.step_once();
        }
        next.map_err(|error| self.shared.damage_behind(error))
    }

    fn step_once(&mut self) -> Result<Option<Recorded>> {
        while self.left > 0 && !self.is_over {
            let Some(event) = self.next_match()? else { return Ok(None) };
            let recorded = self.read(event)?;
            if !self.is_within_bounds(&recorded) {
                continue;
            }
            if self.hides(&recorded)? {
                self.leap()?;
                continue;
            }
            self.left -= 1;
            return Ok(Some(recorded));
        }
        Ok(None)
    }

    /// Reads an event of the segment that the walk is in.
    fn read(&mut self, event: u32) -> Result<Recorded> {
        if self.is_run {
            return self.read_of_run(event);
        }
        (self.run_events, self.ahead) = (0, None);
        let (segment, cursor) = self.walk.as_ref().expect("a match is in a segment");
        let finder = self.finder.as_mut().filter(|_| segment.has_company(event, cursor));
        let found = (event, cursor.stand_of(event));
        segment.read_cached(found, (&mut self.buffer, finder), &self.shared.cache)
    }

    /// Reads an event of a run, from some length of it on with a thread that is ahead.
    fn read_of_run(&mut self, event: u32) -> Result<Recorded> {
        let (segment, _) = self.walk.as_ref().expect("a match is in a segment");
        self.run_events += 1;
        if let Some(ahead) = &mut self.ahead {
            if let Some(recorded) = ahead.take(segment.position(event)) {
                return Ok(recorded);
            }
            self.ahead = None;
        }
        if self.run_events > EVENTS_BEFORE && self.is_worth_a_thread(segment.position(event)) {
            let end = segment.event_at(self.run_up_to + 1);
            self.ahead = ReadAhead::begin(segment, event + 1..end);
            if self.ahead.is_none() {
                self.run_events = 0; // it asks again later
            }
        }
        segment.read(event, &mut self.buffer)
    }

    fn is_worth_a_thread(&self, position: Position) -> bool {
        let left = self.run_up_to.saturating_sub(position.0).min(self.left);
        self.shared.options.background && left >= EVENTS_LEFT_MIN
    }

    /// Bounds on versions and times were turned into positions as far as they were known when the
    /// reader began; for what came later, each event is asked.
    fn is_within_bounds(&mut self, event: &Recorded) -> bool {
        let bounds = &self.query.bounds;
        let is_forward = self.is_forward();
        let last_version = bounds.up_to_version.unwrap_or(u64::MAX);
        let is_late = bounds.until.is_some_and(|until| event.recorded_at() > until);
        self.is_over = is_forward && (event.version() >= last_version || is_late);
        bounds.contain(event)
    }

    fn hides(&mut self, event: &Recorded) -> Result<bool> {
        match &mut self.sight {
            Sight::Kept(_) if event.is_removed() => Ok(true),
            Sight::Everything | Sight::Kept(None) => Ok(false),
            Sight::Kept(Some(view)) => view.hides(&self.shared, event),
        }
    }

    /// Past what was removed from the beginning of the query's one stream or category.
    fn leap(&mut self) -> Result<()> {
        let (Sight::Kept(Some(view)), [item]) = (&self.sight, &self.query.items[..]) else {
            return Ok(());
        };
        let stream = item.stream.clone().map(Target::Stream);
        let target = stream.or_else(|| item.category.clone().map(Target::Category));
        let floor = target.as_ref().and_then(|it| view.retention.floor_of(it, view.now));
        let Some(floor) = floor.filter(|floor| self.leapt != Some(*floor)) else { return Ok(()) };
        self.leapt = Some(floor);
        let mut first = self.range.first.max(floor.position.0);
        if let Some(time) = floor.time {
            first = first.max(self.first_position_where(|it| it >= time)?);
        }
        if let (Some(count), Some(Target::Stream(stream))) = (floor.count, &target) {
            let last = self.shared.stream_version(stream.as_str(), Position(self.range.last))?;
            let kept = last.saturating_sub(count) + 1;
            let position = self.position_of_version(kept)?;
            first = first.max(position.unwrap_or_default().0);
        }
        if first > self.range.first {
            self.range.first = first;
            self.begin_walk();
        }
        Ok(())
    }

    /// Looks anew for where the events of the range are.
    fn begin_walk(&mut self) {
        (self.walk, self.rest, self.run_up_to) = (None, Rest::Unasked, 0);
    }

    /// The first event of a query, be it removed or not.
    pub(crate) fn first_of(shared: &Arc<Shared>, query: Query) -> Result<Option<Recorded>> {
        let mut reader = Self::within(Arc::clone(shared), query, shared.durable());
        reader.narrow_by_lower_bounds()?;
        while let Some(event) = reader.step()? {
            if reader.query.bounds.contain(&event) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn has_damages(&self) -> bool {
        !self.shared.damages.is_empty()
    }
}

/// The segment that a position is in, or will be.
pub(crate) fn segment_of(segments: &[Segment], position: u64) -> Option<&Segment> {
    let after = segments.partition_point(|segment| segment.first_position().0 <= position);
    // Segments without an event share their first position with the one after them.
    let segment = segments[..after].last()?;
    let contains = segment.last_position().is_none_or(|last| position <= last.0);
    contains.then_some(segment)
}

/// What a finite read returns: the reader, until its end or its first error.
pub(crate) struct Reading(pub(crate) Option<Reader>);

impl EventSource for Reading {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Recorded>>> {
        let next = self.0.as_mut().and_then(|reader| reader.step().transpose());
        if !matches!(next, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(next)
    }
}

/// The stream whose events are all that a query asks for, if it is one and more than one event.
fn one_stream(query: &Query) -> Option<&str> {
    let [item] = &query.items[..] else { return None };
    let stream = item.stream.as_ref().filter(|_| query.limit != Some(1));
    stream.map(StreamName::as_str)
}
