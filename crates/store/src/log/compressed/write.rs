//! Writes the compressed form of a log file, and proves it equal before anybody relies on it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use zstd_safe::{CCtx, CDict};

use super::gather::{Gathering, gather};
use super::gathered::{Section, write_table as write_gathered_table};
use super::{
    BLOCK_BYTES, BLOCKS_PER_PAGE, CompressedLog, Edition, Header, damaged, file_name, header_of,
};
use crate::cache::ReadCache;
use crate::disk::{Disk, DiskFile};
use crate::event::EventId;
use crate::page::{PAGE_BYTES, PageWriter};
use crate::planted::{PlantedBug, is_planted, unless};
use crate::sync::AtomicBool;

const TEMPORARY: &str = "compressed.tmp";
/// Measured on events of some 400 bytes: with a dictionary, level 3 gives a tenth more than level 1
/// and is decoded faster; higher levels are slower and give nothing.
const LEVEL: i32 = 3;
/// The largest dictionary, and the largest part of a file that one may be.
const DICTIONARY_BYTES_MAX: u64 = 32 << 10;
const DICTIONARY_PART: u64 = 32;
/// Bytes of the log file that a dictionary is trained on.
const SAMPLES_BYTES: usize = 1 << 20;
/// Bytes that are read, compressed and written at once.
const CHUNK_BYTES: usize = 256 << 10;

/// How compressed files are written.
#[derive(Clone, Copy)]
pub(crate) struct Compressing<'store> {
    pub(crate) disk: &'store dyn Disk,
    pub(crate) store_id: EventId,
    /// Whether they have the events of streams side by side, too.
    pub(crate) gathers: bool,
    /// Set when it shall be left off.
    pub(crate) stop: &'store AtomicBool,
}

/// Compresses a log file, reads the result again, and gives it its name when it is equal: in one
/// step, also if an earlier edition has it.
///
/// Does not touch the log file. Leaves off with an error soon after `stop` is set.
pub(crate) fn write_edition(
    compressing: Compressing<'_>,
    (number, edition): (u64, Edition),
    raw: &dyn DiskFile,
) -> io::Result<()> {
    let disk = compressing.disk;
    crate::roll::remove_if_there(disk, TEMPORARY)?;
    let file = disk.create(TEMPORARY)?;
    let dictionary = dictionary_for(disk, number, raw)?;
    let written = write(&*file, compressing, (number, edition), (raw, &dictionary))
        .and_then(|()| sync(&*file))
        .and_then(|()| compare(compressing, number, raw));
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
    compressing: Compressing<'_>,
    (number, edition): (u64, Edition),
    (raw, dictionary): (&dyn DiskFile, &[u8]),
) -> io::Result<()> {
    let Compressing { store_id, stop, .. } = compressing;
    let raw_bytes = raw.len()?;
    let dictionary_bytes = dictionary.len() as u32;
    let form = u64::from(edition.number) << 48 ^ u64::from(compressing.gathers) << 47;
    let seed = number ^ raw_bytes ^ form;
    let nonce = xxhash_rust::xxh3::xxh3_64_with_seed(store_id.as_bytes(), seed);
    let (table, end, gathered) = (0, 0, Section::default());
    let mut header = Header {
        store_id,
        number,
        nonce,
        raw_bytes,
        dictionary_bytes,
        table,
        end,
        edition,
        gathered,
    };
    let mut pages = PageWriter::new(file, nonce, 1, stop);
    pages.put_across(dictionary)?;
    pages.finish(header.dictionary_pages().end)?;
    let mut blocks = Blocks::new(file, header.data_start(), dictionary);
    blocks.compress_all(raw, raw_bytes, stop)?;
    let lengths = std::mem::take(&mut blocks.lengths);
    let gathered_start = blocks.offset;
    let gathered = gather_from(raw, &mut blocks, (compressing, number, nonce))?;
    header.table = blocks.offset.div_ceil(PAGE_BYTES as u64) as u32;
    let mut pages = PageWriter::new(file, nonce, header.table, stop);
    write_table(&mut pages, header.data_start(), &lengths)?;
    header.gathered = Section { table: pages.number, ..gathered.section };
    write_gathered_table(&mut pages, gathered_start, &gathered.entries)?;
    header.end = pages.number;
    pages.finish(header.end)?;
    let mut pages = PageWriter::new(file, nonce, 0, stop);
    pages.put(&header.encode());
    pages.finish(1)
}

