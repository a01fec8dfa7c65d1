//! A log file that is compressed: the same bytes at the same offsets, so that nobody who reads it
//! needs to know.
//!
//! Blocks of 1 KiB are compressed one by one with a dictionary that was trained on the file,
//! because an event here and an event there is what loading a stream reads: a small block is
//! decoded in a microsecond or two, and the dictionary gives back what small blocks lose. (The
//! seekable format of zstd has the same idea, without a dictionary and for larger blocks.)
//!
//! A dictionary has pieces of the events that it was trained on, so no file has that of another:
//! what is removed from one would stay in the others.

mod gather;
mod gathered;
mod write;

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use zstd_safe::{DCtx, DDict};

use gathered::Section;
pub(crate) use gathered::StreamFinder;
pub(crate) use write::{Compressing, write_edition};

use crate::cache::{CacheKey, Cached, ReadCache};
use crate::disk::DiskFile;
use crate::event::{EventId, Position};
use crate::page::{self, CONTENT_BYTES, PAGE_BYTES};

const MAGIC: &[u8; 8] = b"hithzlg1";
/// Blocks that the header of the log file stands in, at most as long as they were.
const FIRST_BLOCKS: usize = 4;
/// Bytes of the log file that are compressed at once.
const BLOCK_BYTES: usize = 1024;
/// Blocks whose lengths stand in one page of the table, behind where the first of them starts.
const BLOCKS_PER_PAGE: u64 = ((CONTENT_BYTES - 8) / 2) as u64;
/// Blocks that are read at once at most.
const BLOCKS_AT_ONCE: u64 = 256;

/// The name of the compressed form of the log file with this number.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:012}.zlog")
}

/// The number in a compressed log file's name, or in that of what stays of one in an archive.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".zlog").or_else(|| name.strip_suffix(".alog"))?;
    (digits.len() == 12).then(|| digits.parse().ok()).flatten()
}

/// What a compressed log file says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    store_id: EventId,
    number: u64,
    nonce: u64,
    /// Bytes of the log file.
    raw_bytes: u64,
    dictionary_bytes: u32,
    /// The first page of the table of blocks, and the page behind the last.
    table: u32,
    end: u32,
    edition: Edition,
    gathered: Section,
}

/// Which of the files that a log file was rewritten to, one after another, this is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Edition {
    /// How many of its events are removed, so that only their stubs are left.
    pub(crate) removed: u64,
    /// How often something was removed.
    pub(crate) number: u32,
}

impl Header {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(self.store_id.as_bytes());
        for number in [self.number, self.nonce, self.raw_bytes] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for number in [BLOCK_BYTES as u32, self.dictionary_bytes, self.table, self.end] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.edition.removed.to_le_bytes());
        bytes.extend_from_slice(&self.edition.number.to_le_bytes());
        for number in [self.gathered.table, self.gathered.blocks] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.gathered.first_position.0.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let u64_at = |place: usize| {
            let bytes = bytes.get(place..place + 8)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        let u32_at = |place: usize| {
            let bytes = bytes.get(place..place + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        let is_known = bytes.starts_with(MAGIC) && u32_at(48)? == BLOCK_BYTES as u32;
        let header = Self {
            store_id: EventId::from_bytes(bytes.get(8..24)?.try_into().ok()?),
            number: u64_at(24)?,
            nonce: u64_at(32)?,
            raw_bytes: u64_at(40)?,
            dictionary_bytes: u32_at(52)?,
            table: u32_at(56)?,
            end: u32_at(60)?,
            edition: Edition { removed: u64_at(64)?, number: u32_at(72)? },
            gathered: Section {
                table: u32_at(76)?,
                blocks: u32_at(80)?,
                first_position: Position(u64_at(84)?),
            },
        };
        is_known.then_some(header)
    }

    fn dictionary_pages(&self) -> std::ops::Range<u32> {
        1..1 + self.dictionary_bytes.div_ceil(CONTENT_BYTES as u32)
    }

    /// The dictionary of a file with this header.
    fn dictionary(&self, file: &dyn DiskFile) -> io::Result<Vec<u8>> {
        let dictionary = page::read_across(file, self.nonce, self.dictionary_pages())?;
        let mut dictionary = dictionary.ok_or_else(|| damaged("its dictionary"))?;
        dictionary.truncate(self.dictionary_bytes as usize);
        Ok(dictionary)
    }

    fn data_start(&self) -> u64 {
        u64::from(self.dictionary_pages().end) * PAGE_BYTES as u64
    }
}

/// A compressed log file that was opened.
pub(crate) struct CompressedLog {
    file: Arc<dyn DiskFile>,
    header: Header,
    dictionary: DDict<'static>,
    cache: Arc<ReadCache>,
    serial: u32,
}

/// What is kept of a compressed file that was open: opened again, it finds its pages in the cache.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    nonce: u64,
    serial: u32,
}

