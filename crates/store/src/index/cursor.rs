//! A query's walk through one file's index: unions and intersections of postings, in either
//! direction.

use super::FileIndex;
use super::keys::KeyClass;
use super::postings::PostingsCursor;
use crate::query::{Direction, Query, QueryItem};

/// Finds the events of one file that match a query, one after another.
///
/// A cursor belongs to the index that it was made from, and is lent it again at each step.
#[derive(Debug, Clone)]
pub(crate) enum Cursor {
    Every,
    Nothing,
    Postings(PostingsCursor),
    AnyOf(Vec<Self>, Direction),
    AllOf(Vec<Self>),
}

impl Cursor {
    /// The walk of a query's alternatives; its bounds are the caller's business.
    pub(crate) fn new(index: &FileIndex, query: &Query, direction: Direction) -> Self {
        if query.items.is_empty() {
            return Self::Every;
        }
        let items = query.items.iter().map(|item| Self::of_item(index, item, direction));
        Self::any_of(items.collect(), direction)
    }

    fn of_item(index: &FileIndex, item: &QueryItem, direction: Direction) -> Self {
        let one = |class, name: &str| Self::of_key(index, class, name, direction);
        let stream = item.stream.iter().map(|stream| one(KeyClass::Stream, stream.as_str()));
        let category = item.category.iter().map(|category| one(KeyClass::Category, category));
        let tags = item.tags.iter().map(|tag| one(KeyClass::Tag, tag.as_str()));
        let mut all: Vec<Self> = stream.chain(category).chain(tags).collect();
        if !item.kinds.is_empty() {
            let kinds = item.kinds.iter().map(|kind| one(KeyClass::Kind, kind));
            all.push(Self::any_of(kinds.collect(), direction));
        }
        Self::all_of(all)
    }

    fn of_key(index: &FileIndex, class: KeyClass, name: &str, direction: Direction) -> Self {
        index.key(class, name).map_or(Self::Nothing, |key| {
            Self::Postings(PostingsCursor::new(&key.postings, &index.arena, direction))
        })
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
            _ => Self::AllOf(cursors),
        }
    }

    /// The nearest matching event at `target` or beyond it, in the cursor's direction.
    ///
    /// May name an event beyond the file's durable end; the caller knows where that is.
    pub(crate) fn seek(&mut self, index: &FileIndex, target: u32) -> Option<u32> {
        match self {
            Self::Every => Some(target),
            Self::Nothing => None,
            Self::Postings(cursor) => cursor.seek(&index.arena, target),
            Self::AnyOf(cursors, direction) => {
                let found = cursors.iter_mut().filter_map(|cursor| cursor.seek(index, target));
                match direction {
                    Direction::Forward => found.min(),
                    Direction::Backward => found.max(),
                }
            }
            Self::AllOf(cursors) => seek_all(cursors, index, target),
        }
    }
}

/// Leapfrog: each cursor jumps to where the one before it landed, until all stand on one event.
fn seek_all(cursors: &mut [Cursor], index: &FileIndex, mut target: u32) -> Option<u32> {
    let mut agreeing = 0;
    loop {
        for cursor in &mut *cursors {
            let found = cursor.seek(index, target)?;
            agreeing = if found == target { agreeing + 1 } else { 1 };
            target = found;
        }
        if agreeing >= cursors.len() {
            return Some(target);
        }
    }
}
