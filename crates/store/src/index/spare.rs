//! The memory of an index that was sealed, kept for the next one.
//!
//! What is filled all the time would otherwise take some megabytes from the system for each file
//! and give them back in pieces, between others that stay: most of them would never be free again.

use std::sync::PoisonError;

use super::GrowingIndex;
use crate::sync::{Mutex, MutexGuard};

/// At most one index that is empty, and waits for a file.
#[derive(Default)]
pub(crate) struct SpareIndex(Mutex<Option<GrowingIndex>>);

impl SpareIndex {
    /// Takes an index that nobody reads any more, unless it grew larger than that.
    pub(crate) fn keep(&self, mut index: GrowingIndex, bytes_max: u64) {
        if index.allocated_bytes() as u64 <= bytes_max {
            index.empty();
            *self.lock() = Some(index);
        }
    }

    /// An empty index for a file of that many bytes, if one waits.
    pub(crate) fn take(&self, file_bytes: u64) -> Option<GrowingIndex> {
        self.lock().take().filter(|index| index.is_for(file_bytes))
    }

    /// Bytes that it holds in memory.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.lock().as_ref().map_or(0, GrowingIndex::allocated_bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Option<GrowingIndex>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventId;
    use crate::index::{IndexEntry, KeyClass};

    const FILE_BYTES: u64 = 64 << 10;

    fn push(index: &GrowingIndex, number: u64) {
        let id = EventId::from_bytes(u128::from(number + 1).to_be_bytes());
        let stream = format!("order-{number}");
        let (stream, tags) = (Some(&*stream), ["a", "b"].into_iter());
        index.push(IndexEntry { id, offset: 64, stream, version: 1, kind: "Made", tags }, None);
    }

    fn filled(events: u64) -> GrowingIndex {
        let index = GrowingIndex::new(FILE_BYTES, 7);
        (0..events).for_each(|number| push(&index, number));
        index
    }

    #[test]
    fn what_is_kept_is_empty_and_is_filled_again_without_more_memory() {
        let (spare, full) = (SpareIndex::default(), filled(1000));
        let allocated = full.allocated_bytes();
        spare.keep(full, u64::MAX);
        assert_eq!(spare.allocated_bytes(), allocated);
        let again = spare.take(FILE_BYTES).expect("one waits");
        assert_eq!(spare.allocated_bytes(), 0, "it is taken once");
        assert_eq!(again.used_bytes(), GrowingIndex::new(FILE_BYTES, 7).used_bytes());
        assert_eq!(again.stream_version("order-1", u32::MAX), None);
        (500..1500).for_each(|number| push(&again, number));
        assert_eq!(again.stream_version("order-1", u32::MAX), None);
        assert_eq!(again.stream_version("order-1499", u32::MAX), Some(1));
        assert_eq!(again.key(KeyClass::Tag, "b").map(|key| key.postings.count()), Some(1000));
        assert_eq!(again.allocated_bytes(), allocated);
    }

    #[test]
    fn one_that_is_too_small_or_has_grown_too_large_is_let_go() {
        let spare = SpareIndex::default();
        spare.keep(filled(1000), 1000);
        assert!(spare.take(FILE_BYTES).is_none());
        spare.keep(filled(10), u64::MAX);
        assert!(spare.take(FILE_BYTES * 2).is_none());
    }
}
