//! For one key, the events that have it, in order: the first beside the key, because most keys of a
//! file have one event there, and the others in a chain of growing blocks in a shared arena.
//!
//! One thread appends; readers take the count first and never look beyond it. Events are named by
//! their number in their log file, counted from 0.

use std::sync::atomic::{AtomicU32, Ordering};

use super::arena::Arena;
use crate::query::Direction;

const BLOCK_ENTRIES_MAX: u32 = 1024;
/// Words before the entries of a block: previous block, next block, ordinal of the first entry.
const BLOCK_HEADER: u32 = 3;
/// No block: the arena's first word is never given away.
const NONE: u32 = 0;

/// Where the postings of one key begin and end.
pub(crate) struct Postings {
    first: u32,
    first_block: AtomicU32,
    last_block: AtomicU32,
    count: AtomicU32,
}

impl Arena {
    fn new_block(&self, previous: u32, first_ordinal: u32) -> u32 {
        let entries = (0..capacity_from(first_ordinal)).map(|_| NONE);
        self.take([previous, NONE, first_ordinal].into_iter().chain(entries))
    }

    fn previous(&self, block: u32) -> u32 {
        self.load(block)
    }

    fn next(&self, block: u32) -> u32 {
        self.load(block + 1)
    }

    fn first_ordinal(&self, block: u32) -> u32 {
        self.load(block + 2)
    }

    fn capacity(&self, block: u32) -> u32 {
        capacity_from(self.first_ordinal(block))
    }

    fn entry(&self, block: u32, slot: u32) -> u32 {
        self.load(block + BLOCK_HEADER + slot)
    }
}

/// How many entries a block has room for whose first one has this ordinal: as many as stand before.
fn capacity_from(first_ordinal: u32) -> u32 {
    first_ordinal.min(BLOCK_ENTRIES_MAX)
}

impl Postings {
    /// The postings of a key that one event has.
    pub(crate) fn of(first: u32) -> Self {
        let none = || AtomicU32::new(NONE);
        Self { first, first_block: none(), last_block: none(), count: AtomicU32::new(1) }
    }

    /// How many events have the key.
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Adds an event; only the writer calls this, with ever higher numbers. The same event twice
    /// (it may have the same tag twice) counts once.
    pub(crate) fn push(&self, arena: &Arena, event: u32) {
        let count = self.count.load(Ordering::Relaxed);
        let (mut block, mut slot, mut newest) =
            (self.last_block.load(Ordering::Relaxed), 0, self.first);
        if block != NONE {
            slot = count - arena.first_ordinal(block);
            newest = arena.entry(block, slot - 1);
        }
        if newest == event {
            return;
        }
        if block == NONE || slot == capacity_from(count - slot) {
            (block, slot) = (self.add_block(arena, block, count), 0);
        }
        arena.store(block + BLOCK_HEADER + slot, event);
        self.count.store(count + 1, Ordering::Release);
    }

    /// Adds a block behind the last one, for the entry with this ordinal.
    fn add_block(&self, arena: &Arena, last: u32, ordinal: u32) -> u32 {
        let block = arena.new_block(last, ordinal);
        if last == NONE {
            self.first_block.store(block, Ordering::Release);
        } else {
            arena.store(last + 1, block);
        }
        self.last_block.store(block, Ordering::Release);
        block
    }

    /// The event with this ordinal among those that have the key, counted from 0.
    pub(crate) fn nth(&self, arena: &Arena, ordinal: u32) -> Option<u32> {
        if ordinal >= self.count() {
            return None;
        }
        if ordinal == 0 {
            return Some(self.first);
        }
        let mut block = self.last_block.load(Ordering::Acquire);
        while arena.first_ordinal(block) > ordinal {
            block = arena.previous(block);
        }
        Some(arena.entry(block, ordinal - arena.first_ordinal(block)))
    }

    /// Visits all events that have the key, in order.
    pub(crate) fn for_each(
        &self,
        arena: &Arena,
        visit: &mut dyn FnMut(u32) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        visit(self.first)?;
        let (count, mut block) = (self.count(), self.first_block.load(Ordering::Acquire));
        while block != NONE && arena.first_ordinal(block) < count {
            let slots = arena.capacity(block).min(count - arena.first_ordinal(block));
            for slot in 0..slots {
                visit(arena.entry(block, slot))?;
            }
            block = arena.next(block);
        }
        Ok(())
    }

    /// How many of the events that have the key are numbered below `event`.
    pub(crate) fn count_below(&self, arena: &Arena, event: u32) -> u32 {
        let mut cursor = PostingsCursor::new(self, arena, Direction::Backward);
        match event.checked_sub(1).and_then(|last| cursor.seek(arena, last)) {
            Some(_) => cursor.ordinal + 1,
            None => 0,
        }
    }
}

/// Walks the postings of one key in one direction.
#[derive(Debug, Clone)]
pub(crate) struct PostingsCursor {
    direction: Direction,
    first: u32,
    first_block: u32,
    /// The block where it is; none while it is at the first entry.
    block: u32,
    ordinal: u32,
    count: u32,
    started: bool,
}

impl PostingsCursor {
    pub(crate) fn new(postings: &Postings, arena: &Arena, direction: Direction) -> Self {
        let count = postings.count();
        let mut block = postings.last_block.load(Ordering::Acquire);
        while block != NONE && arena.first_ordinal(block) >= count {
            block = arena.previous(block); // newer than the count that was read
        }
        let (first, first_block) = (postings.first, postings.first_block.load(Ordering::Acquire));
        Self { direction, first, first_block, block, ordinal: count - 1, count, started: false }
    }

