//! A compressed log file in an archive, read as if it were here.

use std::io;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::{Archive, Stub, open_archive};
use crate::cache::{CacheKey, Cached, ReadCache};
use crate::disk::DiskFile;

/// Bytes that are read from the archive at once.
const CHUNK_BYTES: u64 = 128 << 10;

/// The object of a stub. What is not here is read from the archive in parts, which are kept in the
/// store's cache.
pub(crate) struct ArchivedFile {
    stub: Stub,
    file: Arc<dyn DiskFile>,
    cache: Arc<ReadCache>,
    serial: u32,
    /// Opened when something is first read that is not here.
    archive: OnceLock<Arc<dyn Archive>>,
}

impl ArchivedFile {
    pub(crate) fn new(stub: Stub, file: Arc<dyn DiskFile>, cache: &Arc<ReadCache>) -> Self {
        let (cache, serial) = (Arc::clone(cache), crate::cache::serial());
        Self { stub, file, cache, serial, archive: OnceLock::new() }
    }

    fn archive(&self) -> io::Result<&Arc<dyn Archive>> {
        if let Some(archive) = self.archive.get() {
            return Ok(archive);
        }
        let archive = open_archive(&self.stub.location)?;
        Ok(self.archive.get_or_init(|| archive))
    }

    /// A part of the object, from the cache or from the archive.
    fn chunk(&self, number: u64) -> io::Result<Bytes> {
        let key = CacheKey::Page { file: self.serial, page: number as u32 };
        if let Some(Cached::Page(chunk)) = self.cache.find(key) {
            return Ok(chunk);
        }
        let offset = number * CHUNK_BYTES;
        let mut chunk = vec![0; CHUNK_BYTES.min(self.stub.bytes - offset) as usize];
        let read = self
            .archive()
            .and_then(|archive| archive.read_at(&self.stub.object, &mut chunk, offset));
        if read.map_err(|error| self.unreachable(&error))? < chunk.len() {
            return Err(self.unreachable(&"its object is shorter than it was"));
        }
        let chunk = Bytes::from(chunk);
        self.cache.keep(key, Cached::Page(chunk.clone()));
        Ok(chunk)
    }

    /// Never `NotFound`: the events are not lost, they are elsewhere.
    fn unreachable(&self, why: &dyn std::fmt::Display) -> io::Error {
        let Stub { location, object, .. } = &self.stub;
        io::Error::other(format!(
            "it was moved to the archive {location} as {object}, which cannot be read now: {why}; see that \
             the archive can be reached"
        ))
    }
}

impl DiskFile for ArchivedFile {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let end = self.stub.bytes.min(offset.saturating_add(buffer.len() as u64));
        let mut filled = 0;
        while offset + (filled as u64) < end {
            let start = offset + filled as u64;
            if let Some((place, length)) = self.stub.here(start, end - start) {
                let here = &mut buffer[filled..filled + length as usize];
                if self.file.read_at(here, place)? < here.len() {
                    let what = "the stub of an archived file is cut";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
                filled += length as usize;
                continue;
            }
            let chunk = self.chunk(start / CHUNK_BYTES)?;
            let part = &chunk[(start % CHUNK_BYTES) as usize..];
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
        Ok(self.stub.bytes)
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
