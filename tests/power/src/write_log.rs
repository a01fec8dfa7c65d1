//! Reads the write log of a disk: every write, flush and promise, in the order in which they
//! happened.
//!
//! The format is that of the kernel's `dm-log-writes`: a sector with a head, then for each entry a
//! sector that describes it, followed by what was written.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::disk::{PROMISES_OFFSET, SECTOR_BYTES};
use crate::promise::Word;

const MAGIC: u64 = 0x006a_7366_7773_6872;
const FLUSH: u64 = 1;
const FORCED: u64 = 2;
const DISCARD: u64 = 4;

/// What happened to a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// These bytes were written there.
    Write { offset: u64, bytes: Vec<u8> },
    /// So many bytes there are not needed any more.
    Discard { offset: u64, length: u64 },
    /// Everything written before is on the medium.
    Flush,
    /// Something was said.
    Said(Word),
}

/// Reads a log, and how many bytes of the file it takes.
pub(crate) fn read(path: &Path) -> Result<(Vec<Entry>, u64), String> {
    let log = Log(File::open(path).map_err(|error| format!("{}: {error}", path.display()))?);
    let head = log.sector(0)?;
    if number(&head, 0) != MAGIC || number(&head, 3) as u32 as usize != SECTOR_BYTES {
        return Err(format!("{} is not a write log with sectors of 512 bytes", path.display()));
    }
    let mut offset = SECTOR_BYTES as u64;
    let mut entries = Vec::new();
    for _ in 0..number(&head, 2) {
        let (entry, length) = log.entry(offset)?;
        entries.push(entry);
        offset += length;
    }
    Ok((entries, offset))
}

struct Log(File);

impl Log {
    /// The entry that begins there, and its length in the log.
    fn entry(&self, at: u64) -> Result<(Entry, u64), String> {
        let head = self.sector(at)?;
        let [offset, length] = [0, 1].map(|index| number(&head, index) * SECTOR_BYTES as u64);
        let (flags, head_bytes) = (number(&head, 2), SECTOR_BYTES as u64);
        if flags & FORCED != 0 {
            return Err("the disk was told to force single writes, which is new here".to_owned());
        }
        if flags & FLUSH != 0 {
            return Ok((Entry::Flush, head_bytes));
        }
        if flags & DISCARD != 0 {
            return Ok((Entry::Discard { offset, length }, head_bytes));
        }
        let bytes = self.bytes(at + head_bytes, length as usize)?;
        let entry = if offset >= PROMISES_OFFSET {
            Entry::Said(Word::from_sector(&bytes)?)
        } else {
            Entry::Write { offset, bytes }
        };
        Ok((entry, head_bytes + length))
    }

    fn sector(&self, offset: u64) -> Result<Vec<u8>, String> {
        self.bytes(offset, SECTOR_BYTES)
    }

    fn bytes(&self, offset: u64, length: usize) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; length];
        let failed = |error| format!("the write log cannot be read at {offset}: {error}");
        self.0.read_exact_at(&mut bytes, offset).map_err(failed)?;
        Ok(bytes)
    }
}

/// The so many-th number of a head.
fn number(head: &[u8], index: usize) -> u64 {
    let bytes = &head[8 * index..][..8];
    u64::from_le_bytes(bytes.try_into().expect("these are eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(numbers: [u64; 4]) -> Vec<u8> {
        let mut head = numbers.map(u64::to_le_bytes).concat();
        head.resize(SECTOR_BYTES, 0);
        head
    }

    #[test]
    fn a_log_is_read_entry_by_entry_in_its_order() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let promise = "1 2 3 44";
        let mut sector = promise.as_bytes().to_vec();
        sector.resize(SECTOR_BYTES, 0);
        let behind = PROMISES_OFFSET / SECTOR_BYTES as u64;
        let log = [
            head([MAGIC, 1, 4, SECTOR_BYTES as u64]),
            head([3, 2, 0, 0]),
            vec![5; 2 * SECTOR_BYTES],
            head([0, 0, FLUSH, 0]),
            head([behind, 1, 0, 0]),
            sector,
            head([8, 4, DISCARD, 0]),
        ];
        std::fs::write(&file, log.concat()).unwrap();
        let (entries, bytes) = read(file.path()).unwrap();
        let expected = [
            Entry::Write { offset: 1536, bytes: vec![5; 1024] },
            Entry::Flush,
            Entry::Said(Word::Promise(promise.parse().unwrap())),
            Entry::Discard { offset: 4096, length: 2048 },
        ];
        assert_eq!(entries, expected);
        assert_eq!(bytes, log.concat().len() as u64);
    }
}
