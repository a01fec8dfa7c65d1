//! A clock that is set by hand, and days as people write them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hitherto::Timestamp;
use hitherto_store::Clock;

// region: clock
/// A clock that stands still until it is set.
#[derive(Debug, Clone, Default)]
pub struct Calendar(Arc<AtomicI64>);

impl Calendar {
    /// A clock that shows this time.
    pub fn at(time: &str) -> Self {
        let calendar = Self::default();
        calendar.set(time);
        calendar
    }

    /// Shows this time from now on.
    pub fn set(&self, time: &str) {
        self.0.store(moment(time).as_nanos(), Ordering::SeqCst);
    }
}

impl Clock for Calendar {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }
}
// endregion: clock

/// The moment of a text such as `2026-01-31T09:00:00Z`.
///
/// # Panics
/// If the text is not of that form: it is written in the program, not read from people.
pub fn moment(time: &str) -> Timestamp {
    let time: jiff::Timestamp = time.parse().expect("the program writes its times in full");
    Timestamp::from_nanos(time.as_nanosecond().try_into().expect("years before 2262"))
}

/// The day of a moment in UTC, as people write it.
///
/// ```
/// use hitherto_example_time_travel::{day, moment};
///
/// assert_eq!(day(moment("2026-02-03T09:00:00Z")), "3 February 2026");
/// ```
pub fn day(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_nanosecond(time.as_nanos().into()).expect("years before 2262");
    time.strftime("%-d %B %Y").to_string()
}
