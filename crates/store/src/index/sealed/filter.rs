//! A filter before the hash table of keys: a small part of the file tells of most keys that are not
//! here, so that a look-up in many files reads the tables of few.
//!
//! A Bloom filter in blocks of 64 bytes: the upper bits of a key's hash choose the block, six bits
//! within it say that the key may be here. Blocks are chosen in the order of hashes, in which keys
//! are written.

use std::io;

use crate::page::{CONTENT_BYTES, PageWriter};

const BLOCK_BYTES: usize = 64;
const BLOCKS_PER_PAGE: u32 = (CONTENT_BYTES / BLOCK_BYTES) as u32;
/// Some ten bits for a key: one in a hundred of those that are not here is looked for in vain.
const KEYS_PER_BLOCK: u64 = 48;
const BITS_PER_KEY: u32 = 6;
/// Bits that choose one of the 512 of a block.
const CHOICE_BITS: u32 = 9;
/// Spreads all bits of a hash over the upper ones: 2⁶⁴ divided by the golden ratio.
const HASH_FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// Blocks for so many keys.
pub(super) fn blocks(keys: u64) -> u32 {
    (keys / KEYS_PER_BLOCK + 1) as u32
}

/// Pages that so many blocks take.
pub(super) fn pages(blocks: u32) -> u32 {
    blocks.div_ceil(BLOCKS_PER_PAGE)
}

/// The page, and the block within it, that tells of a hash.
pub(super) fn place_of(hash: u64, blocks: u32) -> (u32, usize) {
    let block = block_of(hash, blocks);
    (block / BLOCKS_PER_PAGE, (block % BLOCKS_PER_PAGE) as usize)
}

/// Whether a key with this hash may be here, by the page and the block that tell.
pub(super) fn may_have(page: &[u8], block: usize, hash: u64) -> bool {
    let bits = page.get(block * BLOCK_BYTES..(block + 1) * BLOCK_BYTES);
    // What cannot be read tells nothing.
    bits.is_none_or(|bits| choices(hash).all(|(byte, bit)| bits[byte] & bit != 0))
}

fn block_of(hash: u64, blocks: u32) -> u32 {
    (((hash >> 32) * u64::from(blocks)) >> 32) as u32
}

/// The bytes of a block, and the bits in them, that a key with this hash has set.
fn choices(hash: u64) -> impl Iterator<Item = (usize, u8)> {
    let mixed = hash.wrapping_mul(HASH_FACTOR);
    (1..=BITS_PER_KEY).map(move |number| {
        let choice = (mixed >> (64 - number * CHOICE_BITS)) as usize % (8 * BLOCK_BYTES);
        (choice / 8, 1 << (choice % 8))
    })
}

/// Writes a filter while keys come in the order of their hashes.
pub(super) struct FilterWriter<'file> {
    pages: PageWriter<'file>,
    blocks: u32,
    /// The number of the block that is being filled.
    number: u32,
    block: [u8; BLOCK_BYTES],
}

impl<'file> FilterWriter<'file> {
    pub(super) fn new(pages: PageWriter<'file>, blocks: u32) -> Self {
        Self { pages, blocks, number: 0, block: [0; BLOCK_BYTES] }
    }

    pub(super) fn push(&mut self, hash: u64) -> io::Result<()> {
        while self.number < block_of(hash, self.blocks) {
            self.finish_block()?;
        }
        for (byte, bit) in choices(hash) {
            self.block[byte] |= bit;
        }
        Ok(())
    }

    fn finish_block(&mut self) -> io::Result<()> {
        if self.pages.room() < BLOCK_BYTES {
            self.pages.finish_page()?;
        }
        self.pages.put(&std::mem::replace(&mut self.block, [0; BLOCK_BYTES]));
        self.number += 1;
        Ok(())
    }

    /// Writes what is left, up to the page before `end`.
    pub(super) fn finish(mut self, end: u32) -> io::Result<()> {
        self.finish_block()?;
        self.pages.finish(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk, MemoryDisk};
    use crate::sync::AtomicBool;

    fn hash(number: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes())
    }

    #[test]
    fn what_is_here_is_never_denied_and_most_of_the_rest_is() {
        let (disk, never) = (MemoryDisk::new(), AtomicBool::new(false));
        let file = disk.create("filter").unwrap();
        for keys in [0, 1, 50, 10_000] {
            let mut hashes: Vec<u64> = (0..keys).map(hash).collect();
            hashes.sort_unstable();
            let blocks = blocks(keys);
            let mut writer = FilterWriter::new(PageWriter::new(&*file, 7, 0, &never), blocks);
            for &hash in &hashes {
                writer.push(hash).unwrap();
            }
            writer.finish(pages(blocks)).unwrap();
            let may_have = |hash| {
                let (page, block) = place_of(hash, blocks);
                let page = crate::page::read(&*file, page).unwrap();
                may_have(&page[..CONTENT_BYTES], block, hash)
            };
            assert!(hashes.iter().all(|&hash| may_have(hash)));
            let others = (1 << 32..(1 << 32) + 10_000).map(hash);
            let found = others.filter(|&hash| may_have(hash)).count();
            assert!(found < 300, "{found} of 10,000 others, with {keys} keys");
        }
    }
}
