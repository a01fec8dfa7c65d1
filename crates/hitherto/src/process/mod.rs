//! Processes: what follows from an event, in other streams and outside.

mod chain;
mod delivery;
mod processor;
mod reacting;

use std::borrow::Cow;
use std::future::Future;

use hitherto_store::Query;

pub use delivery::Delivery;
pub use processor::{Processing, Processor};
pub use reacting::Reacts;

use crate::event::Event;
use crate::projection::by_stream;
use crate::{Result, StoredEvent};

/// Carries something to its end, one event at a time: a process manager, a saga.
///
/// It has no state of its own. What must be remembered is an event of an aggregate that it owns;
/// what it does, it does [`because`](crate::Repository::because) of the event that it is given. So
/// an event may be delivered again, after a crash at any moment, and all that follows from it
/// inside of the store happens once, with the same answers as the first time.
///
/// ```
/// # use hitherto::{Aggregate, Event, Root};
/// # #[derive(Event, Debug, PartialEq)] enum OrderEvent { OrderPlaced { item: String } }
/// # use OrderEvent::*;
/// # #[derive(Default)] struct Order { root: Root<OrderEvent> }
/// # impl Aggregate for Order {
/// #     const CATEGORY: &'static str = "order";
/// #     type Id = String; type Event = OrderEvent; type Error = ();
/// #     fn root(&mut self) -> &mut Root<OrderEvent> { &mut self.root }
/// #     fn apply(&mut self, _: &OrderEvent) {}
/// # }
/// # #[derive(Event, Debug, PartialEq)] enum StockEvent { ItemReserved }
/// # #[derive(Default)] struct Stock { root: Root<StockEvent>, reserved: u64 }
/// # impl Aggregate for Stock {
/// #     const CATEGORY: &'static str = "stock";
/// #     type Id = String; type Event = StockEvent; type Error = ();
/// #     fn root(&mut self) -> &mut Root<StockEvent> { &mut self.root }
/// #     fn apply(&mut self, _: &StockEvent) { self.reserved += 1 }
/// # }
/// # impl Stock {
/// #     fn reserve(&mut self) -> Result<(), ()> { self.raise(StockEvent::ItemReserved) }
/// # }
/// use hitherto::checkpoints::Checkpoints;
/// use hitherto::{Delivery, Outcome, Process, Processor, Repository, Store};
///
/// /// Reserves what was ordered.
/// struct ReserveStock { stock: Repository<Stock> }
///
/// impl Process for ReserveStock {
///     const NAME: &'static str = "reserve-stock";
///     type Event = OrderEvent;
///
///     async fn react(&self, event: &Delivery<OrderEvent>) -> hitherto::Result<()> {
///         let OrderPlaced { item } = &event.data;
///         self.stock.because(event).update(item, |stock| stock.reserve()).await.must()?;
///         Ok(())
///     }
/// }
///
/// # hitherto::wait(async {
/// let store = Store::in_memory();
/// let orders = Repository::<Order>::new(&store);
/// let stock = Repository::<Stock>::new(&store);
/// let checkpoints = Checkpoints::in_memory(); // or Checkpoints::in_directory("checkpoints")?
/// let process = ReserveStock { stock: stock.clone() };
/// let process = Processor::start(&store, &checkpoints, process).await?;
///
/// let order = |order: &mut Order| order.raise(OrderPlaced { item: "lamp".into() });
/// let saved = orders.update("O-1", order).await.must()?;
/// process.reached(saved.position).await?;
/// assert_eq!(stock.load("lamp").await?.reserved, 1);
/// # Ok::<(), hitherto::Error>(()) }).unwrap();
/// ```
pub trait Process: Send + Sync + 'static {
    /// What it is called. Never rename it: its answers are known by it.
    const NAME: &'static str;

    /// What it reacts to.
    type Event: Event;

    /// Which of these events; all, if nothing is said. Bounds are not looked at.
    fn query(&self) -> Query {
        Query::all()
    }

    /// What has to stay in order: events of one key are delivered one after another, and wait
    /// behind one that is parked. The stream, if nothing is said.
    fn key<'a>(&self, event: &'a StoredEvent) -> Cow<'a, str> {
        by_stream(event)
    }

    /// Reacts to an event: write `async fn react(&self, event: &Delivery<…>) -> Result<()>`.
    ///
    /// Where a refusal decides what is next, take it with [`refusal`](crate::Outcome::refusal);
    /// where there must be none, say [`must`](crate::Outcome::must). Decide by what commands
    /// answer, not by what was loaded: answers stay, and what is loaded may have changed when the
    /// event is delivered again.
    ///
    /// # Errors
    /// What the store could not do now is tried again, for ever. Anything else is tried a few
    /// times; then the event is parked, with what follows of its key.
    fn react(&self, event: &Delivery<Self::Event>) -> impl Future<Output = Result<()>> + Send;
}
