//! The file `closed`: where the log ended when the store was closed in order.
//!
//! Without it an open has to look through the rest of the last file for frames of a later batch,
//! which would prove damage. It is removed, durably, before anything is written to the log again.

use std::io;

use super::bytes::{put, read_u32, read_u64};
use super::scan::Expected;
use crate::disk::Disk;
use crate::event::EventId;
use crate::roll::{remove_if_there, sync_directory};

const FILE: &str = "closed";
const TEMPORARY: &str = "closed.tmp";
const MAGIC: &[u8; 8] = b"hithend1";
const BYTES: usize = 64;
const CHECKED_BYTES: usize = 60;

/// Where a log ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CleanEnd {
    pub(crate) store_id: EventId,
    /// The number of the last log file.
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) batch: u64,
    pub(crate) chain: u64,
}

impl CleanEnd {
    /// The end of a log in a file, if what it must follow is known.
    pub(crate) fn of(store_id: EventId, number: u64, end: &Expected) -> Option<Self> {
        let (offset, batch, chain) = (end.offset, end.batch, end.chain?);
        Some(Self { store_id, number, offset, batch, chain })
    }

    /// What the disk says, if a store was closed in order and not written to since.
    pub(crate) fn read(disk: &dyn Disk) -> Option<Self> {
        let mut bytes = [0; BYTES];
        // Without it opening only takes longer.
        let filled = disk.open(FILE).and_then(|file| file.read_at(&mut bytes, 0)).ok()?;
        let is_whole = filled == BYTES
            && bytes.starts_with(MAGIC)
            && read_u32(&bytes, CHECKED_BYTES) == crc32c::crc32c(&bytes[..CHECKED_BYTES]);
        is_whole.then(|| Self {
            store_id: EventId::from_bytes(bytes[8..24].try_into().expect("sixteen bytes")),
            number: read_u64(&bytes, 24),
            offset: read_u64(&bytes, 32),
            batch: read_u64(&bytes, 40),
            chain: read_u64(&bytes, 48),
        })
    }

    /// Writes the file, durably.
    pub(crate) fn write(&self, disk: &dyn Disk) -> io::Result<()> {
        let mut bytes = [0; BYTES];
        put(&mut bytes, 0, MAGIC);
        put(&mut bytes, 8, self.store_id.as_bytes());
        put(&mut bytes, 24, &self.number.to_le_bytes());
        put(&mut bytes, 32, &self.offset.to_le_bytes());
        put(&mut bytes, 40, &self.batch.to_le_bytes());
        put(&mut bytes, 48, &self.chain.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..CHECKED_BYTES]);
        put(&mut bytes, CHECKED_BYTES, &checksum.to_le_bytes());
        remove_if_there(disk, TEMPORARY)?;
        let file = disk.create(TEMPORARY)?;
        file.write_at(&bytes, 0)?;
        file.sync()?;
        disk.rename(TEMPORARY, FILE)?;
        sync_directory(disk)
    }

    /// Removes the file, durably: something is about to be written.
    pub(crate) fn remove(disk: &dyn Disk) -> io::Result<()> {
        disk.remove(FILE)?;
        sync_directory(disk)
    }
}

/// Whether the file has this name.
pub(crate) fn is_clean_end(name: &str) -> bool {
    name == FILE
}