/// What of a compressed file must be at hand to open it and its first blocks: so many bytes at its
/// start, and all from there on.
pub(crate) fn derived_parts(file: &dyn DiskFile) -> io::Result<(u64, u64)> {
    let header = header_of(file)?;
    let table = u64::from(header.table) * PAGE_BYTES as u64;
    let start = header.data_start() + (FIRST_BLOCKS * BLOCK_BYTES) as u64;
    Ok((start.min(table), table))
}

/// The edition of a compressed file, if its header is whole.
pub(crate) fn edition_of(file: &dyn DiskFile) -> io::Result<Edition> {
    header_of(file).map(|header| header.edition)
}

fn header_of(file: &dyn DiskFile) -> io::Result<Header> {
    let first = page::read(file, 0)?;
    let header =
        Header::decode(&first).filter(|header| page::content(&first, header.nonce, 0).is_some());
    header.ok_or_else(|| damaged("its header"))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the compressed file is damaged: {what}"))
}

impl CompressedLog {
    /// Opens the compressed form of a log file: of the store with this id, if that is known.
    ///
    /// A whole file of another store, or of another place in this one, is damage as well: its
    /// events would fit their checksums.
    pub(crate) fn open(
        file: Arc<dyn DiskFile>,
        (store_id, number): (Option<EventId>, u64),
        cache: &Arc<ReadCache>,
    ) -> io::Result<Self> {
        let header = header_of(&*file)?;
        if header.number != number || store_id.is_some_and(|id| id != header.store_id) {
            return Err(damaged("its header is that of another store's file, or of another file"));
        }
        let dictionary = DDict::try_create(&header.dictionary(&*file)?);
        let dictionary = dictionary.ok_or_else(|| damaged("its dictionary"))?;
        let (cache, serial) = (Arc::clone(cache), crate::cache::serial());
        Ok(Self { file, header, dictionary, cache, serial })
    }

    /// The same, as the file that was seen before if it is that.
    pub(crate) fn known_as(self, seen: Option<Seen>) -> Self {
        let seen = seen.filter(|seen| seen.nonce == self.header.nonce);
        Self { serial: seen.map_or(self.serial, |seen| seen.serial), ..self }
    }

    /// What to keep of it when it is closed.
    pub(crate) fn seen(&self) -> Seen {
        Seen { nonce: self.header.nonce, serial: self.serial }
    }

    fn table_page(&self, number: u32) -> io::Result<Bytes> {
        let key = CacheKey::Page { file: self.serial, page: number };
        if let Some(Cached::Page(page)) = self.cache.find(key) {
            return Ok(page);
        }
        if number >= self.header.end {
            return Err(damaged("its table is too short"));
        }
        let page = page::read(&*self.file, number)?;
        let content = page::content(&page, self.header.nonce, number);
        let content = content.ok_or_else(|| damaged(&format!("page {number} of its table")))?;
        self.cache.keep(key, Cached::Page(content.clone()));
        Ok(content)
    }

