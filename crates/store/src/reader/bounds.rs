//! Bounds on versions and times, as bounds on positions.

use std::sync::Arc;

use super::{Range, Reader, segment_of};
use crate::error::{Error, Result};
use crate::event::{Position, Timestamp};
use crate::query::Query;
use crate::segment::Segment;
use crate::shared::Shared;

impl Reader {
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

    pub(super) fn narrow_by_upper_bounds(&mut self) -> Result<()> {
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
    pub(super) fn position_of_version(&self, version: u64) -> Result<Option<Position>> {
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
    pub(super) fn first_position_where(
        &mut self,
        is_reached: impl Fn(Timestamp) -> bool,
    ) -> Result<u64> {
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
}
