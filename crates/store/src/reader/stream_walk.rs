//! Where the events of one stream stand: the segments that have some, found from the newest on.
//!
//! The index of a segment knows which version a stream had before its first event there. Where that
//! is 0 the stream begins, so that nobody looks into what is older; and a walk that knows its last
//! segment does not look into what comes behind it. Without that, each index file would be asked
//! for the stream: a large store has some ten of them.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use crate::cursor::Cursor;
use crate::error::Result;
use crate::index::KeyClass;
use crate::index::sealed::SealedPostings;
use crate::query::{Direction, Query};
use crate::segment::{Sealed, Segment};

/// The segments that are left of a stream's, newest first.
pub(super) struct StreamWalk {
    left: VecDeque<Found>,
    direction: Direction,
}

/// A segment that has events of the stream. It is not held: somebody who reads slowly would keep
/// what was merged or sealed meanwhile.
pub(super) struct Found {
    /// The positions of its first event, and of its last if no more were added when it was found.
    pub(super) first: u64,
    pub(super) last: Option<u64>,
    sealed: Option<(Weak<Sealed>, SealedPostings)>,
}

impl StreamWalk {
    /// The walk of a query for one stream, if it pays to know all of it before it begins. Whoever
    /// reads so many events from somewhere on mostly needs one segment of a long stream.
    pub(super) fn of(
        segments: &[Segment],
        query: &Query,
        (first, last): (u64, u64),
    ) -> Result<Option<Self>> {
        let [item] = &query.items[..] else { return Ok(None) };
        let direction = query.direction;
        let is_page = query.limit.is_some() && (first > 1 || direction == Direction::Backward);
        let Some(stream) = item.stream.as_ref().filter(|_| !is_page) else { return Ok(None) };
        let mut left = VecDeque::new();
        for segment in within(segments, first, last).rev() {
            let Some((version_before, mut found)) = look_into(segment, stream.as_str())? else {
                continue;
            };
            // What else is asked for has its own walk, which begins when it is the segment's turn.
            found.sealed = found.sealed.filter(|_| item.is_whole_stream());
            left.push_back(found);
            if version_before == 0 {
                break;
            }
        }
        Ok(Some(Self { left, direction }))
    }

    /// The next segment in the walk's direction that is not behind the range's end by now.
    pub(super) fn next(&mut self, (first, last): (u64, u64)) -> Option<Found> {
        loop {
            let next = match self.direction {
                Direction::Forward => self.left.pop_back()?,
                Direction::Backward => self.left.pop_front()?,
            };
            // Those that were merged meanwhile were all read with the first of them.
            if next.first <= last && next.last.is_none_or(|end| end >= first) {
                return Some(next);
            }
        }
    }
}

impl Found {
    /// Its walk, if it is still what it was.
    pub(super) fn walk(self, direction: Direction) -> Option<(Segment, Cursor)> {
        let (sealed, postings) = self.sealed?;
        Some((Segment::Sealed(sealed.upgrade()?), Cursor::Sealed(postings, direction)))
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

/// Whether a segment has events of a stream, and which version that had before them.
fn look_into(segment: &Segment, stream: &str) -> Result<Option<(u64, Found)>> {
    let (first, last) = (segment.first_position().0, segment.last_position().map(|last| last.0));
    let sealed = match segment {
        Segment::Growing(growing) => {
            let version_before = growing.index.version_before(stream);
            return Ok(version_before.map(|it| (it, Found { first, last, sealed: None })));
        }
        Segment::Sealed(sealed) => sealed,
    };
    let key = sealed.index.key(KeyClass::Stream, stream)?;
    Ok(key.map(|key| {
        let sealed = Some((Arc::downgrade(sealed), key.postings));
        (key.version_before, Found { first, last, sealed })
    }))
}
