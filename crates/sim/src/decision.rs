//! What can be decided about what is kept, as plain data: asked of the store, and told to the
//! model.

use hitherto_store::{Before, EmbeddedStore, Hold, Keep, Position, Recorded, Result, Target};

use crate::rules::is_in;

/// One decision.
#[derive(Debug, Clone)]
pub enum Decision {
    /// See [`EmbeddedStore::keep`].
    Keep(Target, Keep),
    /// See [`EmbeddedStore::truncate`].
    Truncate(Target, Before),
    /// See [`EmbeddedStore::delete`].
    Delete(Target),
    /// See [`EmbeddedStore::tombstone`].
    Tombstone(Target),
    /// See [`EmbeddedStore::hold`].
    Hold(Hold),
    /// See [`EmbeddedStore::release`].
    Release(Hold),
}

impl Decision {
    /// Asks a store for it.
    ///
    /// # Errors
    /// As the store answers.
    pub fn ask(&self, store: &EmbeddedStore) -> Result<Position> {
        match self.clone() {
            Self::Keep(target, keep) => store.keep(target, keep),
            Self::Truncate(target, before) => store.truncate(target, before),
            Self::Delete(target) => store.delete(target),
            Self::Tombstone(target) => store.tombstone(target),
            Self::Hold(hold) => store.hold(hold),
            Self::Release(hold) => store.release(hold),
        }
    }

    /// Whether an event may be removed when it is taken.
    pub(crate) fn may_remove(&self, event: &Recorded) -> bool {
        match self {
            Self::Keep(target, _)
            | Self::Truncate(target, _)
            | Self::Delete(target)
            | Self::Tombstone(target) => is_in(target, event),
            // What was on hold may be over a bound.
            Self::Hold(_) | Self::Release(_) => true,
        }
    }
}
