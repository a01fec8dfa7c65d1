//! One delivery after another: decodes the event, looks at its causes, and lets the process react.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hitherto_store::{ErrorKind, EventId};
use tracing::Instrument;

use super::chain::Chain;
use super::{Delivery, Process};
use crate::checkpoints::Reaction;
use crate::{Error, Recorded, Result, Store, StoredEvent};

/// A reaction that is to be awaited.
pub type Reacts<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Awaits a reaction to its end.
pub(super) type Drive = Arc<dyn Fn(Reacts<'_>) -> Result<()> + Send + Sync>;

/// A process with all that it needs to be given events.
pub(crate) struct Reacting<P> {
    pub(crate) process: Arc<P>,
    store: Store,
    chain: Chain,
    drive: Drive,
}

impl<P: Process> Reacting<P> {
    pub(crate) fn new(process: Arc<P>, store: &Store, chain_max: u32, drive: Drive) -> Self {
        let chain = Chain::new(store, chain_max);
        Self { process, store: store.clone(), chain, drive }
    }

    fn deliver(&self, stored: &StoredEvent) -> Result<()> {
        self.chain.check(P::NAME, stored)?;
        let event = Recorded::<P::Event>::decode(stored.clone())?;
        let delivery = Delivery::new(event, P::NAME, &self.store);
        let shown = |id: Option<EventId>| id.map(tracing::field::display);
        let span = tracing::debug_span!(
            "reaction",
            process = P::NAME,
            position = stored.position().0,
            kind = stored.kind(),
            stream = stored.stream(),
            correlation = shown(Some(delivery.cause().correlation())),
            causation = shown(stored.causation()),
        );
        (self.drive)(Box::pin(self.process.react(&delivery).instrument(span)))
    }
}

impl<P: Process> Reaction for Reacting<P> {
    fn react(&self, event: &StoredEvent) -> Result<()> {
        let reacted = self.deliver(event);
        reacted.map_err(|error| {
            let position = event.position().0;
            tracing::warn!(process = P::NAME, position, kind = event.kind(), %error, "failed");
            not_the_events_fault(error)
        })
    }
}

/// That others were faster, or that the store was closed, is nothing that an event is parked for.
fn not_the_events_fault(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Conflict | ErrorKind::Closed => {
            Error::unavailable("the store cannot do it now").because(error)
        }
        _ => error,
    }
}
