//! A list that one thread extends while others read it, without a lock and without moving anything.
//!
//! Chunks of doubling size are allocated once and stay where they are (the layout of the `boxcar`
//! and
//! `append-only-vec` crates, here without unsafe code because every element is made of atomics).

use std::sync::OnceLock;

const FIRST_CHUNK: usize = 64;
const CHUNKS: usize = 27;

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

    /// Bytes that the list holds in memory.
    pub(crate) fn allocated_bytes(&self) -> usize {
        let elements = self.chunks.iter().filter_map(OnceLock::get).map(|chunk| chunk.len());
        elements.sum::<usize>() * size_of::<T>()
    }
}

fn new_chunk<T: Default>(chunk: usize) -> Box<[T]> {
    std::iter::repeat_with(T::default).take(FIRST_CHUNK << chunk).collect()
}

fn locate(index: u32) -> (usize, usize) {
    let shifted = index as usize + FIRST_CHUNK;
    let chunk = (shifted.ilog2() - FIRST_CHUNK.ilog2()) as usize;
    (chunk, shifted - (FIRST_CHUNK << chunk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn every_index_has_a_place_of_its_own() {
        let list = AppendList::<AtomicU32>::new();
        for index in 0..10_000 {
            list.slot(index).store(index, Ordering::Relaxed);
        }
        for index in 0..10_000 {
            assert_eq!(list.at(index).load(Ordering::Relaxed), index);
        }
    }

    #[test]
    fn chunks_double() {
        assert_eq!(locate(0), (0, 0));
        assert_eq!(locate(63), (0, 63));
        assert_eq!(locate(64), (1, 0));
        assert_eq!(locate(191), (1, 127));
        assert_eq!(locate(192), (2, 0));
    }
}
