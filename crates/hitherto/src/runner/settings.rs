//! How a follower runs: in how many partitions, and what happens when an event fails.

use std::time::Duration;

/// How a follower runs. The defaults fit most.
///
/// ```
/// use hitherto::runner::{OnFailure, Settings};
///
/// let settings = Settings { partitions: 4, on_failure: OnFailure::Stop, ..Settings::default() };
/// assert_eq!(settings.retry.attempts, 5);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many partitions handle events side by side, in order within a key. May change from one
    /// start to the next.
    pub partitions: u32,
    /// How many events are handed over in one commit at most.
    pub batch: usize,
    /// How an event that fails is tried again.
    pub retry: Retry,
    /// What happens to an event that keeps failing.
    pub on_failure: OnFailure,
    /// Where a follower begins that nothing is kept of.
    pub begin: Begin,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            partitions: 1,
            batch: 1_000,
            retry: Retry::default(),
            on_failure: OnFailure::default(),
            begin: Begin::default(),
        }
    }
}

/// How often an event is tried, and how long is waited in between: a little longer each time.
///
/// What is not the event's fault (a place that cannot be reached) is tried for ever, with the same
/// pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How often it is tried in all; at least once.
    pub attempts: u32,
    /// How long the first pause is; each further one is twice as long.
    pub first_pause: Duration,
    /// How long a pause is at most.
    pub longest_pause: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_pause: Duration::from_millis(20),
            longest_pause: Duration::from_secs(5),
        }
    }
}

impl Retry {
    /// One attempt, and no pause.
    pub const fn never() -> Self {
        Self { attempts: 1, first_pause: Duration::ZERO, longest_pause: Duration::ZERO }
    }

    /// The pause after so many attempts that failed.
    pub fn pause(&self, failed: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failed.saturating_sub(1).min(30)).unwrap_or(u32::MAX);
        self.first_pause.saturating_mul(doubled).min(self.longest_pause)
    }
}

/// What happens to an event that keeps failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnFailure {
    /// It is parked, and so is what follows with the same key; other keys go on.
    #[default]
    Park,
    /// The follower stops before it: where order across keys matters. Starting it again tries
    /// again.
    Stop,
}

/// Where a follower begins that nothing is kept of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Begin {
    /// With the first event.
    #[default]
    AtTheFirst,
    /// With what happens from now on: for effects that must not happen for what is long past.
    FromNowOn,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let retry = Retry {
            attempts: 5,
            first_pause: Duration::from_millis(20),
            longest_pause: Duration::from_millis(100),
        };
        let pauses = [1, 2, 3, 4, 99].map(|failed| retry.pause(failed).as_millis());
        assert_eq!(pauses, [20, 40, 80, 100, 100]);
        assert_eq!(Retry::never().pause(1), Duration::ZERO);
    }
}
