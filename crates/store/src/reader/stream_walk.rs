//! Where the events of one stream stand: the segments that have some, found from the newest on.
//!
//! The index of a segment knows which version a stream had before its first event there. Where that
//! is 0 the stream begins, so that nobody looks into what is older; and a walk that knows its last
//! segment does not look into what comes behind it. Without that, each index file would be asked
//! for the stream: a large store has some ten of them.

use std::collections::VecDeque;

use crate::cursor::Cursor;
use crate::error::Result;
use crate::query::{Direction, Query};
use crate::segment::Segment;

/// The segments that are left of a stream's, with the walk of each, newest first.
pub(crate) struct StreamWalk {
    left: VecDeque<(Segment, Cursor)>,
    direction: Direction,
}

impl StreamWalk {
    /// The walk of a query for one stream, if it pays to know all of it before it begins. Whoever
    /// reads so many events from somewhere on mostly needs one segment of a long stream.
    pub(crate) fn of(
        segments: &[Segment],
        query: &Query,
        (first, last): (u64, u64),
    ) -> Result<Option<Self>> {
        let [item] = &query.items[..] else { return Ok(None) };
        let direction = query.direction;
        let is_page = query.limit.is_some() && (first > 1 || direction == Direction::Backward);
        let Some(stream) = item.stream.as_ref().filter(|_| !is_page) else { return Ok(None) };
        let is_alone = item.is_whole_stream();
        let mut left = VecDeque::new();
        for segment in within(segments, first, last).rev() {
            let Some((version_before, postings)) = segment.stream(stream.as_str(), direction)?
            else {
                continue;
            };
            let cursor = if is_alone { postings } else { Cursor::new(segment, query, direction)? };
            left.push_back((segment.clone(), cursor));
            if version_before == 0 {
                break;
            }
        }
        Ok(Some(Self { left, direction }))
    }

    /// The next segment in the walk's direction.
    pub(crate) fn next(&mut self) -> Option<(Segment, Cursor)> {
        match self.direction {
            Direction::Forward => self.left.pop_back(),
            Direction::Backward => self.left.pop_front(),
        }
    }
}

/// The segments that have, or may get, events of a range of positions.
fn within(
    segments: &[Segment],
    first: u64,
    last: u64,
) -> impl DoubleEndedIterator<Item = &Segment> {
    let end = segments.partition_point(|segment| segment.first_position().0 <= last);
    let is_over = |segment: &Segment| segment.last_position().is_some_and(|last| last.0 < first);
    let start = segments[..end].partition_point(is_over);
    segments[start..end].iter()
}
