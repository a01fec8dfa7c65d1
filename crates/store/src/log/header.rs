//! The header of a log file: which file of which store it is, and where the file before it ends.
//!
//! The chain of headers takes the place of a manifest: "the file before is valid up to there" is
//! written in the file after it, and made durable with it.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::bytes::{put, read_i64, read_u32, read_u64};
use crate::event::{EventId, Position, Timestamp};
use crate::planted::{can_be, checksum_fits};

/// Bytes of a log file before its first frame.
pub(crate) const HEADER_BYTES: u64 = 4096;
const MAGIC: &[u8; 8] = b"hithlog1";
/// No position, batch or length comes near this.
pub(super) const NUMBER_MAX: u64 = 1 << 62;
const CHECKED_BYTES: usize = 508;

/// What a log file says about itself and about the file before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub(crate) store_id: EventId,
    /// Counted from 1.
    pub(crate) number: u64,
    /// Differs for every file ever begun, so that bytes of another one cannot be taken for its own.
    pub(crate) nonce: u64,
    pub(crate) first_position: Position,
    pub(crate) first_batch: u64,
    /// Where the valid bytes of the file before end; 0 in the first file.
    pub(crate) previous_end: u64,
    /// The chain value there.
    pub(crate) previous_chain: u64,
    /// The time of the last event before this file: times never go back.
    pub(crate) previous_time: Timestamp,
    /// Bytes of the file, written with zeros beforehand.
    pub(crate) allocated: u64,
    /// What was lost before this file and given up, if it was.
    pub(crate) loss_before: LossBefore,
}

/// Events that a repair could not save, and that no file will ever have: nobody is told of damage
/// where they stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LossBefore {
    /// The positions before the file's first that no event has.
    pub(crate) positions: u64,
    /// Whether it was the end of a log that was lost, so that there may have been more.
    pub(crate) is_open_ended: bool,
}

impl LossBefore {
    /// Whether something was lost at all.
    pub(crate) fn is_any(self) -> bool {
        self.positions > 0 || self.is_open_ended
    }
}

impl FileHeader {
    /// What stands for the header of a file that is lost: none was ever written with this nonce.
    pub(crate) fn of_lost(store_id: EventId, number: u64, first_position: Position) -> Self {
        Self {
            store_id,
            number,
            nonce: 0,
            first_position,
            first_batch: 1,
            previous_end: 0,
            previous_chain: 0,
            previous_time: Timestamp::from_nanos(i64::MIN),
            allocated: 0,
            loss_before: LossBefore::default(),
        }
    }

    /// The name of the file with this number.
    pub(crate) fn file_name(number: u64) -> String {
        format!("{number:012}.log")
    }

    /// The number in a log file's name, if it is one.
    pub(crate) fn number_of(name: &str) -> Option<u64> {
        let digits = name.strip_suffix(".log")?;
        (digits.len() == 12).then(|| digits.parse().ok()).flatten()
    }

    /// The chain value before the first frame of the file.
    pub(crate) fn first_chain(&self) -> u64 {
        xxh3_64_with_seed(&self.previous_chain.to_le_bytes(), self.nonce)
    }

    /// The position behind the last event of the file before: this one's first, unless events
    /// between the two were lost and given up.
    pub(crate) fn end_of_previous(&self) -> Position {
        Position(self.first_position.0.saturating_sub(self.loss_before.positions))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES as usize];
        put(&mut bytes, 0, MAGIC);
        put(&mut bytes, 8, self.store_id.as_bytes());
        put(&mut bytes, 24, &self.number.to_le_bytes());
        put(&mut bytes, 32, &self.nonce.to_le_bytes());
        put(&mut bytes, 40, &self.first_position.0.to_le_bytes());
        put(&mut bytes, 48, &self.first_batch.to_le_bytes());
        put(&mut bytes, 56, &self.previous_end.to_le_bytes());
        put(&mut bytes, 64, &self.previous_chain.to_le_bytes());
        put(&mut bytes, 72, &self.previous_time.as_nanos().to_le_bytes());
        put(&mut bytes, 80, &self.allocated.to_le_bytes());
        put(&mut bytes, 88, &self.loss_before.positions.to_le_bytes());
        put(&mut bytes, 96, &u32::from(self.loss_before.is_open_ended).to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..CHECKED_BYTES]);
        put(&mut bytes, CHECKED_BYTES, &checksum.to_le_bytes());
        bytes
    }

    /// The header in these bytes, if it is whole.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let is_whole = bytes.len() >= HEADER_BYTES as usize
            && bytes.starts_with(MAGIC)
            && checksum_fits(
                read_u32(bytes, CHECKED_BYTES),
                crc32c::crc32c(&bytes[..CHECKED_BYTES]),
            );
        let header = is_whole.then(|| Self {
            store_id: EventId::from_bytes(bytes[8..24].try_into().expect("sixteen bytes")),
            number: read_u64(bytes, 24),
            nonce: read_u64(bytes, 32),
            first_position: Position(read_u64(bytes, 40)),
            first_batch: read_u64(bytes, 48),
            previous_end: read_u64(bytes, 56),
            previous_chain: read_u64(bytes, 64),
            previous_time: Timestamp::from_nanos(read_i64(bytes, 72)),
            allocated: read_u64(bytes, 80),
            loss_before: LossBefore {
                positions: read_u64(bytes, 88),
                is_open_ended: read_u32(bytes, 96) != 0,
            },
        });
        header.filter(Self::can_be)
    }

    /// Numbers that no store reaches are damage: nobody has to reckon with them.
    fn can_be(&self) -> bool {
        let counted = [self.number, self.first_position.0, self.first_batch];
        let bytes = [self.previous_end, self.allocated, self.loss_before.positions];
        counted.iter().all(|&number| can_be(number, &(1..=NUMBER_MAX)))
            && bytes.iter().all(|&bytes| can_be(bytes, &(0..=NUMBER_MAX)))
    }
}
