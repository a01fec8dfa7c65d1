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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Append, NewEvent, Query, Store};

    /// A delivery of so many events.
    fn delivery(events: usize, up_to: u64) -> Delivery {
        let store = Store::in_memory();
        let opened = || NewEvent::json("Opened", "{}");
        let append = Append::to("door-1").events((0..events).map(|_| opened()));
        crate::wait(store.append(append)).unwrap();
        let events = store.read(Query::all()).collect::<Result<_, _>>().unwrap();
        Delivery { events, up_to: Position(up_to), look: 0 }
    }

    fn next(inbox: &Inbox) -> (usize, u64) {
        match inbox.next(Duration::ZERO) {
            Arrival::Delivery(delivery) => (delivery.events.len(), delivery.up_to.0),
            Arrival::Nothing | Arrival::TheEnd => (0, 0),
        }
    }

    #[test]
    fn all_that_waits_is_one_batch_and_a_single_event_is_one_too() {
        let (sender, inbox) = Inbox::new(5);
        sender.send(delivery(1, 1)).unwrap();
        assert_eq!(next(&inbox), (1, 1));
        for up_to in 2..=4 {
            sender.send(delivery(2, up_to)).unwrap();
        }
        assert_eq!(next(&inbox), (6, 4), "until the batch is full");
        assert_eq!(next(&inbox), (0, 0));
    }
}
