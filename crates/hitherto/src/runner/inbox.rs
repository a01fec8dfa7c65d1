//! What the reading thread hands to a partition, and how much of it waits.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use hitherto_store::Position;

use crate::StoredEvent;

/// How many deliveries wait for a partition at most: enough to read while it commits.
const DELIVERIES_MAX: usize = 4;

/// Events of one partition, in order.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    pub(super) events: Vec<StoredEvent>,
    /// There is nothing else for this partition up to here.
    pub(super) up_to: Position,
    /// Whether somebody wants it to look for orders.
    pub(super) look: u64,
}

/// What came in.
pub(super) enum Arrival {
    Delivery(Delivery),
    /// Nothing, for a while.
    Nothing,
    /// Nothing any more.
    TheEnd,
}

pub(super) struct Inbox {
    deliveries: Receiver<Delivery>,
    batch: usize,
}

impl Inbox {
    pub(super) fn new(batch: usize) -> (SyncSender<Delivery>, Self) {
        let (sender, deliveries) = sync_channel(DELIVERIES_MAX);
        (sender, Self { deliveries, batch: batch.max(1) })
    }

    /// All that is waiting, as one; up to a batch.
    pub(super) fn next(&self, patience: Duration) -> Arrival {
        let mut delivery = match self.deliveries.recv_timeout(patience) {
            Ok(delivery) => delivery,
            Err(RecvTimeoutError::Timeout) => return Arrival::Nothing,
            Err(RecvTimeoutError::Disconnected) => return Arrival::TheEnd,
        };
        while delivery.events.len() < self.batch {
            match self.deliveries.try_recv() {
                Ok(mut next) => {
                    delivery.events.append(&mut next.events);
                    delivery.up_to = delivery.up_to.max(next.up_to);
                    delivery.look = delivery.look.max(next.look);
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        Arrival::Delivery(delivery)
    }
}