    /// The nearest event at `target` or beyond it, in the cursor's direction. Targets must not go
    /// back.
    pub(crate) fn seek(&mut self, arena: &Arena, target: u32) -> Option<u32> {
        if self.count == 0 {
            return None;
        }
        match self.direction {
            Direction::Forward => self.seek_forward(arena, target),
            Direction::Backward => self.seek_backward(arena, target),
        }
    }

    fn seek_forward(&mut self, arena: &Arena, target: u32) -> Option<u32> {
        if !self.started {
            self.start_before(arena, target);
        }
        while self.entry(arena, self.slots(arena) - 1) < target {
            let next = self.next_block(arena);
            if next == NONE || arena.first_ordinal(next) >= self.count {
                return None;
            }
            self.block = next;
            self.ordinal = arena.first_ordinal(next);
        }
        let first = self.first_ordinal(arena);
        let from = self.ordinal - first;
        let slot = partition(from, self.slots(arena), |slot| self.entry(arena, slot) < target);
        self.ordinal = first + slot;
        Some(self.entry(arena, slot))
    }

    /// Most reads begin at the very beginning or near the end, so the walk starts from whichever it
    /// is.
    fn start_before(&mut self, arena: &Arena, target: u32) {
        self.started = true;
        if target == 0 {
            self.block = NONE;
        }
        while self.block != NONE && self.entry(arena, 0) > target {
            self.block = arena.previous(self.block);
        }
        self.ordinal = self.first_ordinal(arena);
    }

    fn seek_backward(&mut self, arena: &Arena, target: u32) -> Option<u32> {
        while self.entry(arena, 0) > target {
            if self.block == NONE {
                self.count = 0;
                return None;
            }
            self.block = arena.previous(self.block);
            self.ordinal = self.first_ordinal(arena) + self.slots(arena) - 1;
        }
        let first = self.first_ordinal(arena);
        let end = self.ordinal - first + 1;
        let after = partition(0, end, |slot| self.entry(arena, slot) <= target);
        self.ordinal = first + after - 1;
        Some(self.entry(arena, after - 1))
    }

    fn next_block(&self, arena: &Arena) -> u32 {
        if self.block == NONE { self.first_block } else { arena.next(self.block) }
    }

    fn first_ordinal(&self, arena: &Arena) -> u32 {
        if self.block == NONE { 0 } else { arena.first_ordinal(self.block) }
    }

    fn entry(&self, arena: &Arena, slot: u32) -> u32 {
        if self.block == NONE { self.first } else { arena.entry(self.block, slot) }
    }

    /// Entries of the current block that count.
    fn slots(&self, arena: &Arena) -> u32 {
        if self.block == NONE {
            return 1;
        }
        arena.capacity(self.block).min(self.count - arena.first_ordinal(self.block))
    }
}

/// The first number in `from..to` that is not below, where all that are below stand before all
/// others.
fn partition(mut from: u32, mut to: u32, is_below: impl Fn(u32) -> bool) -> u32 {
    while from < to {
        let middle = from + (to - from) / 2;
        if is_below(middle) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postings(arena: &Arena, events: impl IntoIterator<Item = u32>) -> Postings {
        let mut events = events.into_iter();
        let postings = Postings::of(events.next().expect("a key has an event"));
        events.for_each(|event| postings.push(arena, event));
        postings
    }

    #[test]
    fn forward_and_backward_agree_with_a_sorted_list() {
        let arena = Arena::new();
        for count in [1, 2, 3, 4, 5, 7, 100, 5_000] {
            let list: Vec<u32> = (0..count).map(|n| n * 3 + 1).collect();
            let postings = postings(&arena, list.iter().copied());
            for target in (0..count * 3 + 5).step_by(1 + count as usize / 50) {
                let mut forward = PostingsCursor::new(&postings, &arena, Direction::Forward);
                let expected = list.iter().copied().find(|&event| event >= target);
                assert_eq!(forward.seek(&arena, target), expected);
                let mut backward = PostingsCursor::new(&postings, &arena, Direction::Backward);
                let expected = list.iter().copied().rfind(|&event| event <= target);
                assert_eq!(backward.seek(&arena, target), expected);
                let below = list.iter().filter(|&&event| event < target).count();
                assert_eq!(postings.count_below(&arena, target) as usize, below);
            }
        }
    }

    #[test]
    fn a_walk_visits_every_entry_once_in_both_directions() {
        let arena = Arena::new();
        let list: Vec<u32> = (0..3_000).map(|n| n * 2).collect();
        let postings = postings(&arena, list.iter().copied());
        let mut forward = PostingsCursor::new(&postings, &arena, Direction::Forward);
        let mut target = 0;
        let walk = std::iter::from_fn(|| {
            let found = forward.seek(&arena, target)?;
            target = found + 1;
            Some(found)
        });
        assert_eq!(walk.collect::<Vec<_>>(), list);
        let mut backward = PostingsCursor::new(&postings, &arena, Direction::Backward);
        let mut target = Some(u32::MAX);
        let walk = std::iter::from_fn(|| {
            let found = backward.seek(&arena, target?)?;
            target = found.checked_sub(1);
            Some(found)
        });
        assert_eq!(walk.collect::<Vec<_>>(), list.iter().rev().copied().collect::<Vec<_>>());
    }

    #[test]
    fn the_nth_entry_is_found_from_any_block() {
        let arena = Arena::new();
        let postings = postings(&arena, (0..3_000).map(|n| n + 10));
        for ordinal in [0, 1, 2, 3, 4, 1_000, 2_999] {
            assert_eq!(postings.nth(&arena, ordinal), Some(ordinal + 10));
        }
        assert_eq!(postings.nth(&arena, 3_000), None);
    }
}
