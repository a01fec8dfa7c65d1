//! Where a few events of a stream stand in the log, beside them in the stream's key: they are read
//! one after another, and the page that tells it otherwise is another one for each of them.

use crate::index::ids;

/// A stream of more events has not beside them where they stand.
pub(super) const STANDS_MAX: u32 = 32;
/// Bytes that tell where an event stands.
pub(super) const STAND_BYTES: usize = 5;
/// In what the room of an event is told.
const SPAN_UNIT: u64 = 16;

/// Where an event stands in its log file, and how much room it has up to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stand {
    pub(crate) offset: u64,
    /// Up to 15 bytes more than there are.
    pub(crate) span: u64,
}

impl Stand {
    /// None of an event whose room is not known, or too much to be told.
    pub(crate) fn new(offset: u64, behind: u64) -> Option<Self> {
        let units = behind.checked_sub(offset)?.div_ceil(SPAN_UNIT);
        let is_told = offset > 0 && u8::try_from(units).is_ok();
        is_told.then(|| Self { offset, span: units * SPAN_UNIT })
    }

    /// As it is in a key's entry; zeros if it is not known.
    pub(crate) fn encode(stand: Option<Self>) -> [u8; STAND_BYTES] {
        let Some(Self { offset, span }) = stand else { return [0; STAND_BYTES] };
        let [a, b, c, d] = ((offset / ids::OFFSET_UNIT) as u32).to_le_bytes();
        [a, b, c, d, (span / SPAN_UNIT) as u8]
    }

    pub(super) fn decode([offset @ .., span]: [u8; STAND_BYTES]) -> Option<Self> {
        let offset = u64::from(u32::from_le_bytes(offset)) * ids::OFFSET_UNIT;
        (span > 0).then_some(Self { offset, span: u64::from(span) * SPAN_UNIT })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(offset: u64, behind: u64) -> Option<Stand> {
        Stand::decode(Stand::encode(Stand::new(offset, behind)))
    }

    #[test]
    fn what_is_told_is_all_of_the_room_and_what_cannot_be_told_is_not() {
        for room in [8, 16, 384, 392, 4072, 4080] {
            let stand = decoded(1 << 20, (1 << 20) + room).expect("it is told");
            assert!(stand.offset == 1 << 20 && (room..room + SPAN_UNIT).contains(&stand.span));
        }
        let limit = (u64::from(u32::MAX)) * ids::OFFSET_UNIT;
        assert_eq!(decoded(limit, limit + 8).map(|stand| stand.offset), Some(limit));
        assert_eq!(decoded(4096, 4096 + 4088), None, "it is too large");
        assert_eq!(decoded(4096, u64::MAX), None, "nobody knows what is behind it");
        assert_eq!(decoded(0, 400), None, "it is damaged");
        assert_eq!(decoded(0, u64::MAX), None, "it is damaged, and so is the next");
        assert_eq!(decoded(4096, 4096), None, "it has no room");
    }
}
