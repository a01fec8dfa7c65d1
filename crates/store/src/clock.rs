//! The only place that asks for the time.

use std::time::SystemTime;

use crate::event::Timestamp;

/// Tells the time. The store never lets recorded times go back, whatever a clock says.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the room where the time is asked for")]
    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}
