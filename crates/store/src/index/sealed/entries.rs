//! The hash tables of an index file: entries in the order of their hashes, spread evenly over
//! pages, so that a look-up reads the one page where an entry's home is.
//!
//! An entry that does not fit into its home stands in the next page that has room; as all entries
//! are in order, the walk from the home ends at the first one that is larger.

use std::io;

use bytes::Bytes;

use super::header::{Fields, put_varint};
use super::postings::Place;
use crate::index::KeyClass;
use crate::page::{CONTENT_BYTES, PageWriter};
use crate::planted::is_named;

/// Bytes at the start of a page of entries: how many bytes are used.
const PAGE_HEADER_BYTES: usize = 4;
/// Bytes of a page that entries can take.
const ENTRIES_BYTES: u64 = (CONTENT_BYTES - PAGE_HEADER_BYTES) as u64;
/// How full pages are made on average, in percent, so that few entries stand off their home: of
/// ids, of which five hundred stand in a page, so that few pages get a tenth more than others, and
/// of keys, of which some seventy do, or some twelve where each has many events.
const IDS_FILL: u64 = 90;
const KEYS_FILL: u64 = 85;
/// Bytes of a key's entry without its name and its postings.
const KEY_FIXED_BYTES: usize = 18;
const INLINE: u8 = 0;
const SECTION: u8 = 1;
const INLINE_WITH_STANDS: u8 = 2;

/// Pages that so many ids are spread over.
pub(super) fn homes_of_ids(ids: u64) -> u32 {
    homes(ids * ID_ENTRY_BYTES as u64, ENTRIES_BYTES * IDS_FILL / 100)
}

/// Pages that keys of so many bytes are spread over, when the largest takes so many: an entry is
/// not divided, so that what is left of a page may be as much.
pub(super) fn homes_of_keys(bytes: u64, largest: u64) -> u32 {
    let whole = ENTRIES_BYTES.saturating_sub(largest) * IDS_FILL / 100;
    homes(bytes, whole.clamp(ENTRIES_BYTES / 2, ENTRIES_BYTES * KEYS_FILL / 100))
}

fn homes(bytes: u64, bytes_a_page: u64) -> u32 {
    (bytes / bytes_a_page + 1) as u32
}

/// Pages behind the homes for what does not fit into the last of them.
pub(super) fn spare_pages(homes: u32) -> u32 {
    homes.min(16) + homes / 64
}

/// The page where an entry is looked for first.
pub(super) fn home(hash: u32, homes: u32) -> u32 {
    ((u64::from(hash) * u64::from(homes)) >> 32) as u32
}

/// Writes entries, given in the order of their hashes, into the pages of a hash table.
pub(super) struct TableWriter<'file> {
    pages: PageWriter<'file>,
    first: u32,
    homes: u32,
    page: Vec<u8>,
}

impl<'file> TableWriter<'file> {
    pub(super) fn new(pages: PageWriter<'file>, homes: u32) -> Self {
        let first = pages.number;
        Self { pages, first, homes, page: Vec::new() }
    }

    pub(super) fn push(&mut self, hash: u32, entry: &[u8]) -> io::Result<()> {
        let home = self.first + home(hash, self.homes);
        let is_full = self.page.len() + entry.len() > CONTENT_BYTES - PAGE_HEADER_BYTES;
        while self.pages.number < home || (is_full && !self.page.is_empty()) {
            self.finish_page()?;
        }
        self.page.extend_from_slice(entry);
        Ok(())
    }

    fn finish_page(&mut self) -> io::Result<()> {
        if self.pages.number - self.first >= self.homes + spare_pages(self.homes) {
            return Err(io::Error::other("too many keys have hashes that are alike"));
        }
        self.pages.put(&(self.page.len() as u32).to_le_bytes());
        self.pages.put(&self.page);
        self.page.clear();
        self.pages.finish_page()
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.finish_page()?;
        let end = self.first + self.homes + spare_pages(self.homes);
        self.pages.finish(end)
    }
}

/// The entries of a page.
pub(super) fn of_page(content: &Bytes) -> Option<Bytes> {
    let used = Fields(content).u32()? as usize;
    (used <= content.len() - PAGE_HEADER_BYTES)
        .then(|| content.slice(PAGE_HEADER_BYTES..PAGE_HEADER_BYTES + used))
}

/// An event's id in an index file: a part of its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IdEntry {
    pub(crate) hash: u32,
    pub(crate) event: u32,
}

pub(super) const ID_ENTRY_BYTES: usize = 8;

impl IdEntry {
    pub(super) fn encode(self) -> [u8; ID_ENTRY_BYTES] {
        let mut bytes = [0; ID_ENTRY_BYTES];
        bytes[..4].copy_from_slice(&self.hash.to_le_bytes());
        bytes[4..].copy_from_slice(&self.event.to_le_bytes());
        bytes
    }

    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { hash: fields.u32()?, event: fields.u32()? })
    }
}

