//! Every step at which the process may crash: before a command, after it, before the position is
//! kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hitherto::{
    Append, Delivery, EmbeddedStore, Error, EventId, EventStore, Events, Position, Process, Query,
    Result, StoredEvent, Ticket,
};

/// Counts steps, and dies at one of them. Clones count together.
#[derive(Clone)]
pub struct Steps {
    passed: Arc<AtomicU64>,
    last: u64,
    is_dead: Arc<AtomicBool>,
    death: Arc<Death>,
}

/// What is done at the last step, which is told with its number.
type Death = dyn Fn(u64, &str) + Send + Sync;

impl Steps {
    /// Never dies.
    pub fn all() -> Self {
        Self::until(u64::MAX, |_, _| {})
    }

    /// Dies at this step, counted from 1: does what is said, and nothing after that.
    pub fn until(last: u64, death: impl Fn(u64, &str) + Send + Sync + 'static) -> Self {
        Self { passed: Arc::default(), last, is_dead: Arc::default(), death: Arc::new(death) }
    }

    /// How many steps were passed.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::SeqCst)
    }

    /// Whether it has died.
    pub fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    fn pass(&self, what: &str) -> Result<()> {
        if self.is_dead() {
            return Err(Error::closed("the process has crashed"));
        }
        let step = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
        if step < self.last {
            return Ok(());
        }
        self.is_dead.store(true, Ordering::SeqCst);
        (self.death)(step, what);
        Err(Error::closed("the process has crashed"))
    }
}

/// A store with a step before each append and one after it.
pub struct SteppedStore {
    /// What is appended to.
    pub store: EmbeddedStore,
    /// What is counted.
    pub steps: Steps,
}

impl SteppedStore {
    fn step_by_step(&self, append: Append) -> Result<hitherto::Saved> {
        self.steps.pass("before something is stored")?;
        let saved = self.store.append(append)?;
        self.steps.pass("after something was stored")?;
        Ok(saved)
    }
}

impl EventStore for SteppedStore {
    fn submit(&self, append: Append) -> Ticket {
        Ticket::ready(self.step_by_step(append))
    }

    fn read(&self, query: Query) -> Events {
        self.store.read(query)
    }

    fn follow(&self, query: Query) -> Events {
        self.store.follow(query)
    }

    fn find(&self, id: EventId) -> Ticket<Option<StoredEvent>> {
        self.store.find(id)
    }

    fn head(&self) -> Ticket<Position> {
        self.store.head()
    }
}

/// A process with a step before each reaction, and one before it is kept that it reacted.
pub struct Stepped<P>(pub P, pub Steps);

impl<P: Process> Process for Stepped<P> {
    const NAME: &'static str = P::NAME;
    type Event = P::Event;

    async fn react(&self, event: &Delivery<P::Event>) -> Result<()> {
        self.1.pass("before the reaction")?;
        self.0.react(event).await?;
        self.1.pass("before it is kept how far the process has come")
    }
}
