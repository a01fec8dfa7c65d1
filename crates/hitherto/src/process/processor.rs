//! Starting processes, and the handle on one that runs.

use std::future::{IntoFuture, Ready, ready};
use std::ops::Deref;
use std::sync::Arc;

use super::Process;
use super::reacting::{Drive, Reacting, Reacts};
use crate::checkpoints::Checkpoints;
use crate::projection::Definition;
use crate::runner::{Begin, Follower, OnFailure, Retry, Settings, follow};
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
    pub fn start<P: Process>(store: &Store, checkpoints: &Checkpoints, process: P) -> Starting<P> {
        Starting {
            store: store.clone(),
            checkpoints: checkpoints.clone(),
            process,
            settings: Settings::default(),
            chain_max: CHAIN_MAX,
            drive: on_this_thread(),
        }
    }
}

impl Deref for Processor {
    type Target = Follower;

    fn deref(&self) -> &Follower {
        &self.follower
    }
}

/// A process that is about to start: `.await` it.
#[must_use = "it starts when it is awaited"]
pub struct Starting<P> {
    store: Store,
    checkpoints: Checkpoints,
    process: P,
    settings: Settings,
    chain_max: u32,
    drive: Drive,
}

impl<P> Starting<P> {
    /// Spreads the events over so many partitions, in order within a key.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.settings.partitions = partitions;
        self
    }

    /// Tries an event that fails so often.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.settings.retry = retry;
        self
    }

    /// Parks an event that keeps failing, or stops before it.
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.settings.on_failure = on_failure;
        self
    }

    /// Where it begins if it never ran before: with the first event, unless something else is said.
    pub fn begin(mut self, begin: Begin) -> Self {
        self.settings.begin = begin;
        self
    }

    /// Parks an event that more than so many causes stand behind, one after another; 1,000 unless
    /// something else is said. A process that commands itself, alone or in a circle with others,
    /// is stopped there. A reminder that let wait a second begins to count anew.
    pub fn chain_max(mut self, causes: u32) -> Self {
        self.chain_max = causes;
        self
    }

    /// Awaits reactions by this, and not on the process's own thread: for reactions that need a
    /// runtime. With tokio: `.driven_by(move |reaction| handle.block_on(reaction))`.
    pub fn driven_by(
        mut self,
        drive: impl Fn(Reacts<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.drive = Arc::new(drive);
        self
    }
}

impl<P: Process> Starting<P> {
    fn begin_now(self) -> Result<Processor> {
        let process = Arc::new(self.process);
        let keys = Arc::clone(&process);
        let definition = Definition::typed::<P::Event>(P::NAME, 1, process.query());
        let definition = definition.keyed(move |event| keys.key(event));
        definition.check()?;
        let reacting = Reacting::new(process, &self.store, self.chain_max, self.drive);
        let target = self.checkpoints.of(P::NAME, reacting)?;
        Ok(Processor { follower: follow(&self.store, definition, target, self.settings)? })
    }
}

impl<P: Process> IntoFuture for Starting<P> {
    type Output = Result<Processor>;
    type IntoFuture = Ready<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        ready(self.begin_now())
    }
}

/// Awaits without a runtime.
pub(crate) fn on_this_thread() -> Drive {
    Arc::new(|reaction| crate::wait(reaction))
}
