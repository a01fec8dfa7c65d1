//! A query's walk through one file's index: unions and intersections of postings, in either
//! direction.

use crate::error::Result;
use crate::index::sealed::SealedPostings;
use crate::index::{KeyClass, PostingsCursor, Stand};
use crate::planted::{PlantedBug, is_planted};
use crate::query::{Direction, Query, QueryItem};
use crate::segment::Segment;

/// Finds the events of one segment that match a query, one after another.
///
/// A cursor belongs to the segment that it was made from, and is lent it again at each step.
#[derive(Debug, Clone)]
pub(crate) enum Cursor {
    Every,
    Nothing,
    Growing(PostingsCursor),
    Sealed(SealedPostings, Direction),
    AnyOf(Vec<Self>, Direction),
    AllOf(Vec<Self>),
}

impl Cursor {
    /// The walk of a query's alternatives; its bounds are the caller's business.
    pub(crate) fn new(segment: &Segment, query: &Query, direction: Direction) -> Result<Self> {
        if query.items.is_empty() {
            return Ok(Self::Every);
        }
        let items = query.items.iter().map(|item| Self::of_item(segment, item, direction));
        Ok(Self::any_of(items.collect::<Result<_>>()?, direction))
    }

    fn of_item(segment: &Segment, item: &QueryItem, direction: Direction) -> Result<Self> {
        let one = |class, name: &str| segment.postings(class, name, direction);
        let stream = item.stream.iter().map(|stream| one(KeyClass::Stream, stream.as_str()));
        let category = item.category.iter().map(|category| one(KeyClass::Category, category));
        let tags = item.tags.iter().map(|tag| one(KeyClass::Tag, tag.as_str()));
        let mut all: Vec<Self> = stream.chain(category).chain(tags).collect::<Result<_>>()?;
        if !item.kinds.is_empty() {
            let kinds = item.kinds.iter().map(|kind| one(KeyClass::Kind, kind));
            all.push(Self::any_of(kinds.collect::<Result<_>>()?, direction));
        }
        Ok(Self::all_of(all))
    }

    fn any_of(mut cursors: Vec<Self>, direction: Direction) -> Self {
        cursors.retain(|cursor| !matches!(cursor, Self::Nothing));
        match cursors.len() {
            0 => Self::Nothing,
            1 => cursors.remove(0),
            _ => Self::AnyOf(cursors, direction),
        }
    }

    fn all_of(mut cursors: Vec<Self>) -> Self {
        if cursors.iter().any(|cursor| matches!(cursor, Self::Nothing)) {
            return Self::Nothing;
        }
        match cursors.len() {
            0 => Self::Every,
            1 => cursors.remove(0),
            _ if is_planted(PlantedBug::OneTermIsEnough) => cursors.remove(0),
            _ => Self::AllOf(cursors),
        }
    }

    /// Whether it names every event, so that they are read one after another.
    pub(crate) fn is_every(&self) -> bool {
        matches!(self, Self::Every)
    }

    /// The nearest matching event at `target` or beyond it, in the cursor's direction.
    ///
    /// May name an event beyond the segment's durable end; the caller knows where that is.
    pub(crate) fn seek(&mut self, segment: &Segment, target: u32) -> Result<Option<u32>> {
        match self {
            Self::Every => Ok(Some(target)),
            Self::Nothing => Ok(None),
            Self::Growing(cursor) => Ok(segment.seek_growing(cursor, target)),
            Self::Sealed(postings, direction) => segment.seek_sealed(postings, target, *direction),
            Self::AnyOf(cursors, direction) => seek_any(cursors, segment, target, *direction),
            Self::AllOf(cursors) => seek_all(cursors, segment, target),
        }
    }
}

impl Cursor {
    /// Where an event stands that was sought last, if the walk tells.
    pub(crate) fn stand_of(&self, found: u32) -> Option<Stand> {
        match self {
            Self::Sealed(postings, _) => postings.stand_of(found),
            _ => None,
        }
    }

    /// The first event behind `found`, which was sought last, that may not match.
    pub(crate) fn end_of_run(&self, found: u32) -> u32 {
        match self {
            Self::Every => u32::MAX,
            Self::Sealed(postings, _) => postings.end_of_run(found),
            _ => found.saturating_add(1),
        }
    }
}

fn seek_any(
    cursors: &mut [Cursor],
    segment: &Segment,
    target: u32,
    direction: Direction,
) -> Result<Option<u32>> {
    let mut nearest = None;
    for cursor in cursors {
        let Some(found) = cursor.seek(segment, target)? else { continue };
        nearest = Some(match (direction, nearest) {
            (_, None) => found,
            (Direction::Forward, Some(other)) => found.min(other),
            (Direction::Backward, Some(other)) => found.max(other),
        });
    }
    Ok(nearest)
}

/// Leapfrog: each cursor jumps to where the one before it landed, until all stand on one event.
fn seek_all(cursors: &mut [Cursor], segment: &Segment, mut target: u32) -> Result<Option<u32>> {
    let mut agreeing = 0;
    loop {
        for cursor in &mut *cursors {
            let Some(found) = cursor.seek(segment, target)? else { return Ok(None) };
            agreeing = if found == target { agreeing + 1 } else { 1 };
            target = found;
        }
        if agreeing >= cursors.len() {
            return Ok(Some(target));
        }
    }
}
