//! Makes event ids that sort in the order in which they are made, many of them a millisecond.
//!
//! The first id of each millisecond is random behind its time; those that follow within it count on
//! from there, as RFC 9562 allows, because asking the system for randomness takes longer than all
//! else that is done for an event. A process that was forked does not count on.

use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::clock::{Clock, SystemClock};

const NANOS_A_MILLI: i64 = 1_000_000;
/// The last bits of an id, which are counted up; the two above them say what sort of id it is.
const COUNTED_BITS: u32 = 62;

/// The id that was made last, and by which process.
struct Last {
    id: u128,
    process: u32,
}

static LAST: Mutex<Last> = Mutex::new(Last { id: 0, process: 0 });

/// The next id.
pub(crate) fn next() -> Uuid {
    let millis = u128::try_from(SystemClock.now().as_nanos() / NANOS_A_MILLI).unwrap_or(0);
    let process = std::process::id();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let counted = last.id + 1;
    let has_room = counted.trailing_zeros() < COUNTED_BITS;
    let is_same_time = last.process == process && last.id >> 80 >= millis;
    let id = if is_same_time && has_room { counted } else { unpredictable().as_u128() };
    *last = Last { id, process };
    Uuid::from_u128(id)
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
    fn an_id_of_a_later_millisecond_does_not_follow_from_the_one_before() {
        let first = next();
        let later =
            std::iter::repeat_with(next).find(|id| id.as_u128() >> 80 > first.as_u128() >> 80);
        let counted = later.unwrap().as_u128() & ((1 << COUNTED_BITS) - 1);
        assert!(counted.abs_diff(first.as_u128() & ((1 << COUNTED_BITS) - 1)) > 1 << 20);
    }
}