fn gather_from(
    raw: &dyn DiskFile,
    blocks: &mut Blocks<'_>,
    (compressing, number, nonce): (Compressing<'_>, u64, u64),
) -> io::Result<Gathering> {
    if is_planted(PlantedBug::GatherWhatWasThere)
        && let Ok(file) = compressing.disk.open(&file_name(number))
    {
        let cache = Arc::new(ReadCache::new(0));
        let before = CompressedLog::open(file, (None, number), &cache)?;
        return gather(&before, blocks, (compressing, nonce));
    }
    gather(raw, blocks, (compressing, nonce))
}

/// The dictionary of a file is made of that alone: what is removed from another is not in it.
fn dictionary_for(disk: &dyn Disk, number: u64, raw: &dyn DiskFile) -> io::Result<Vec<u8>> {
    if is_planted(PlantedBug::TakeAnyDictionary) {
        let known = [number, number - 1].map(|number| disk.open(&file_name(number)));
        if let Some(file) = known.into_iter().flatten().next() {
            return header_of(&*file)?.dictionary(&*file);
        }
    }
    train(raw, raw.len()?)
}

/// A dictionary for the blocks of a file; none if there are too few of them.
fn train(raw: &dyn DiskFile, raw_bytes: u64) -> io::Result<Vec<u8>> {
    let blocks = raw_bytes / BLOCK_BYTES as u64;
    let wanted = (SAMPLES_BYTES / BLOCK_BYTES) as u64;
    let stride = blocks.div_ceil(wanted).max(1);
    let mut samples = Vec::with_capacity(SAMPLES_BYTES.min(raw_bytes as usize));
    let mut block = [0; BLOCK_BYTES];
    for number in (0..blocks).step_by(stride as usize) {
        if raw.read_at(&mut block, number * BLOCK_BYTES as u64)? == BLOCK_BYTES {
            samples.extend_from_slice(&block);
        }
    }
    let sizes = vec![BLOCK_BYTES; samples.len() / BLOCK_BYTES];
    let bytes = DICTIONARY_BYTES_MAX.min(raw_bytes / DICTIONARY_PART);
    let mut dictionary = Vec::with_capacity(bytes as usize);
    match zstd_safe::train_from_buffer(&mut dictionary, &samples, &sizes) {
        Ok(_) => Ok(dictionary),
        Err(_) => Ok(Vec::new()),
    }
}

/// Compresses blocks and writes them one behind the other.
pub(super) struct Blocks<'file> {
    file: &'file dyn DiskFile,
    /// Where the next block goes.
    offset: u64,
    lengths: Vec<u16>,
    context: CCtx<'static>,
    dictionary: CDict<'static>,
    /// The block that was compressed last.
    packed: Vec<u8>,
}

impl<'file> Blocks<'file> {
    fn new(file: &'file dyn DiskFile, offset: u64, dictionary: &[u8]) -> Self {
        let (context, dictionary) = (CCtx::create(), CDict::create(dictionary, LEVEL));
        let (lengths, packed) = (Vec::new(), Vec::new());
        Self { file, offset, lengths, context, dictionary, packed }
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
        for block in chunk.chunks(BLOCK_BYTES) {
            let length = self.compress(block, &mut packed);
            self.lengths.push(length);
        }
        self.write(&packed)
    }

    /// Adds a block to `packed`, as it is if it does not become smaller; how long it is there.
    pub(super) fn compress(&mut self, block: &[u8], packed: &mut Vec<u8>) -> u16 {
        self.packed.clear();
        self.packed.reserve(zstd_safe::compress_bound(block.len()));
        let done = self.context.compress_using_cdict(&mut self.packed, block, &self.dictionary);
        let is_smaller = done.is_ok() && self.packed.len() < block.len();
        let stored = if is_smaller { &self.packed[..] } else { block };
        packed.extend_from_slice(stored);
        stored.len() as u16
    }

    /// Writes what was compressed.
    pub(super) fn write(&mut self, packed: &[u8]) -> io::Result<()> {
        self.file.write_at(packed, self.offset)?;
        self.offset += packed.len() as u64;
        Ok(())
    }
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

/// Reads the compressed file as everybody will read it, and compares it with the log file.
fn compare(compressing: Compressing<'_>, number: u64, raw: &dyn DiskFile) -> io::Result<()> {
    let cache = Arc::new(ReadCache::new(0));
    let file = compressing.disk.open(TEMPORARY)?;
    let compressed = CompressedLog::open(file, (Some(compressing.store_id), number), &cache)?;
    let raw_bytes = raw.len()?;
    let (mut one, mut other) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    let mut offset = 0;
    while offset < raw_bytes {
        if compressing.stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = raw.read_at(&mut one, offset)?;
        if compressed.read_at(&mut other, offset)? != length || one[..length] != other[..length] {
            return Err(damaged("it is not what was written"));
        }
        offset += length as u64;
    }
    compressed.check_gathered(&mut |_| {
        let is_told = compressing.stop.load(Ordering::Relaxed);
        if is_told { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    })
}
