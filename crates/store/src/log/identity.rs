//! The file `format`: which store this is, and in which version of the format it is written.

use super::bytes::{put, read_i64, read_u32, read_u64};
use crate::error::{Error, Result};
use crate::event::{EventId, Timestamp};
use crate::planted::checksum_fits;

/// The version of the format that this code writes.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// The name of the file.
pub(crate) const FORMAT_FILE: &str = "format";
const MAGIC: &[u8; 8] = b"hitherto";
const COPY_BYTES: usize = 512;

/// What makes a store itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) version: u32,
    pub(crate) store_id: EventId,
    /// The seed of all hashes of names, secret so that collisions cannot be made.
    pub(crate) hash_seed: u64,
    pub(crate) created_at: Timestamp,
}

impl Identity {
    /// The content of the file: two equal copies, so that one may be damaged.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut copy = [0; COPY_BYTES];
        put(&mut copy, 0, MAGIC);
        put(&mut copy, 8, &self.version.to_le_bytes());
        put(&mut copy, 16, self.store_id.as_bytes());
        put(&mut copy, 32, &self.hash_seed.to_le_bytes());
        put(&mut copy, 40, &self.created_at.as_nanos().to_le_bytes());
        let checksum = crc32c::crc32c(&copy[..COPY_BYTES - 4]);
        put(&mut copy, COPY_BYTES - 4, &checksum.to_le_bytes());
        [copy, copy].concat()
    }

    /// Reads the file, from whichever copy is whole.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut copies = bytes.chunks_exact(COPY_BYTES);
        let Some(copy) = copies.find(|copy| is_whole(copy)) else {
            return Err(Error::corrupt(
                "the file `format` is damaged in both copies: restore it from a backup of this store",
            ));
        };
        let version = read_u32(copy, 8);
        if version > FORMAT_VERSION || read_u32(copy, 12) != 0 {
            return Err(Error::invalid(format!(
                "the store is written in format {version}, and this hitherto reads formats up to \
                 {FORMAT_VERSION}: open it with a newer hitherto"
            )));
        }
        Ok(Self {
            version,
            store_id: EventId::from_bytes(copy[16..32].try_into().expect("sixteen bytes")),
            hash_seed: read_u64(copy, 32),
            created_at: Timestamp::from_nanos(read_i64(copy, 40)),
        })
    }
}

fn is_whole(copy: &[u8]) -> bool {
    let checksum = crc32c::crc32c(&copy[..COPY_BYTES - 4]);
    copy.starts_with(MAGIC) && checksum_fits(read_u32(copy, COPY_BYTES - 4), checksum)
}
