//! How long the chain of causes behind an event is: what commands itself for ever is stopped.

use std::time::Duration;

use hitherto_store::EventId;
use quick_cache::sync::Cache;

use crate::reminder::is_reminder;
use crate::{Error, Result, Store, StoredEvent};

/// How many lengths are remembered, so that no chain is walked again for each of its events.
const REMEMBERED: usize = 10_000;
/// Whoever waits so long before each round is no circle, but a clock.
const PATIENCE: Duration = Duration::from_secs(1);

/// Measures chains of causes, and refuses those that are too long.
pub(super) struct Chain {
    store: Store,
    limit: u32,
    lengths: Cache<EventId, u32>,
}

impl Chain {
    pub(super) fn new(store: &Store, limit: u32) -> Self {
        Self { store: store.clone(), limit, lengths: Cache::new(REMEMBERED) }
    }

    /// Refuses an event that too long a chain of causes stands behind.
    pub(super) fn check(&self, process: &str, event: &StoredEvent) -> Result<()> {
        let length = self.length(event)?;
        self.lengths.insert(event.id(), length);
        if length <= self.limit {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "event {} has more than {} causes behind it: {process} goes round in a circle, alone or with \
             others; `hitherto why` shows it; if the chain is meant to be so long, raise its limit",
            event.position(),
            self.limit
        )))
    }

    /// How many causes stand behind an event, as far as it matters.
    fn length(&self, event: &StoredEvent) -> Result<u32> {
        let mut length = 0;
        let mut effect = event.clone();
        while length <= self.limit {
            let Some(cause) = effect.causation() else { break };
            if let Some(known) = self.lengths.get(&cause) {
                return Ok(length + 1 + known);
            }
            // Not an event of this store, but a command or a request: there the chain begins.
            let Some(cause) = crate::wait(self.store.find(cause))? else { break };
            if is_reminder(&cause) && cause.recorded_at().until(effect.recorded_at()) >= PATIENCE {
                break;
            }
            length += 1;
            effect = cause;
        }
        Ok(length)
    }
}