/// A key in an index file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyEntry {
    pub(super) hash: u64,
    pub(super) class: KeyClass,
    pub(super) name: Box<str>,
    /// The version of a stream before its first event here.
    pub(super) version_before: u64,
    pub(super) count: u32,
    pub(super) place: Place,
}

/// By what entries are ordered, and where they have their home.
pub(super) fn home_hash(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Bytes of the entry of a key at most, if its postings take so many within it.
pub(crate) fn key_entry_bytes(name: &str, postings: usize) -> u64 {
    (KEY_FIXED_BYTES + name.len() + postings) as u64
}

impl KeyEntry {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.hash.to_le_bytes());
        out.push(self.class as u8);
        out.extend_from_slice(&(self.name.len() as u16).to_le_bytes());
        out.extend_from_slice(self.name.as_bytes());
        put_varint(self.version_before, out);
        put_varint(u64::from(self.count), out);
        match &self.place {
            Place::Inline { bytes, stands } => {
                out.push(if *stands < bytes.len() { INLINE_WITH_STANDS } else { INLINE });
                out.extend_from_slice(bytes);
            }
            Place::Section { offset, length } => {
                out.push(SECTION);
                out.extend_from_slice(&offset.to_le_bytes());
                out.extend_from_slice(&length.to_le_bytes());
            }
        }
        let length = out.len() as u16;
        out[..2].copy_from_slice(&length.to_le_bytes());
    }
}

/// The entries of a page from the first one on whose hash is not below.
pub(super) fn from_hash(page: &[u8], hash: u64) -> Fields<'_> {
    let mut rest = page;
    while let Some(head) = rest.first_chunk::<10>() {
        let length = usize::from(u16::from_le_bytes([head[0], head[1]]));
        let (_, hash_bytes) = head.split_last_chunk::<8>().expect("eight of ten bytes");
        if u64::from_le_bytes(*hash_bytes) >= hash || length < head.len() {
            break;
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Fields(rest)
}

/// The next entry at the front of bytes, decoded as far as needed to compare it.
pub(super) struct KeyHead<'bytes> {
    pub(super) hash: u64,
    class: u8,
    name: &'bytes [u8],
    rest: Fields<'bytes>,
}

impl<'bytes> KeyHead<'bytes> {
    pub(super) fn decode(entries: &mut Fields<'bytes>) -> Option<Self> {
        let length = entries.u16()?.checked_sub(2)?;
        let mut rest = Fields(entries.take(usize::from(length))?);
        let (hash, class, name_length) = (rest.u64()?, rest.u8()?, rest.u16()?);
        let name = rest.take(usize::from(name_length))?;
        Some(Self { hash, class, name, rest })
    }

    pub(super) fn is(&self, class: KeyClass, hash: u64, name: &str) -> bool {
        let is_alike = self.hash == hash && self.class == class as u8;
        is_alike && is_named(self.name, name.as_bytes())
    }

    pub(super) fn entry(mut self) -> Option<KeyEntry> {
        let version_before = self.rest.varint()?;
        let count = u32::try_from(self.rest.varint()?).ok()?;
        let place = match self.rest.u8()? {
            INLINE => Place::decode_inline(self.rest.0, count, false)?,
            INLINE_WITH_STANDS => Place::decode_inline(self.rest.0, count, true)?,
            SECTION => Place::Section { offset: self.rest.u64()?, length: self.rest.u32()? },
            _ => return None,
        };
        let name = std::str::from_utf8(self.name).ok()?.into();
        let class = KeyClass::from_code(self.class)?;
        Some(KeyEntry { hash: self.hash, class, name, version_before, count, place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk, MemoryDisk};
    use crate::sync::AtomicBool;

    /// Entries of these bytes, in the order of hashes as good as random.
    fn fits(bytes: impl Iterator<Item = usize>, homes: u32) {
        let (disk, never) = (MemoryDisk::new(), AtomicBool::new(false));
        let file = disk.create("table").unwrap();
        let hash = |number: usize| xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes());
        let mut entries: Vec<_> =
            bytes.enumerate().map(|(number, bytes)| (home_hash(hash(number)), bytes)).collect();
        entries.sort_unstable();
        let mut table = TableWriter::new(PageWriter::new(&*file, 7, 0, &never), homes);
        for (hash, bytes) in entries {
            table.push(hash, &vec![1; bytes]).unwrap();
        }
        table.finish().unwrap();
    }

    #[test]
    fn what_fills_pages_badly_finds_room_too() {
        for count in [1, 2, 5, 30, 20_000] {
            for largest in [40, 512, 682, 690, 1363] {
                let same = (0..count).map(|_| largest);
                fits(same, homes_of_keys((count * largest) as u64, largest as u64));
                let mixed = (0..count).map(|number| if number % 2 == 0 { largest } else { 40 });
                let bytes = mixed.clone().sum::<usize>() as u64;
                fits(mixed, homes_of_keys(bytes, largest as u64));
            }
            fits((0..count).map(|_| ID_ENTRY_BYTES), homes_of_ids(count as u64));
        }
    }
}
