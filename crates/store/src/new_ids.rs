//! Makes event ids that sort in the order in which they are made, many of them a millisecond.
//!
//! Behind its millisecond, an id has the part of it that has passed, in 4,096ths (method 3 of RFC
//! 9562, section 6.2): ids that are made one after another grow from their first eight bytes on,
//! and a store sees by these that an id is new. Behind that stands a random number for the first id
//! of a millisecond; those that follow within it count on from there, because asking the system for
//! randomness takes longer than all else that is done for an event. A process that was forked
//! within a millisecond counts from the same number as its parent, but at another part of it; which
//! process this is is not asked, since that would be a system call an event.

use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::{Clock, SystemClock};

const NANOS_A_MILLI: u64 = 1_000_000;
/// Bits of an id for the part of its millisecond.
const PART_BITS: u32 = 12;
/// The last bits of an id: what is counted, and the highest of them free at first, so that there is
/// always room. The two bits above them say what sort of id it is.
const COUNTED_BITS: u32 = 62;

/// The time and the number of the id that was made last.
struct Last {
    time: u64,
    counted: u64,
}

static LAST: Mutex<Last> = Mutex::new(Last { time: 0, counted: 0 });

/// The next id.
pub(crate) fn next() -> Uuid {
    let now = time_of(u64::try_from(SystemClock.now().as_nanos()).unwrap_or(0));
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let time = now.max(last.time); // the clock may have been set back
    let is_same_milli = time >> PART_BITS == last.time >> PART_BITS;
    let counted = if is_same_milli { last.counted + 1 } else { first_number() };
    *last = Last { time, counted };
    id_of(time, counted)
}

/// Milliseconds, and behind them the part of the millisecond.
fn time_of(nanos: u64) -> u64 {
    let part = ((nanos % NANOS_A_MILLI) << PART_BITS) / NANOS_A_MILLI;
    (nanos / NANOS_A_MILLI) << PART_BITS | part
}

fn first_number() -> u64 {
    unpredictable().as_u128() as u64 & ((1 << (COUNTED_BITS - 1)) - 1)
}

fn id_of(time: u64, counted: u64) -> Uuid {
    let (millis, part) = (time >> PART_BITS, time & ((1 << PART_BITS) - 1));
    let high = millis << 16 | 7 << PART_BITS | part;
    Uuid::from_u64_pair(high, 0b10 << COUNTED_BITS | counted)
}

/// An id that nobody can guess from another one.
pub(crate) fn unpredictable() -> Uuid {
    Uuid::now_v7()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_7_and_each_is_above_the_one_before() {
        let ids: Vec<Uuid> = (0..10_000).map(|_| next()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        let is_right =
            |id: &Uuid| id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122;
        assert!(ids.iter().all(is_right));
    }

    #[test]
    fn an_id_says_when_it_was_made_to_a_quarter_of_a_microsecond() {
        let nanos = 1_700_000_000_123_456_789;
        let id = id_of(time_of(nanos), 5);
        let (millis, part) = (id.as_u128() >> 80, id.as_u128() >> 64 & 0xFFF);
        assert_eq!(millis, 1_700_000_000_123);
        assert_eq!(part, 456_789 * 4096 / 1_000_000);
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.as_u128() as u64 & ((1 << COUNTED_BITS) - 1), 5);
    }

    #[test]
    fn an_id_of_a_later_millisecond_does_not_follow_from_the_one_before() {
        let first = next();
        let later =
            std::iter::repeat_with(next).find(|id| id.as_u128() >> 80 > first.as_u128() >> 80);
        let counted = later.unwrap().as_u128() & ((1 << COUNTED_BITS) - 1);
        assert!(counted.abs_diff(first.as_u128() & ((1 << COUNTED_BITS) - 1)) > 1 << 20);
    }
}
