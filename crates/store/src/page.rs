//! The pages that derived files consist of: 4 KiB each, with a checksum that binds them to their
//! file and place, so that a page that was lost, moved or changed is not believed.

use std::io;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::disk::DiskFile;
use crate::planted::checksum_fits;
use crate::sync::AtomicBool;

/// Bytes of a page on disk.
pub(crate) const PAGE_BYTES: usize = 4096;
/// Bytes of it that hold something; the rest is the checksum.
pub(crate) const CONTENT_BYTES: usize = PAGE_BYTES - 4;
/// Pages that are written, or read one after another, at once.
const PAGES_AT_ONCE: usize = 16;

/// The content of a page that was read, if it is what was written.
pub(crate) fn content(page: &Bytes, nonce: u64, number: u32) -> Option<Bytes> {
    if page.len() != PAGE_BYTES {
        return None;
    }
    let stored = u32::from_le_bytes(page[CONTENT_BYTES..].try_into().expect("four bytes"));
    let is_whole = checksum_fits(stored, checksum(&page[..CONTENT_BYTES], nonce, number));
    is_whole.then(|| page.slice(..CONTENT_BYTES))
}

fn checksum(content: &[u8], nonce: u64, number: u32) -> u32 {
    let seed = crc32c::crc32c(&nonce.to_le_bytes());
    let seed = crc32c::crc32c_append(seed, &number.to_le_bytes());
    crc32c::crc32c_append(seed, content)
}

/// Reads one page, checked or not by the caller.
pub(crate) fn read(file: &dyn DiskFile, number: u32) -> io::Result<Bytes> {
    read_many(file, number, 1)
}

fn read_many(file: &dyn DiskFile, number: u32, count: usize) -> io::Result<Bytes> {
    let mut bytes = vec![0; PAGE_BYTES * count];
    let filled = file.read_at(&mut bytes, u64::from(number) * PAGE_BYTES as u64)?;
    bytes.truncate(filled);
    Ok(bytes.into())
}

/// Reads the pages of a section one after another, many at once.
pub(crate) struct Pages<'file> {
    file: &'file dyn DiskFile,
    nonce: u64,
    next: u32,
    end: u32,
    ahead: Bytes,
}

impl<'file> Pages<'file> {
    pub(crate) fn new(file: &'file dyn DiskFile, nonce: u64, pages: std::ops::Range<u32>) -> Self {
        Self { file, nonce, next: pages.start, end: pages.end, ahead: Bytes::new() }
    }

    /// The next page's content; the number of a page that is damaged as the error within.
    pub(crate) fn next_page(&mut self) -> io::Result<Option<Result<Bytes, u32>>> {
        if self.next >= self.end {
            return Ok(None);
        }
        if self.ahead.is_empty() {
            let count = PAGES_AT_ONCE.min((self.end - self.next) as usize);
            self.ahead = read_many(self.file, self.next, count)?;
        }
        let page = self.ahead.split_to(PAGE_BYTES.min(self.ahead.len()));
        let number = self.next;
        self.next += 1;
        Ok(Some(content(&page, self.nonce, number).ok_or(number)))
    }
}

/// All bytes that stand across some pages; `None` if one of them is damaged.
pub(crate) fn read_across(
    file: &dyn DiskFile,
    nonce: u64,
    pages: std::ops::Range<u32>,
) -> io::Result<Option<Vec<u8>>> {
    let mut pages = Pages::new(file, nonce, pages);
    let mut bytes = Vec::new();
    while let Some(page) = pages.next_page()? {
        let Ok(page) = page else { return Ok(None) };
        bytes.extend_from_slice(&page);
    }
    Ok(Some(bytes))
}

/// Writes pages one after another, many at once.
pub(crate) struct PageWriter<'file> {
    file: &'file dyn DiskFile,
    nonce: u64,
    /// The number of the page that is being filled.
    pub(crate) number: u32,
    /// Whole pages that are not yet written, and the one being filled.
    buffer: Vec<u8>,
    filled: usize,
    stop: &'file AtomicBool,
}

impl<'file> PageWriter<'file> {
    pub(crate) fn new(
        file: &'file dyn DiskFile,
        nonce: u64,
        first: u32,
        stop: &'file AtomicBool,
    ) -> Self {
        Self { file, nonce, number: first, buffer: Vec::new(), filled: 0, stop }
    }

    /// Bytes that still fit into the page.
    pub(crate) fn room(&self) -> usize {
        CONTENT_BYTES - self.filled
    }

    /// Adds bytes to the page, which must have room for them.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= self.room(), "the caller looks for room first");
        self.buffer.extend_from_slice(bytes);
        self.filled += bytes.len();
    }

    /// Adds bytes that may go on in the next page.
    pub(crate) fn put_across(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while bytes.len() > self.room() {
            let (here, rest) = bytes.split_at(self.room());
            self.put(here);
            self.finish_page()?;
            bytes = rest;
        }
        self.put(bytes);
        Ok(())
    }

    /// Fills the rest of the page with zeros and goes on with the next one.
    pub(crate) fn finish_page(&mut self) -> io::Result<()> {
        let start = self.buffer.len() - self.filled;
        self.buffer.resize(start + CONTENT_BYTES, 0);
        let checksum = checksum(&self.buffer[start..], self.nonce, self.number);
        self.buffer.extend_from_slice(&checksum.to_le_bytes());
        self.filled = 0;
        self.number += 1;
        if self.buffer.len() >= PAGES_AT_ONCE * PAGE_BYTES { self.write() } else { Ok(()) }
    }

    /// Writes what is left, up to the page before `end`.
    pub(crate) fn finish(mut self, end: u32) -> io::Result<()> {
        while self.filled > 0 || self.number < end {
            self.finish_page()?;
        }
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let pages = (self.buffer.len() / PAGE_BYTES) as u32;
        let offset = u64::from(self.number - pages) * PAGE_BYTES as u64;
        self.file.write_at(&self.buffer, offset)?;
        self.buffer.clear();
        Ok(())
    }
}
