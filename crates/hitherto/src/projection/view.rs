//! Views: what is read, held in this process's memory, and built anew at each start.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use hitherto_store::{Position, Query};

use super::place::{Definition, Place};
use super::projector::{Projecting, Projector};
use crate::checkpoints::{KeptByAll, SharedKept};
use crate::event::Event;
use crate::runner::Starting;
use crate::runner::{Ended, Failure, Handler, Order, Parked, Progress, Target, Work, panic_text};
use crate::{Recorded, Result, Store, StoredEvent};

/// What events add up to, held in memory: for what is small, or asked so often that a database is
/// too far. See the [example](crate::Projector).
pub trait View: Send + Sync + 'static {
    /// What it is called wherever it is shown.
    const NAME: &'static str;

    /// What it is made from.
    type Event: Event;

    /// What an event changes. Must not fail: after a panic the view is not to be trusted, and its
    /// projector ends.
    fn apply(&mut self, event: &Recorded<Self::Event>);

    /// Which events it looks at: as [`Projection::query`](super::Projection::query).
    fn query(&self) -> Query {
        Query::all()
    }

    /// What has to stay in order: as [`Projection::key`](super::Projection::key).
    fn key(event: &StoredEvent) -> Cow<'_, str> {
        super::by_stream(event)
    }
}

/// The place of one view: this process's memory.
pub struct InMemory<V> {
    view: Arc<RwLock<V>>,
    kept: SharedKept,
}

/// Stands for a view that its place holds.
#[derive(Debug, Clone, Copy)]
pub struct Viewing;

impl<V: View> InMemory<V> {
    /// Holds a view.
    pub fn holding(view: V) -> Self {
        Self { view: Arc::new(RwLock::new(view)), kept: SharedKept::default() }
    }

    /// Looks at the view. Nothing is applied meanwhile: be short.
    pub fn read<R>(&self, look: impl FnOnce(&V) -> R) -> R {
        look(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<V: View> Projector<InMemory<V>> {
    /// Starts a view. It begins with the first event.
    pub fn view(store: &Store, view: V) -> Starting<Projecting<InMemory<V>, Viewing>> {
        Self::start(store, InMemory::holding(view), Viewing)
    }

    /// Looks at the view. Nothing is applied meanwhile: be short.
    pub fn read<R>(&self, look: impl FnOnce(&V) -> R) -> R {
        self.place().read(look)
    }
}

impl<V> Clone for InMemory<V> {
    fn clone(&self) -> Self {
        Self { view: Arc::clone(&self.view), kept: Arc::clone(&self.kept) }
    }
}

impl<V> std::fmt::Debug for InMemory<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InMemory").finish_non_exhaustive()
    }
}

impl<V: View> Place<Viewing> for InMemory<V> {
    fn define(&self, _: &Arc<Viewing>) -> Definition {
        let query = self.read(V::query);
        Definition::typed::<V::Event>(V::NAME, 1, query).keyed(V::key)
    }

    fn open(&mut self, _: &Arc<Viewing>) -> Result<Box<dyn Target>, Failure> {
        let kept = KeptByAll::open(Arc::clone(&self.kept));
        Ok(Box::new(Opened { view: Arc::clone(&self.view), kept }))
    }
}

struct Opened<V> {
    view: Arc<RwLock<V>>,
    kept: KeptByAll,
}

impl<V: View> Target for Opened<V> {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        self.kept.positions()
    }

    fn spread(&mut self, partitions: u32, position: Position) -> Result<(), Failure> {
        self.kept.spread(partitions, position)
    }

    fn handler(&mut self, partition: u32, partitions: u32) -> Result<Box<dyn Handler>, Failure> {
        let (view, kept) = (Arc::clone(&self.view), self.kept.clone());
        Ok(Box::new(ViewHandler { view, kept, partition, partitions }))
    }

    fn parked(&mut self) -> Result<Vec<Parked>, Failure> {
        self.kept.parked()
    }

    fn order(&mut self, position: Position, order: Order) -> Result<bool, Failure> {
        self.kept.order(position, order)
    }
}

struct ViewHandler<V> {
    view: Arc<RwLock<V>>,
    kept: KeptByAll,
    partition: u32,
    partitions: u32,
}

impl<V: View> Handler for ViewHandler<V> {
    fn resume(&mut self) -> Result<Progress, Failure> {
        self.kept.progress(self.partition, self.partitions)
    }

    fn commit(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let events = decoded::<V::Event>(work.events)?;
        let mut once = self.kept.lock()?;
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        for event in &events {
            let applied = catch_unwind(AssertUnwindSafe(|| view.apply(event)));
            applied.map_err(|panic| {
                Failure::Ended(Ended::Failed(format!(
                    "the view panicked at event {}, and holds nothing that could be trusted: {}",
                    event.position(),
                    panic_text(panic.as_ref())
                )))
            })?;
        }
        once.keep(self.partition, work)
    }

    fn orders(&mut self) -> Result<Vec<Parked>, Failure> {
        self.kept.orders(self.partition, self.partitions)
    }
}

/// All of them as their type, or the first that is not.
pub(super) fn decoded<E: Event>(events: &[StoredEvent]) -> Result<Vec<Recorded<E>>, Failure> {
    let decode = |(index, event): (usize, &StoredEvent)| {
        Recorded::decode(event.clone()).map_err(|error| Failure::of_event(index, error))
    };
    events.iter().enumerate().map(decode).collect()
}
