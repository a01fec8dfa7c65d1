//! The walk of a reader over the segments, from match to match.

use super::stream_walk::{Found, StreamWalk};
use super::{RUN_EVENTS_MIN, Range, Reader, Rest, segment_of};
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::event::Position;
use crate::query::Direction;
use crate::segment::Segment;

/// Where a walk goes on.
enum Next {
    Segment(Segment, Cursor),
    /// No segment has the next position.
    Missing,
    /// Nothing of the range is left that can match.
    Nothing,
}

impl Reader {
    /// The position of the next event, without reading it.
    pub(crate) fn next_position(&mut self) -> Result<Option<Position>> {
        let Some(event) = self.next_match()? else { return Ok(None) };
        Ok(self.walk.as_ref().map(|(segment, _)| segment.position(event)))
    }

    /// The number of the next event in the segment that the walk is in then.
    pub(super) fn next_match(&mut self) -> Result<Option<u32>> {
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
            let (segment, mut cursor) = match self.next_segment()? {
                Next::Segment(segment, cursor) => (segment, cursor),
                Next::Missing => {
                    self.step_over_missing()?;
                    continue;
                }
                Next::Nothing => {
                    self.end_range();
                    break;
                }
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
        if !self.is_forward() || self.has_damages() {
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

    /// The segment that the walk is in, or the next one with a fresh walk of its index.
    fn next_segment(&mut self) -> Result<Next> {
        if let Some((segment, cursor)) = self.walk.take() {
            return Ok(Next::Segment(segment, cursor));
        }
        if let Rest::Unasked = self.rest {
            self.rest = self.look_for_stream();
        }
        let Range { first, last } = self.range;
        if let Rest::OfStream(walk) = &mut self.rest {
            let Some(found) = walk.next((first, last)) else { return Ok(Next::Nothing) };
            self.move_to(&found);
            if let Some((segment, cursor)) = found.walk(self.query.direction) {
                return Ok(Next::Segment(segment, cursor));
            }
        }
        self.enter_segment()
    }

    /// The segment that holds the next position.
    fn enter_segment(&self) -> Result<Next> {
        let segments = self.shared.segments.load();
        let target = if self.is_forward() { self.range.first } else { self.range.last };
        let Some(segment) = segment_of(&segments, target) else { return Ok(Next::Missing) };
        let cursor = Cursor::new(segment, &self.query, self.query.direction)?;
        Ok(Next::Segment(segment.clone(), cursor))
    }

    /// The segments that have events of the query's one stream. Where some are lost, what is before
    /// them and behind is not all that must be looked at; and where a look fails, everything is
    /// read that comes before that place.
    fn look_for_stream(&self) -> Rest {
        if self.has_damages() {
            return Rest::All;
        }
        let (segments, Range { first, last }) = (self.shared.segments.load(), self.range);
        let walk = StreamWalk::of(&segments, &self.query, (first, last));
        walk.ok().flatten().map_or(Rest::All, Rest::OfStream)
    }

    /// To the first event of a segment, in the reader's direction.
    fn move_to(&mut self, found: &Found) {
        let Range { first, last } = &mut self.range;
        match self.query.direction {
            Direction::Forward => *first = found.first.max(*first),
            Direction::Backward => *last = found.last.map_or(*last, |end| end.min(*last)),
        }
    }

    fn end_range(&mut self) {
        let Range { first, last } = self.range;
        self.move_past(if self.is_forward() { last } else { first });
    }

    pub(super) fn is_forward(&self) -> bool {
        self.query.direction == Direction::Forward
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
}