    /// Where some blocks start that follow one another in one page of the table, and the length of
    /// each.
    fn extents(&self, first: u64, count: u64) -> io::Result<(u64, Vec<usize>)> {
        let page = self.table_page(self.header.table + (first / BLOCKS_PER_PAGE) as u32)?;
        let (start, lengths) = page.split_at(8);
        let start = u64::from_le_bytes(start.try_into().expect("eight bytes"));
        let (lengths, _) = lengths.as_chunks::<2>();
        let length_of = |bytes: &[u8; 2]| usize::from(u16::from_le_bytes(*bytes));
        let skipped = (first % BLOCKS_PER_PAGE) as usize;
        let before: u64 = lengths[..skipped].iter().map(|bytes| length_of(bytes) as u64).sum();
        let extents = lengths[skipped..].iter().take(count as usize).map(length_of).collect();
        Ok((start + before, extents))
    }

    /// Decodes blocks that follow one another into `out`, which begins with the first of them.
    fn read_blocks(&self, first: u64, out: &mut [u8]) -> io::Result<()> {
        let count = (out.len() as u64).div_ceil(BLOCK_BYTES as u64);
        let (start, lengths) = self.extents(first, count)?;
        let total: usize = lengths.iter().sum();
        let mut packed = vec![0; total];
        if self.file.read_at(&mut packed, start)? < total {
            return Err(damaged("it is cut"));
        }
        let mut packed = &packed[..];
        for (block, length) in out.chunks_mut(BLOCK_BYTES).zip(lengths) {
            let (this, rest) = packed.split_at(length);
            packed = rest;
            self.decode(this, block)?;
        }
        Ok(())
    }

    /// A block that would not become smaller is kept as it is.
    fn decode(&self, packed: &[u8], block: &mut [u8]) -> io::Result<()> {
        thread_local! {
            static CONTEXT: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
        }
        if packed.len() == block.len() {
            block.copy_from_slice(packed);
            return Ok(());
        }
        let decoded = CONTEXT.with_borrow_mut(|context| {
            context.decompress_using_ddict(block, packed, &self.dictionary)
        });
        match decoded {
            Ok(length) if length == block.len() => Ok(()),
            _ => Err(damaged("a block does not decode")),
        }
    }

    /// Bytes of the block with this number.
    fn block_len(&self, block: u64) -> usize {
        let left = self.header.raw_bytes - block * BLOCK_BYTES as u64;
        left.min(BLOCK_BYTES as u64) as usize
    }

    /// Reads whole blocks around the bytes from `start` to `end`, as many as one page of the table
    /// has.
    fn read_around(&self, start: u64, end: u64) -> io::Result<(u64, Vec<u8>)> {
        let first = start / BLOCK_BYTES as u64;
        let last = (end - 1) / BLOCK_BYTES as u64;
        let page_end = (first / BLOCKS_PER_PAGE + 1) * BLOCKS_PER_PAGE;
        let behind = (last + 1).min(page_end).min(first + BLOCKS_AT_ONCE);
        let bytes = (behind - 1 - first) as usize * BLOCK_BYTES + self.block_len(behind - 1);
        let mut blocks = vec![0; bytes];
        self.read_blocks(first, &mut blocks)?;
        Ok((first * BLOCK_BYTES as u64, blocks))
    }
}

impl DiskFile for CompressedLog {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let end = self.header.raw_bytes.min(offset.saturating_add(buffer.len() as u64));
        let mut filled = 0;
        while offset + (filled as u64) < end {
            let start = offset + filled as u64;
            let (blocks_start, blocks) = self.read_around(start, end)?;
            let part = &blocks[(start - blocks_start) as usize..];
            let length = part.len().min((end - start) as usize);
            buffer[filled..filled + length].copy_from_slice(&part[..length]);
            filled += length;
        }
        Ok(filled)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.header.raw_bytes)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
