//! Known bugs, planted on demand: a simulation that does not find them is no test.
//!
//! Compiled only with the feature `planted-bugs`, which no product turns on.

use std::cell::Cell;

/// A mistake that stores are known to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlantedBug {
    /// Tells the caller "saved" before the bytes were synced.
    AcknowledgeBeforeSync,
    /// Does not make the names of new files durable.
    SkipDirectorySync,
    /// Takes damaged acknowledged data for a torn tail, and cuts it off.
    TruncateAtDamage,
}

thread_local! {
    static PLANTED: Cell<Option<PlantedBug>> = const { Cell::new(None) };
}

/// Plants a bug in every store that this thread runs, or takes it out again.
///
/// Only calls made by this thread are affected, so tests beside it are not.
pub fn plant(bug: Option<PlantedBug>) {
    PLANTED.set(bug);
}

pub(crate) fn is_planted(bug: PlantedBug) -> bool {
    PLANTED.get() == Some(bug)
}
