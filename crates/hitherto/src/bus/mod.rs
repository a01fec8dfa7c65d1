//! The event bus: what is stored is published, to subscribers here and to brokers outside.

mod outlet;
mod subscription;

use std::sync::Arc;

use hitherto_store::{Append, Query, Saved};

pub use outlet::{Message, Outlet, Undelivered};
pub use subscription::{Subscribing, Subscription};

use crate::checkpoints::Checkpoints;
use crate::event::Event;
use crate::runner::Starting;
use crate::{Recorded, Result, Store, StoredEvent};
use outlet::Sending;

/// Publishes the events of a store: each subscriber has a name and a position of its own, gets
/// every event that its query matches, in order within a stream, and goes on where it was.
///
/// Nothing is published that is not stored, and nothing is stored that is not published. Whoever
/// subscribes late gets what happened before as well, unless it
/// [begins](Starting::begin) with what happens from now on.
///
/// ```
/// use std::sync::mpsc::channel;
/// use hitherto::checkpoints::Checkpoints;
/// use hitherto::{Append, Bus, NewEvent, Query, Store, StoredEvent};
///
/// # hitherto::wait(async {
/// let bus = Bus::new(&Store::in_memory(), &Checkpoints::in_memory());
/// let (heard, hears) = channel();
///
/// let opened = Query::category("account").kinds(["AccountOpened"]);
/// let subscription = bus
///     .subscribe("welcome", opened, move |event: &StoredEvent| {
///         heard.send(event.stream_id().to_owned()).ok();
///         Ok(())
///     })
///     .await?;
///
/// let opened = NewEvent::json("AccountOpened", "{}");
/// let saved = bus.publish(Append::to("account-ACC-001").event(opened)).await?;
/// subscription.reached(saved.position).await?;
/// assert_eq!(hears.recv().ok().as_deref(), Some("ACC-001"));
/// # Ok::<(), hitherto::Error>(()) }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Bus {
    store: Store,
    checkpoints: Checkpoints,
}

impl Bus {
    /// The bus of a store. What each subscriber has got is kept in these checkpoints.
    pub fn new(store: &Store, checkpoints: &Checkpoints) -> Self {
        Self { store: store.clone(), checkpoints: checkpoints.clone() }
    }

    /// Publishes events by storing them: an append as any other.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub async fn publish(&self, append: Append) -> Result<Saved> {
        self.store.append(append).await
    }

    /// Calls a handler for each event that matches, at least once, in order within a stream.
    /// Awaited, it begins; before that, it can be said how.
    pub fn subscribe(
        &self,
        name: impl Into<String>,
        query: Query,
        handler: impl Fn(&StoredEvent) -> Result<()> + Send + Sync + 'static,
    ) -> Starting<Subscribing> {
        Subscribing::new(self, name.into(), query, |checkpoints, name, _| {
            checkpoints.of(name, handler)
        })
    }

    /// As [`Bus::subscribe`], for events of a type: where the query names no kinds, it is narrowed
    /// to those of the type.
    pub fn subscribe_to<E: Event>(
        &self,
        name: impl Into<String>,
        query: Query,
        handler: impl Fn(&Recorded<E>) -> Result<()> + Send + Sync + 'static,
    ) -> Starting<Subscribing> {
        let query = crate::event::narrowed::<E>(query);
        self.subscribe(name, query, move |event: &StoredEvent| {
            handler(&Recorded::decode(event.clone())?)
        })
    }

    /// Sends each event that matches to an outlet, at least once, in order within a stream.
    /// Awaited, it begins; before that, it can be said how.
    pub fn send_to(
        &self,
        name: impl Into<String>,
        query: Query,
        outlet: impl Outlet,
    ) -> Starting<Subscribing> {
        Subscribing::new(self, name.into(), query, |checkpoints, name, key| {
            let sending = move || Sending { outlet: outlet.clone(), key: Arc::clone(&key) };
            checkpoints.target_of(name, Box::new(move || Box::new(sending())))
        })
    }
}
