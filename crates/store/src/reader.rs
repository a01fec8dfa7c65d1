//! Reading: a query's walk over all files, forwards or backwards, and following at the end of it.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::{Error, Result};
use crate::event::{Position, Timestamp};
use crate::events::EventSource;
use crate::index::Cursor;
use crate::log::{LogFile, ReadBuffer};
use crate::query::{Direction, Query};
use crate::record::Recorded;
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
    file: Option<(Arc<LogFile>, Cursor)>,
    buffer: ReadBuffer,
}

/// Positions from `first` to `last`, both included; empty if `first` is above `last`.
#[derive(Debug, Clone, Copy)]
struct Range {
    first: u64,
    last: u64,
}

impl Reader {
    /// A reader of what is durable now.
    pub(crate) fn new(shared: Arc<Shared>, query: Query) -> Result<Self> {
        let mut reader = Self::from_lower_bounds(shared, query)?;
        reader.narrow_by_upper_bounds()?;
        Ok(reader)
    }

    /// A reader that goes on where it ends: see [`Following`].
    pub(crate) fn following(shared: Arc<Shared>, mut query: Query) -> Result<Self> {
        query.direction = Direction::Forward;
        let mut reader = Self::from_lower_bounds(shared, query)?;
        reader.is_over = reader.query.bounds.up_to_version == Some(0);
        Ok(reader)
    }

    fn from_lower_bounds(shared: Arc<Shared>, query: Query) -> Result<Self> {
        let last = shared.durable();
        let mut reader = Self::within(shared, query, last);
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
        Self {
            shared,
            query,
            range,
            left,
            is_over: false,
            file: None,
            buffer: ReadBuffer::default(),
        }
    }

    /// The next event in the query's direction.
    pub(crate) fn step(&mut self) -> Result<Option<Recorded>> {
        while self.left > 0 && !self.is_over {
            let Some((file, event)) = self.next_match()? else { return Ok(None) };
            let recorded = file.read(event, &mut self.buffer)?;
            if self.is_within_bounds(&recorded) {
                self.left -= 1;
                return Ok(Some(recorded));
            }
        }
        Ok(None)
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

    /// The position of the next event, without reading it.
    pub(crate) fn next_position(&mut self) -> Result<Option<Position>> {
        Ok(self.next_match()?.map(|(file, event)| file.position(event)))
    }

    fn next_match(&mut self) -> Result<Option<(Arc<LogFile>, u32)>> {
        while self.range.first <= self.range.last {
            let Some((file, mut cursor)) = self.file.take().or_else(|| self.open_file()) else {
                self.step_over_missing_files()?;
                continue;
            };
            let found = self.seek_in(&file, &mut cursor);
            let reached = found.map_or_else(|| self.end_of(&file), |event| file.position(event).0);
            self.refuse_damage_before(reached)?;
            self.move_past(reached);
            if let Some(event) = found {
                self.file = Some((Arc::clone(&file), cursor));
                return Ok(Some((file, event)));
            }
        }
        Ok(None)
    }

    fn seek_in(&self, file: &LogFile, cursor: &mut Cursor) -> Option<u32> {
        let events = file.count_up_to(Position(self.range.last));
        let found = match self.query.direction {
            Direction::Forward => {
                cursor.seek(&file.index, file.event_at(self.range.first)).filter(|&e| e < events)
            }
            Direction::Backward => {
                events.checked_sub(1).and_then(|last| cursor.seek(&file.index, last))
            }
        };
        let position = file.position(found?).0;
        (self.range.first..=self.range.last).contains(&position).then_some(found?)
    }

    /// The last position of a file in the reader's direction, as far as the range reaches.
    fn end_of(&self, file: &LogFile) -> u64 {
        match self.query.direction {
            Direction::Forward => {
                let end = self.next_file_start(file).map_or(u64::MAX, |next| next - 1);
                end.min(self.range.last)
            }
            Direction::Backward => file.header.first_position.0,
        }
    }

    fn next_file_start(&self, file: &LogFile) -> Option<u64> {
        let files = self.shared.files.load();
        let next = files.iter().find(|other| other.header.number > file.header.number)?;
        Some(next.header.first_position.0)
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

    /// The file that holds the next position, with a fresh walk of its index.
    fn open_file(&self) -> Option<(Arc<LogFile>, Cursor)> {
        let files = self.shared.files.load();
        let target = match self.query.direction {
            Direction::Forward => self.range.first,
            Direction::Backward => self.range.last,
        };
        let after = files.partition_point(|file| file.header.first_position.0 <= target);
        // Files without an event share their first position with the file after them.
        let file = files[..after].last()?;
        Some((Arc::clone(file), Cursor::new(&file.index, &self.query, self.query.direction)))
    }

    /// Before the first file that there is, nothing can be read.
    fn step_over_missing_files(&mut self) -> Result<()> {
        let reached = match self.query.direction {
            Direction::Forward => {
                let files = self.shared.files.load();
                let first = files.first().map_or(u64::MAX, |file| file.header.first_position.0);
                self.range.last.min(first - 1)
            }
            Direction::Backward => self.range.first,
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

    /// Turns bounds on versions and times into bounds on positions, as far as they are known now.
    fn narrow_by_lower_bounds(&mut self) -> Result<()> {
        let bounds = self.query.bounds;
        if let Some(version) = bounds.after_version.filter(|&version| version > 0) {
            let position = self.position_of_version(version);
            if position.is_some() || self.shared.damages.is_empty() {
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
            let position = self.position_of_version(version);
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
    fn position_of_version(&self, version: u64) -> Option<Position> {
        if !self.shared.damages.is_empty() {
            return None; // the index cannot count what is lost: each event is asked instead
        }
        let stream = self.query.items.first()?.stream.as_ref()?.as_str();
        let files = self.shared.files.load();
        let in_file = |file: &Arc<LogFile>| {
            file.index.event_of_version(stream, version).map(|event| file.position(event))
        };
        files.iter().rev().find_map(in_file).filter(|&position| position <= self.shared.durable())
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

    fn time_at(&mut self, position: u64) -> Result<Timestamp> {
        let files = self.shared.files.load();
        let after = files.partition_point(|file| file.header.first_position.0 <= position);
        let there = files[..after].last().map(|file| (file, file.event_at(position)));
        let Some((file, event)) = there.filter(|(file, event)| *event < file.index.count()) else {
            return Err(Error::corrupt(format!(
                "event {position} is lost, so times cannot be searched here: bound the read by positions"
            )));
        };
        Ok(file.read(event, &mut self.buffer)?.recorded_at())
    }
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
            self.file = None; // the walk counted the postings when it began
        }
        grew
    }
}
