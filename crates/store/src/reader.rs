//! Reading: a query's walk over all segments, forwards or backwards, and following at the end of
//! it.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::event::{Position, StreamName, Timestamp};
use crate::events::EventSource;
use crate::log::{ReadBuffer, StreamFinder};
use crate::planted::{PlantedBug, is_planted};
use crate::query::{Direction, Query};
use crate::read_ahead::{EVENTS_BEFORE, EVENTS_LEFT_MIN, ReadAhead};
use crate::record::Recorded;
use crate::retention::{Floor, Target, View};
use crate::segment::Segment;
use crate::shared::Shared;

/// Reads the events of a query. Holds one buffer and one place in the index, however many there
/// are.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    query: Query,
    /// The lowest and the highest position that can still come.
    range: Range,
    left: u64,
    /// Whether an event beyond an upper bound was seen, so that nothing can come any more.
    is_over: bool,
    walk: Option<(Segment, Cursor)>,
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
        // One is found damaged after the other; each is built anew once.
        for _ in 0..self.shared.segments.load().len() {
            if next.is_ok() || !self.shared.rebuild_damaged_indexes()? {
                break;
            }
            (self.range, self.walk, self.run_up_to) = (range, None, 0);
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
        segment.read_cached(event, (&mut self.buffer, finder), &self.shared.cache)
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
        let is_forward = self.query.direction == Direction::Forward;
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
            (self.range.first, self.walk, self.run_up_to) = (first, None, 0);
        }
        Ok(())
    }

    /// The position of the next event, without reading it.
    pub(crate) fn next_position(&mut self) -> Result<Option<Position>> {
        let Some(event) = self.next_match()? else { return Ok(None) };
        Ok(self.walk.as_ref().map(|(segment, _)| segment.position(event)))
    }

    /// The number of the next event in the segment that the walk is in then.
    fn next_match(&mut self) -> Result<Option<u32>> {
        if self.range.first <= self.run_up_to
            && let Some((segment, _)) = &self.walk
        {
            let event = segment.event_at(self.range.first);
            self.range.first += 1;
            return Ok(Some(event));
        }
        self.find_match()
    }

    fn find_match(&mut self) -> Result<Option<u32>> {
        while self.range.first <= self.range.last {
            let walk = self.walk.take().map_or_else(|| self.enter_segment(), |walk| Ok(Some(walk)));
            let Some((segment, mut cursor)) = walk? else {
                self.step_over_missing()?;
                continue;
            };
            let found = self.seek_in(&segment, &mut cursor)?;
            let reached =
                found.map_or_else(|| self.end_of(&segment), |event| segment.position(event).0);
            self.refuse_damage_before(reached)?;
            self.move_past(reached);
            if found.is_some() {
                self.run_up_to = self.end_of_run(&segment, &cursor, reached);
                self.is_run = cursor.is_every() || self.run_up_to >= reached + RUN_EVENTS_MIN;
                self.walk = Some((segment, cursor));
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Up to where all events match from the one on that was found, as far as is known.
    fn end_of_run(&self, segment: &Segment, cursor: &Cursor, found: u64) -> u64 {
        let is_forward = self.query.direction == Direction::Forward;
        if !is_forward || !self.shared.damages.is_empty() {
            return 0;
        }
        let events = segment.count_up_to(Position(self.range.last));
        let behind = cursor.end_of_run(segment.event_at(found)).min(events);
        (segment.first_position().0 + u64::from(behind)).saturating_sub(1)
    }

    fn seek_in(&self, segment: &Segment, cursor: &mut Cursor) -> Result<Option<u32>> {
        let events = segment.count_up_to(Position(self.range.last));
        let found = match self.query.direction {
            Direction::Forward => cursor
                .seek(segment, segment.event_at(self.range.first))?
                .filter(|&event| event < events),
            Direction::Backward => match events.checked_sub(1) {
                Some(last) => cursor.seek(segment, last)?,
                None => None,
            },
        };
        Ok(found.filter(|&event| {
            (self.range.first..=self.range.last).contains(&segment.position(event).0)
        }))
    }

    /// The last position of a segment in the reader's direction, as far as the range reaches.
    fn end_of(&self, segment: &Segment) -> u64 {
        match self.query.direction {
            Direction::Forward => {
                segment.last_position().map_or(self.range.last, |last| last.0.min(self.range.last))
            }
            Direction::Backward => segment.first_position().0,
        }
    }

    fn move_past(&mut self, position: u64) {
        match self.query.direction {
            Direction::Forward => {
                self.range.first = self.range.first.max(position.saturating_add(1));
            }
            Direction::Backward => {
                self.range.last = self.range.last.min(position.saturating_sub(1));
            }
        }
    }

    /// The segment that holds the next position, with a fresh walk of its index.
    fn enter_segment(&self) -> Result<Option<(Segment, Cursor)>> {
        let segments = self.shared.segments.load();
        let target = match self.query.direction {
            Direction::Forward => self.range.first,
            Direction::Backward => self.range.last,
        };
        let Some(segment) = segment_of(&segments, target) else { return Ok(None) };
        let cursor = Cursor::new(segment, &self.query, self.query.direction)?;
        Ok(Some((segment.clone(), cursor)))
    }

    /// Where no segment is, nothing can be read.
    fn step_over_missing(&mut self) -> Result<()> {
        let segments = self.shared.segments.load();
        let reached = match self.query.direction {
            Direction::Forward => {
                let behind = |segment: &&Segment| segment.first_position().0 > self.range.first;
                let next = segments.iter().find(behind).map(|segment| segment.first_position().0);
                self.range.last.min(next.map_or(u64::MAX, |next| next - 1))
            }
            Direction::Backward => {
                let ends = segments.iter().filter_map(Segment::last_position);
                let before = ends.filter(|last| last.0 < self.range.last).map(|last| last.0).max();
                self.range.first.max(before.map_or(0, |last| last + 1))
            }
        };
        self.refuse_damage_before(reached)?;
        self.move_past(reached);
        Ok(())
    }

    /// Nothing is skipped silently: a walk that would step over damage ends with it instead.
    fn refuse_damage_before(&mut self, position: u64) -> Result<()> {
        let (from, to) = match self.query.direction {
            Direction::Forward => (self.range.first, position.min(self.range.last)),
            Direction::Backward => (position.max(self.range.first), self.range.last),
        };
        let overlaps = |(first, last): (Position, Position)| first.0 <= to && last.0 >= from;
        let damage =
            self.shared.damages.iter().find(|damage| damage.positions.is_some_and(overlaps));
        match damage {
            Some(damage) => Err(Error::corrupt(format!(
                "{damage}; events outside of it can be read with bounds that leave it out"
            ))),
            None => Ok(()),
        }
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

    /// The position of the first event that was recorded at a time or later, or the next one.
    pub(crate) fn first_since(shared: &Arc<Shared>, time: Timestamp) -> Result<Position> {
        let mut reader = Self::within(Arc::clone(shared), Query::all(), shared.durable());
        reader.first_position_where(|it| it >= time).map(Position)
    }

    /// Turns bounds on versions and times into bounds on positions, as far as they are known now.
    pub(crate) fn narrow_by_lower_bounds(&mut self) -> Result<()> {
        let bounds = self.query.bounds;
        if let Some(version) = bounds.after_version.filter(|&version| version > 0) {
            let position = self.position_of_version(version)?;
            // Where the version itself is lost, each event behind it is asked.
            if position.is_some() || !(self.shared.has_gaps() || self.has_damages()) {
                let first = position.unwrap_or_else(|| self.shared.durable()).next();
                self.range.first = self.range.first.max(first.0);
            }
        }
        if let Some(since) = bounds.since {
            self.range.first = self.first_position_where(|time| time >= since)?;
        }
        Ok(())
    }

    fn narrow_by_upper_bounds(&mut self) -> Result<()> {
        let bounds = self.query.bounds;
        if let Some(version) = bounds.up_to_version {
            let position = self.position_of_version(version)?;
            let unreached = if version == 0 { Position::START } else { Position(u64::MAX) };
            self.range.last = self.range.last.min(position.unwrap_or(unreached).0);
        }
        if let Some(until) = bounds.until {
            let late = self.first_position_where(|time| time > until)?;
            if late <= self.shared.durable().0 {
                self.range.last = self.range.last.min(late - 1);
            }
        }
        Ok(())
    }

    /// Where the query's one stream came to a version, if it did.
    fn position_of_version(&self, version: u64) -> Result<Option<Position>> {
        if self.has_damages() {
            return Ok(None); // the index cannot count what is lost: each event is asked instead
        }
        let stream = self.query.items.first().and_then(|item| item.stream.as_ref());
        let Some(stream) = stream else { return Ok(None) };
        for segment in self.shared.segments_behind(Position::START) {
            if let Some(event) = segment.event_of_version(stream.as_str(), version)? {
                let position = segment.position(event);
                return Ok((position <= self.shared.durable()).then_some(position));
            }
        }
        Ok(None)
    }

    /// The first position in range whose time fulfils what all later ones do too (times never go
    /// back).
    fn first_position_where(&mut self, is_reached: impl Fn(Timestamp) -> bool) -> Result<u64> {
        let Range { first: mut low, last } = self.range;
        let mut high = (last.min(self.shared.durable().0) + 1).max(low);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_reached(self.time_at(middle)?) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(low)
    }

    /// When the event at a position was recorded, or the next one if that is lost and given up.
    fn time_at(&mut self, position: u64) -> Result<Timestamp> {
        let segments = self.shared.segments.load();
        if let Some(segment) = segment_of(&segments, position) {
            return Ok(segment.read(segment.event_at(position), &mut self.buffer)?.recorded_at());
        }
        if self.has_damages() {
            return Err(Error::corrupt(format!(
                "event {position} is lost, so times cannot be searched here: bound the read by positions"
            )));
        }
        let is_behind = |segment: &&Segment| {
            let first = segment.first_position();
            first.0 > position && first <= self.shared.durable()
        };
        let Some(next) = segments.iter().find(is_behind) else {
            return Ok(Timestamp::from_nanos(i64::MAX)); // no event is behind it
        };
        Ok(next.read(0, &mut self.buffer)?.recorded_at())
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

/// What following returns: a reader whose end moves on with what is durable.
pub(crate) struct Following(pub(crate) Option<Reader>);

impl EventSource for Following {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Recorded>>> {
        let Some(reader) = &mut self.0 else { return Poll::Ready(None) };
        let next = loop {
            match reader.step().transpose() {
                None if reader.is_over() => break None,
                None if reader.shared.is_closed() => {
                    break Some(Err(Error::closed(
                        "the store was closed: follow it again when open",
                    )));
                }
                None => {}
                some => break some,
            }
            if !reader.extend() {
                reader.wait(context);
                if is_planted(PlantedBug::SleepWithoutLooking) {
                    return Poll::Pending;
                }
                if !reader.extend() && !reader.shared.is_closed() {
                    return Poll::Pending;
                }
            }
        };
        if !matches!(next, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(next)
    }
}

impl Reader {
    /// Whether nothing can come any more, however long the follower waits.
    fn is_over(&self) -> bool {
        let bound = self.query.bounds.up_to;
        self.is_over || self.left == 0 || bound.is_some_and(|last| self.range.first > last.0)
    }

    /// Has the task woken when more is durable that may match. It looks once more after this.
    fn wait(&self, context: &Context<'_>) {
        let seed = self.shared.identity.hash_seed;
        self.shared.followers.wait(&self.query, seed, context.waker());
    }

    /// Takes in what became durable since; whether there was something.
    fn extend(&mut self) -> bool {
        let durable = self.shared.durable();
        let last = self.query.bounds.up_to.map_or(durable, |bound| bound.min(durable)).0;
        let grew = last > self.range.last;
        if grew {
            self.range.last = last;
            self.sight = Sight::Kept(View::new(&self.shared, durable));
            (self.walk, self.run_up_to) = (None, 0); // it counted the postings when it began
        }
        grew
    }
}
