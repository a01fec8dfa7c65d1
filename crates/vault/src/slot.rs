//! The bytes of a key file: slots of 128 bytes, each with its own checksum, the first of them the
//! header.
//!
//! | offset | size | header | any other slot |
//! |---:|---:|---|---|
//! | 0 | 8 | `hithkey1` | 1: 1 a key, 2 a destroyed key, 3 the key of snapshots; 1: length of the
//! subject |
//! | 8 | 16 | id of the vault | id of the key |
//! | 24 | 32 | zeros | the key; if it was destroyed, 8: its slot, 8: that of the key of snapshots
//! then, each of them 0 if there is none |
//! | 56 | 64 | zeros | the subject (UTF-8) |
//! | 124 | 4 | CRC-32C | CRC-32C of the vault's id, the number of the slot and bytes 0 to 123 |

use std::fmt;

use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

/// Bytes of a slot.
pub(crate) const SLOT_BYTES: usize = 128;
/// Bytes of a subject's name in UTF-8.
pub const SUBJECT_BYTES_MAX: usize = 64;
const MAGIC: &[u8; 8] = b"hithkey1";
const CHECKSUM: usize = SLOT_BYTES - 4;

/// Names a vault, or a key of it, for ever. Random, so that it is told to nobody by guessing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) [u8; 16]);

impl Id {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// The bytes of a key, gone from memory with it.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// What a slot behind the header is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The key of a subject.
    Key { id: Id, subject: String, key: Key },
    /// What is left of one: that it was there. The slots that had it, and the key of snapshots, are
    /// overwritten; 0 is none.
    Destroyed { id: Id, subject: String, overwritten: [u64; 2] },
    /// The key that snapshots are sealed under until something is forgotten.
    Snapshots { id: Id, key: Key },
}

pub(crate) type SlotBytes = Zeroizing<[u8; SLOT_BYTES]>;

pub(crate) fn encode_header(vault: Id) -> SlotBytes {
    let mut bytes = Zeroizing::new([0; SLOT_BYTES]);
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..24].copy_from_slice(&vault.0);
    sealed(bytes, vault, 0)
}

/// The vault's id, if this is the header of a key file.
pub(crate) fn decode_header(bytes: &[u8]) -> Option<Id> {
    let vault = Id(bytes.get(8..24)?.try_into().ok()?);
    (bytes.starts_with(MAGIC) && is_whole(bytes, vault, 0)).then_some(vault)
}

impl Slot {
    pub(crate) fn encode(&self, vault: Id, number: u64) -> SlotBytes {
        let (code, id, key, subject) = match self {
            Self::Key { id, subject, key } => (1, id, Some(key), subject.as_str()),
            Self::Destroyed { id, subject, .. } => (2, id, None, subject.as_str()),
            Self::Snapshots { id, key } => (3, id, Some(key), ""),
        };
        let mut bytes = Zeroizing::new([0; SLOT_BYTES]);
        (bytes[0], bytes[1]) = (code, subject.len() as u8);
        bytes[8..24].copy_from_slice(&id.0);
        if let Some(key) = key {
            bytes[24..56].copy_from_slice(&key[..]);
        }
        if let Self::Destroyed { overwritten: [key, snapshots], .. } = self {
            bytes[24..32].copy_from_slice(&key.to_le_bytes());
            bytes[32..40].copy_from_slice(&snapshots.to_le_bytes());
        }
        bytes[56..56 + subject.len()].copy_from_slice(subject.as_bytes());
        sealed(bytes, vault, number)
    }

    /// The slot, if it is what was written there.
    pub(crate) fn decode(bytes: &[u8], vault: Id, number: u64) -> Option<Self> {
        if !is_whole(bytes, vault, number) {
            return None;
        }
        let id = Id(bytes[8..24].try_into().ok()?);
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&bytes[24..56]);
        let subject = bytes[56..CHECKSUM].get(..usize::from(bytes[1]))?;
        let subject = std::str::from_utf8(subject).ok()?.to_owned();
        match bytes[0] {
            1 => Some(Self::Key { id, subject, key }),
            2 => {
                let number =
                    |start: usize| key[start..start + 8].try_into().map(u64::from_le_bytes);
                let overwritten = [number(0).ok()?, number(8).ok()?];
                Some(Self::Destroyed { id, subject, overwritten })
            }
            3 => Some(Self::Snapshots { id, key }),
            _ => None,
        }
    }

    /// The slots that are overwritten because of this one.
    pub(crate) fn overwritten(&self) -> impl Iterator<Item = u64> + use<> {
        let slots = match self {
            Self::Destroyed { overwritten, .. } => *overwritten,
            Self::Key { .. } | Self::Snapshots { .. } => [0; 2],
        };
        slots.into_iter().filter(|&slot| slot != 0)
    }
}

fn sealed(mut bytes: SlotBytes, vault: Id, number: u64) -> SlotBytes {
    let checksum = checksum(&bytes[..CHECKSUM], vault, number);
    bytes[CHECKSUM..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn is_whole(bytes: &[u8], vault: Id, number: u64) -> bool {
    bytes.len() == SLOT_BYTES
        && bytes[CHECKSUM..] == checksum(&bytes[..CHECKSUM], vault, number).to_le_bytes()
}

fn checksum(content: &[u8], vault: Id, number: u64) -> u32 {
    let seed = crc32c::crc32c_append(crc32c::crc32c(&vault.0), &number.to_le_bytes());
    crc32c::crc32c_append(seed, content)
}
