//! The words that the names and postings of one log file's index are made of.
//!
//! Few large pieces of memory instead of one for each name: that is faster to take and to give
//! back, and leaves no holes behind.

use std::sync::atomic::{AtomicU32, Ordering};

use super::append_list::AppendList;

const WORD_BYTES: usize = size_of::<u32>();

/// Words that one thread takes one after another, while others read what was taken.
pub(crate) struct Arena {
    words: AppendList<AtomicU32>,
    length: AtomicU32,
}

impl Arena {
    /// Without a word yet, but for the first: no word has the number 0.
    pub(crate) const fn new() -> Self {
        Self { words: AppendList::new(), length: AtomicU32::new(1) }
    }

    /// Gives all words back, to be taken again.
    pub(crate) fn empty(&mut self) {
        self.words.empty();
        self.length = AtomicU32::new(1);
    }

    /// Takes words with these values; the number of the first.
    pub(super) fn take(&self, values: impl Iterator<Item = u32>) -> u32 {
        let first = self.length.load(Ordering::Relaxed);
        let mut end = first;
        for value in values {
            self.words.slot(end).store(value, Ordering::Release);
            end += 1;
        }
        self.length.store(end, Ordering::Relaxed);
        first
    }

    pub(super) fn load(&self, word: u32) -> u32 {
        self.words.at(word).load(Ordering::Acquire)
    }

    pub(super) fn store(&self, word: u32, value: u32) {
        self.words.at(word).store(value, Ordering::Release);
    }

    /// Takes words for some bytes; the number of the first.
    pub(super) fn take_bytes(&self, bytes: &[u8]) -> u32 {
        self.take(words_of(bytes))
    }

    /// Whether as many bytes as these, from a word on, are these.
    pub(super) fn has_bytes(&self, first: u32, bytes: &[u8]) -> bool {
        words_of(bytes).zip(first..).all(|(value, word)| self.load(word) == value)
    }

    /// So many bytes from a word on.
    pub(super) fn bytes(&self, first: u32, length: usize) -> Vec<u8> {
        let words = (first..).take(length.div_ceil(WORD_BYTES));
        let mut bytes: Vec<u8> = words.flat_map(|word| self.load(word).to_le_bytes()).collect();
        bytes.truncate(length);
        bytes
    }

    /// Bytes of the words that were taken.
    pub(crate) fn used_bytes(&self) -> usize {
        self.length.load(Ordering::Relaxed) as usize * WORD_BYTES
    }

    /// Bytes that it holds in memory.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.words.allocated_bytes()
    }
}

/// Bytes as words, the last one filled up with zeros.
fn words_of(bytes: &[u8]) -> impl Iterator<Item = u32> {
    let (whole, rest) = bytes.as_chunks::<WORD_BYTES>();
    let last = (!rest.is_empty()).then(|| {
        let mut last = [0; WORD_BYTES];
        last[..rest.len()].copy_from_slice(rest);
        last
    });
    whole.iter().copied().chain(last).map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_any_length_come_back_and_are_told_from_others() {
        let arena = Arena::new();
        let names = ["", "a", "four", "fives", "order-00012345", "fourteen more!"];
        let places = names.map(|name| arena.take_bytes(name.as_bytes()));
        for (name, first) in names.into_iter().zip(places) {
            assert_eq!(arena.bytes(first, name.len()), name.as_bytes());
            assert!(arena.has_bytes(first, name.as_bytes()));
            assert!(!arena.has_bytes(first, format!("{name}x").as_bytes()));
        }
    }

    #[test]
    fn an_emptied_arena_gives_its_words_again() {
        let mut arena = Arena::new();
        let first = arena.take_bytes(b"what was");
        arena.empty();
        assert_eq!(arena.take_bytes(b"what is"), first);
        assert_eq!(arena.bytes(first, 8), b"what is\0");
    }
}
