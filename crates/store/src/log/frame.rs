//! One commit as bytes and back: the frame of `docs/file-format.md`, in code.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::bytes::{put, read_i64, read_u32, read_u64};
use super::header::NUMBER_MAX;
use crate::event::{Position, Timestamp};
use crate::limits;
use crate::planted::{can_be, checksum_fits};

/// Bytes before the body of a frame. Frames start at multiples of 8.
pub(crate) const FRAME_HEADER_BYTES: usize = 56;
/// The largest body: an append at its limit.
pub(crate) const BODY_BYTES_MAX: usize = limits::APPEND_BYTES_MAX;

/// What a commit begins with of which events were removed.
const REMOVED_MAGIC: [u8; 4] = *b"HRem";

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// The events of one append.
    Commit,
    /// "Everything before is durable", written when nothing else comes to prove it.
    Mark,
    /// As a mark, and the store was closed in order.
    Close,
    /// As a mark, and the log goes on in the next file.
    Roll,
}

impl FrameKind {
    /// The four bytes that a frame of this kind begins with.
    pub(crate) const fn magic(self) -> u32 {
        match self {
            Self::Commit => u32::from_le_bytes(*b"HCom"),
            Self::Mark => u32::from_le_bytes(*b"HMrk"),
            Self::Close => u32::from_le_bytes(*b"HCls"),
            Self::Roll => u32::from_le_bytes(*b"HRol"),
        }
    }

    /// The kind of a frame that begins with these bytes.
    pub(crate) fn from_magic(magic: u32) -> Option<Self> {
        let all = [Self::Commit, Self::Mark, Self::Close, Self::Roll];
        all.into_iter().find(|kind| kind.magic() == magic)
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: FrameKind,
    pub(crate) body_len: u32,
    /// The number of the group that was written and synced at once.
    pub(crate) batch: u64,
    pub(crate) first_position: Position,
    pub(crate) event_count: u32,
    /// Frames of the same batch that follow this one.
    pub(crate) frames_left: u32,
    pub(crate) recorded_at: Timestamp,
    /// Binds the frame to all frames before it.
    pub(crate) chain: u64,
    pub(crate) body_checksum: u32,
}

impl FrameHeader {
    /// Bytes of the whole frame.
    pub(crate) fn frame_len(&self) -> u64 {
        (FRAME_HEADER_BYTES + self.body_len as usize) as u64
    }

    /// Writes the header before its body, chained to `previous`; returns the new chain value.
    pub(crate) fn encode(mut self, previous: u64, nonce: u64, bytes: &mut [u8]) -> u64 {
        put(bytes, 0, &self.kind.magic().to_le_bytes());
        put(bytes, 4, &self.body_len.to_le_bytes());
        put(bytes, 8, &self.batch.to_le_bytes());
        put(bytes, 16, &self.first_position.0.to_le_bytes());
        put(bytes, 24, &self.event_count.to_le_bytes());
        put(bytes, 28, &self.frames_left.to_le_bytes());
        put(bytes, 32, &self.recorded_at.as_nanos().to_le_bytes());
        put(bytes, 48, &self.body_checksum.to_le_bytes());
        self.chain = chain(previous, bytes);
        put(bytes, 40, &self.chain.to_le_bytes());
        let checksum = header_checksum(nonce, bytes);
        put(bytes, 52, &checksum.to_le_bytes());
        self.chain
    }

    /// The header at the start of these bytes, if it is whole and of the file with this nonce.
    pub(crate) fn decode(bytes: &[u8], nonce: u64) -> Option<Self> {
        let bytes = bytes.get(..FRAME_HEADER_BYTES)?;
        let kind = if has_removed(bytes) {
            FrameKind::Commit
        } else {
            FrameKind::from_magic(read_u32(bytes, 0))?
        };
        if !checksum_fits(read_u32(bytes, 52), header_checksum(nonce, bytes)) {
            return None;
        }
        let header = Self {
            kind,
            body_len: read_u32(bytes, 4),
            batch: read_u64(bytes, 8),
            first_position: Position(read_u64(bytes, 16)),
            event_count: read_u32(bytes, 24),
            frames_left: read_u32(bytes, 28),
            recorded_at: Timestamp::from_nanos(read_i64(bytes, 32)),
            chain: read_u64(bytes, 40),
            body_checksum: read_u32(bytes, 48),
        };
        let counted = [header.batch, header.first_position.0];
        counted.iter().all(|&number| can_be(number, &(1..=NUMBER_MAX))).then_some(header)
    }

    /// Whether this header, found in `bytes`, follows a frame with that chain value.
    pub(crate) fn follows(&self, previous: u64, bytes: &[u8]) -> bool {
        checksum_fits(self.chain, chain(previous, bytes))
    }
}

/// Whether events of the commit with this header were removed: then the checksum of its body, which
/// the chain needs, is that of the body as it was.
pub(crate) fn has_removed(header: &[u8]) -> bool {
    header.starts_with(&REMOVED_MAGIC)
}

/// Says in the header of a commit that events of it were removed. The chain stays as it is.
pub(crate) fn mark_removed(header: &mut [u8], nonce: u64) {
    put(header, 0, &REMOVED_MAGIC);
    let checksum = header_checksum(nonce, header);
    put(header, 52, &checksum.to_le_bytes());
}

/// The chain covers the header before the chain value itself, and the body by its checksum, both as
/// they were before anything was removed.
fn chain(previous: u64, header: &[u8]) -> u64 {
    let mut covered = [0; 44];
    covered[..40].copy_from_slice(&header[..40]);
    if has_removed(header) {
        put(&mut covered, 0, &FrameKind::Commit.magic().to_le_bytes());
    }
    covered[40..].copy_from_slice(&header[48..52]);
    xxh3_64_with_seed(&covered, previous)
}

fn header_checksum(nonce: u64, header: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&nonce.to_le_bytes()), &header[..52])
}
