//! A list that one thread extends while others read it, without a lock and without moving anything.
//!
//! Chunks are allocated once and stay where they are, eight of a size and then eight of twice that
//! (the layout of the `boxcar` and `append-only-vec` crates in finer steps, here without unsafe
//! code because every element is made of atomics). So little is allocated beyond what is used, and
//! a list that was emptied can be filled again without asking the system for memory.

use std::sync::OnceLock;

const FIRST_CHUNK_BITS: u32 = 5;
/// Of each size there are so many chunks, as a power of two.
const ALIKE_BITS: u32 = 3;
/// Elements of all chunks of the first size.
const FIRST_SIZE: usize = 1 << (FIRST_CHUNK_BITS + ALIKE_BITS);
const CHUNKS: usize = (33 - FIRST_SIZE.ilog2() as usize) << ALIKE_BITS;

/// Elements must be usable through `&T`: atomics, or cells that are set once.
pub(crate) struct AppendList<T> {
    chunks: [OnceLock<Box<[T]>>; CHUNKS],
}

impl<T: Default> AppendList<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: [const { OnceLock::new() }; CHUNKS] }
    }

    /// The element at an index; its chunk is made if it is not there yet.
    pub(crate) fn slot(&self, index: u32) -> &T {
        let (chunk, offset) = locate(index);
        &self.chunks[chunk].get_or_init(|| new_chunk(chunk))[offset]
    }

    /// The element at an index that was extended to before.
    pub(crate) fn at(&self, index: u32) -> &T {
        let (chunk, offset) = locate(index);
        &self.chunks[chunk].get().expect("only what was extended to is asked for")[offset]
    }

    /// Makes all elements as they were at first, and keeps their memory.
    pub(crate) fn empty(&mut self) {
        for chunk in self.chunks.iter_mut().filter_map(OnceLock::get_mut) {
            chunk.fill_with(T::default);
        }
    }

    /// Bytes that the list holds in memory.
    pub(crate) fn allocated_bytes(&self) -> usize {
        let elements = self.chunks.iter().filter_map(OnceLock::get).map(|chunk| chunk.len());
        elements.sum::<usize>() * size_of::<T>()
    }
}

fn new_chunk<T: Default>(chunk: usize) -> Box<[T]> {
    let length = 1 << (FIRST_CHUNK_BITS as usize + (chunk >> ALIKE_BITS));
    std::iter::repeat_with(T::default).take(length).collect()
}

fn locate(index: u32) -> (usize, usize) {
    let shifted = index as usize + FIRST_SIZE;
    let size = shifted.ilog2() - FIRST_SIZE.ilog2();
    let chunk_bits = FIRST_CHUNK_BITS + size;
    let of_size = (shifted >> chunk_bits) & ((1 << ALIKE_BITS) - 1);
    (((size as usize) << ALIKE_BITS) + of_size, shifted & ((1 << chunk_bits) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn filled(length: u32) -> AppendList<AtomicU32> {
        let list = AppendList::<AtomicU32>::new();
        for index in 0..length {
            list.slot(index).store(index + 1, Ordering::Relaxed);
        }
        list
    }

    #[test]
    fn every_index_has_a_place_of_its_own() {
        let list = filled(10_000);
        for index in 0..10_000 {
            assert_eq!(list.at(index).load(Ordering::Relaxed), index + 1);
        }
    }

    #[test]
    fn eight_chunks_of_a_size_come_before_those_of_twice_that() {
        assert_eq!(locate(0), (0, 0));
        assert_eq!(locate(31), (0, 31));
        assert_eq!(locate(32), (1, 0));
        assert_eq!(locate(255), (7, 31));
        assert_eq!(locate(256), (8, 0));
        assert_eq!(locate(320), (9, 0));
        assert_eq!(locate(u32::MAX), (CHUNKS - 8, 255));
        assert_eq!(new_chunk::<AtomicU32>(7).len(), 32);
        assert_eq!(new_chunk::<AtomicU32>(8).len(), 64);
    }

    #[test]
    fn hardly_more_is_allocated_than_is_used() {
        for length in [1_000, 10_000, 100_000] {
            let used = length as usize * size_of::<AtomicU32>();
            let allocated = filled(length).allocated_bytes();
            assert!(allocated <= used * 9 / 8, "{allocated} bytes for {used}");
        }
    }

    #[test]
    fn an_emptied_list_is_as_new_and_allocates_nothing_more() {
        let mut list = filled(1_000);
        let allocated = list.allocated_bytes();
        list.empty();
        for index in 0..1_000 {
            assert_eq!(list.slot(index).load(Ordering::Relaxed), 0);
        }
        assert_eq!(list.allocated_bytes(), allocated);
    }
}
