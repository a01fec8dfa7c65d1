//! Reads what compressed log files have in them, by the document of the file format alone.
//!
//! Written without a look at the engine. Nothing is checked here: the store does that.

use zstd_safe::{DCtx, DDict};

const PAGE_BYTES: usize = 4096;
const CONTENT_BYTES: usize = PAGE_BYTES - 4;
const BLOCKS_PER_PAGE: usize = 2042;
/// Blocks of events side by side that one page tells of.
const GATHERED_PER_PAGE: usize = 340;
/// Bytes before the parts of a compressed file that stay of one in an archive.
const STUB_BYTES: usize = 4096;

/// What a compressed log file has in it.
pub(crate) struct Uncompressed {
    /// Pieces of events, in the clear.
    pub(crate) dictionary: Vec<u8>,
    /// The log file; zeros for what is not there.
    pub(crate) log: Vec<u8>,
    /// Events that it has a second time, as far as they are there.
    pub(crate) gathered: Vec<u8>,
}

/// Whether a file of this name is compressed, or the part of such a one that stays here when it is
/// moved to an archive.
pub(crate) fn is_compressed(name: &str) -> bool {
    [".zlog", ".alog"].iter().any(|kind| name.contains(kind)) && name.strip_suffix(".tmp").is_none()
}

/// What a compressed file of this name has in it; none if it cannot be read.
pub(crate) fn uncompressed(name: &str, bytes: &[u8]) -> Option<Uncompressed> {
    if name.contains(".alog") { read_stub(bytes) } else { read(bytes, bytes.len()) }
}

/// What stays here of a file in an archive: its first and its last bytes.
fn read_stub(bytes: &[u8]) -> Option<Uncompressed> {
    let (object, start) = (number(bytes, 32)?, number(bytes, 40)?);
    let end_from = number(bytes, 48)?;
    let mut whole = vec![0; object];
    let parts = bytes.get(STUB_BYTES..)?;
    whole.get_mut(..start)?.copy_from_slice(parts.get(..start)?);
    whole.get_mut(end_from..)?.copy_from_slice(parts.get(start..start + object - end_from)?);
    read(&whole, start)
}

/// Reads a file of which the bytes up to `end` are there, and the table.
fn read(bytes: &[u8], end: usize) -> Option<Uncompressed> {
    let (log_bytes, block_bytes) = (number(bytes, 40)?, short(bytes, 48)?);
    (block_bytes > 0).then_some(())?;
    let (dictionary_bytes, table) = (short(bytes, 52)?, short(bytes, 56)?);
    let pages = dictionary_bytes.div_ceil(CONTENT_BYTES);
    let contents = (1..=pages).filter_map(|page| content(bytes, page));
    let mut dictionary = contents.collect::<Vec<_>>().concat();
    dictionary.truncate(dictionary_bytes);
    let decoder = DDict::try_create(&dictionary)?;
    let (mut context, mut log) = (DCtx::create(), vec![0; log_bytes]);
    let mut start = (1 + pages) * PAGE_BYTES;
    for (index, block) in log.chunks_mut(block_bytes).enumerate() {
        let length = block_length(bytes, table, index)?;
        let packed = bytes.get(start..start + length)?;
        start += length;
        if start > end {
            break;
        }
        if length == block.len() {
            block.copy_from_slice(packed);
        } else {
            context.decompress_using_ddict(block, packed, &decoder).ok()?;
        }
    }
    let gathered = read_gathered(bytes, (&mut context, &decoder), end)?;
    Some(Uncompressed { dictionary, log, gathered })
}

/// The blocks of events that stand side by side.
fn read_gathered(
    bytes: &[u8],
    (context, decoder): (&mut DCtx<'_>, &DDict<'_>),
    end: usize,
) -> Option<Vec<u8>> {
    let (table, blocks) = (short(bytes, 76)?, short(bytes, 80)?);
    let mut gathered = Vec::new();
    for number in (0..blocks).step_by(GATHERED_PER_PAGE) {
        let page = content(bytes, table + number / GATHERED_PER_PAGE)?;
        let mut start = usize::try_from(u64::from_le_bytes(page[..8].try_into().ok()?)).ok()?;
        for entry in page[8..].chunks_exact(12).take(GATHERED_PER_PAGE.min(blocks - number)) {
            let length = |at: usize| usize::from(u16::from_le_bytes([entry[at], entry[at + 1]]));
            let (packed_bytes, block_bytes) = (length(8), length(10));
            let packed = bytes.get(start..start + packed_bytes)?;
            start += packed_bytes;
            if start > end {
                return Some(gathered);
            }
            let mut block = vec![0; block_bytes];
            if packed_bytes == block_bytes {
                block.copy_from_slice(packed);
            } else {
                context.decompress_using_ddict(&mut block[..], packed, decoder).ok()?;
            }
            gathered.extend_from_slice(&block);
        }
    }
    Some(gathered)
}

fn block_length(bytes: &[u8], table: usize, block: usize) -> Option<usize> {
    let page = content(bytes, table + block / BLOCKS_PER_PAGE)?;
    let place = 8 + block % BLOCKS_PER_PAGE * 2;
    let length = page.get(place..place + 2)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(length)))
}

fn content(bytes: &[u8], page: usize) -> Option<&[u8]> {
    bytes.get(page * PAGE_BYTES..)?.get(..CONTENT_BYTES)
}

fn number(bytes: &[u8], place: usize) -> Option<usize> {
    let bytes = bytes.get(place..place + 8)?.try_into().ok()?;
    usize::try_from(u64::from_le_bytes(bytes)).ok()
}

fn short(bytes: &[u8], place: usize) -> Option<usize> {
    let bytes = bytes.get(place..place + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}
