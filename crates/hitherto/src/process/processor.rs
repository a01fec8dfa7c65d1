//! Starting processes, and the handle on one that runs.

use std::ops::Deref;
use std::sync::Arc;

use super::Process;
use super::reacting::{Drive, Reacting, Reacts};
use crate::checkpoints::Checkpoints;
use crate::projection::Definition;
use crate::runner::{Follower, Settings, Start, Starting, follow};
use crate::{Result, Store};

/// How many causes may stand behind an event, if nothing else is said.
pub(crate) const CHAIN_MAX: u32 = 1_000;

/// A process that runs: it is given each event of its type, in order within a key, and how far it
/// has come is kept. See [`Process`].
///
/// It runs on threads of its own and stops when it is dropped. What can be asked of it is what can
/// be asked of any [`Follower`].
#[derive(Debug)]
pub struct Processor {
    follower: Follower,
}

impl Processor {
    /// Starts a process. Awaited, it runs; before that, it can be said how.
    pub fn start<P: Process>(
        store: &Store,
        checkpoints: &Checkpoints,
        process: P,
    ) -> Starting<Processing<P>> {
        let checkpoints = checkpoints.clone();
        let (chain_max, drive) = (CHAIN_MAX, on_this_thread());
        Starting::new(store, Processing { checkpoints, process, chain_max, drive })
    }
}

impl Deref for Processor {
    type Target = Follower;

    fn deref(&self) -> &Follower {
        &self.follower
    }
}

/// A process, and how it reacts.
pub struct Processing<P> {
    checkpoints: Checkpoints,
    process: P,
    chain_max: u32,
    drive: Drive,
}

impl<P> Starting<Processing<P>> {
    /// Parks an event that more than so many causes stand behind, one after another; 1,000 unless
    /// something else is said. A process that commands itself, alone or in a circle with others,
    /// is stopped there. A reminder that let wait a second begins to count anew.
    pub fn chain_max(mut self, causes: u32) -> Self {
        self.what.chain_max = causes;
        self
    }

    /// Awaits reactions by this, and not on the process's own thread: for reactions that need a
    /// runtime. With tokio: `.driven_by(move |reaction| handle.block_on(reaction))`.
    pub fn driven_by(
        mut self,
        drive: impl Fn(Reacts<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.what.drive = Arc::new(drive);
        self
    }
}

impl<P: Process> Start for Processing<P> {
    type Started = Processor;

    fn start(self, store: &Store, settings: Settings) -> Result<Processor> {
        let process = Arc::new(self.process);
        let keys = Arc::clone(&process);
        let definition = Definition::typed::<P::Event>(P::NAME, 1, process.query());
        let definition = definition.keyed(move |event| keys.key(event));
        definition.check()?;
        let reacting = Reacting::new(process, store, self.chain_max, self.drive);
        let target = self.checkpoints.of(P::NAME, reacting)?;
        Ok(Processor { follower: follow(store, definition, target, settings)? })
    }
}

/// Awaits without a runtime.
pub(crate) fn on_this_thread() -> Drive {
    Arc::new(|reaction| crate::wait(reaction))
}
