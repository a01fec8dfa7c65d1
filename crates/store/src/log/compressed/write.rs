//! Writes the compressed form of a log file, and proves it equal before anybody relies on it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use zstd_safe::{CCtx, CDict};

use super::choice::{Example, LEVEL, dictionary_for};
use super::dictionary::hash_of;
use super::{
    BLOCK_BYTES, BLOCKS_PER_PAGE, CompressedLog, Dictionaries, Edition, Header, damaged, file_name,
};
use crate::cache::ReadCache;
use crate::disk::{Disk, DiskFile};
use crate::event::EventId;
use crate::page::{PAGE_BYTES, PageWriter};
use crate::planted::{PlantedBug, unless};
use crate::sync::AtomicBool;

const TEMPORARY: &str = "compressed.tmp";
/// Bytes that are read, compressed and written at once.
const CHUNK_BYTES: usize = 256 << 10;

/// Compresses a log file, reads the result again, and gives it its name when it is equal: in one
/// step, also if an earlier edition has it.
///
/// Does not touch the log file. Leaves off with an error soon after `stop` is set.
pub(crate) fn write_edition(
    disk: &dyn Disk,
    (store_id, number, edition): (EventId, u64, Edition),
    (raw, before): (&dyn DiskFile, Option<Example>),
    stop: &AtomicBool,
) -> io::Result<()> {
    crate::roll::remove_if_there(disk, TEMPORARY)?;
    let file = disk.create(TEMPORARY)?;
    let written = write(&*file, (store_id, number, edition), (raw, before), stop)
        .and_then(|()| sync(&*file))
        .and_then(|()| compare(disk, (store_id, number), raw, stop));
    if let Err(error) = written {
        // What could be written of it takes the room that others may need.
        let _ = disk.remove(TEMPORARY);
        return Err(error);
    }
    disk.rename(TEMPORARY, &file_name(number))?;
    crate::roll::sync_directory(disk)
}

fn sync(file: &dyn DiskFile) -> io::Result<()> {
    unless(PlantedBug::NameBeforeSync, || file.sync())
}

fn write(
    file: &dyn DiskFile,
    (store_id, number, edition): (EventId, u64, Edition),
    (raw, before): (&dyn DiskFile, Option<Example>),
    stop: &AtomicBool,
) -> io::Result<()> {
    let raw_bytes = raw.len()?;
    let dictionary = dictionary_for((raw, number), before)?;
    let (dictionary_bytes, dictionary_hash) = (dictionary.len() as u32, hash_of(&dictionary));
    let seed = number ^ raw_bytes ^ u64::from(edition.number) << 48;
    let nonce = xxhash_rust::xxh3::xxh3_64_with_seed(store_id.as_bytes(), seed);
    let mut header = Header {
        store_id,
        number,
        nonce,
        raw_bytes,
        dictionary_bytes,
        dictionary_hash,
        table: 0,
        end: 0,
        edition,
    };
    let mut pages = PageWriter::new(file, nonce, 1, stop);
    pages.put_across(&dictionary)?;
    pages.finish(header.dictionary_pages().end)?;
    let mut blocks = Blocks::new(file, header.data_start(), &dictionary);
    blocks.compress_all(raw, raw_bytes, stop)?;
    header.table = blocks.offset.div_ceil(PAGE_BYTES as u64) as u32;
    let mut pages = PageWriter::new(file, nonce, header.table, stop);
    write_table(&mut pages, header.data_start(), &blocks.lengths)?;
    header.end = pages.number;
    pages.finish(header.end)?;
    let mut pages = PageWriter::new(file, nonce, 0, stop);
    pages.put(&header.encode());
    pages.finish(1)
}

struct Blocks<'file> {
    file: &'file dyn DiskFile,
    /// Where the next block goes.
    offset: u64,
    lengths: Vec<u16>,
    context: CCtx<'static>,
    dictionary: CDict<'static>,
}

impl<'file> Blocks<'file> {
    fn new(file: &'file dyn DiskFile, offset: u64, dictionary: &[u8]) -> Self {
        let (context, dictionary) = (CCtx::create(), CDict::create(dictionary, LEVEL));
        Self { file, offset, lengths: Vec::new(), context, dictionary }
    }

    fn compress_all(
        &mut self,
        raw: &dyn DiskFile,
        raw_bytes: u64,
        stop: &AtomicBool,
    ) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut offset = 0;
        while offset < raw_bytes {
            if stop.load(Ordering::Relaxed) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let length = chunk.len().min((raw_bytes - offset) as usize);
            if raw.read_at(&mut chunk[..length], offset)? < length {
                return Err(damaged("the log file is shorter than it was"));
            }
            self.compress_chunk(&chunk[..length])?;
            offset += length as u64;
        }
        Ok(())
    }

    fn compress_chunk(&mut self, chunk: &[u8]) -> io::Result<()> {
        let mut packed = Vec::with_capacity(chunk.len());
        let mut block_packed = Vec::with_capacity(zstd_safe::compress_bound(BLOCK_BYTES));
        for block in chunk.chunks(BLOCK_BYTES) {
            let (context, dictionary) = (&mut self.context, &self.dictionary);
            let stored = compress_block(context, dictionary, block, &mut block_packed);
            packed.extend_from_slice(stored);
            self.lengths.push(stored.len() as u16);
        }
        self.file.write_at(&packed, self.offset)?;
        self.offset += packed.len() as u64;
        Ok(())
    }
}

/// A block as it is stored: it is kept as it is if it would not become smaller.
pub(super) fn compress_block<'bytes>(
    context: &mut CCtx<'static>,
    dictionary: &CDict<'static>,
    block: &'bytes [u8],
    packed: &'bytes mut Vec<u8>,
) -> &'bytes [u8] {
    packed.clear();
    let done = context.compress_using_cdict(packed, block, dictionary);
    if done.is_ok() && packed.len() < block.len() { packed } else { block }
}

fn write_table(pages: &mut PageWriter<'_>, start: u64, lengths: &[u16]) -> io::Result<()> {
    let mut offset = start;
    for page in lengths.chunks(BLOCKS_PER_PAGE as usize) {
        pages.put(&offset.to_le_bytes());
        for length in page {
            pages.put(&length.to_le_bytes());
            offset += u64::from(*length);
        }
        pages.finish_page()?;
    }
    Ok(())
}

/// Reads the compressed file as everybody will read it, with its own dictionary, and compares it
/// with the log file.
fn compare(
    disk: &dyn Disk,
    (store_id, number): (EventId, u64),
    raw: &dyn DiskFile,
    stop: &AtomicBool,
) -> io::Result<()> {
    let (cache, own) = (Arc::new(ReadCache::new(0)), Dictionaries::default());
    let of = (Some(store_id), number);
    let compressed = CompressedLog::open(disk.open(TEMPORARY)?, of, &cache, &own)?;
    let raw_bytes = raw.len()?;
    let (mut one, mut other) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    let mut offset = 0;
    while offset < raw_bytes {
        if stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = raw.read_at(&mut one, offset)?;
        if compressed.read_at(&mut other, offset)? != length || one[..length] != other[..length] {
            return Err(damaged("it is not what was written"));
        }
        offset += length as u64;
    }
    Ok(())
}
