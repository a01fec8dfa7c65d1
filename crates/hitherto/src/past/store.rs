//! The whole store as it was: a handle that ends at a moment, for everything that reads a store.

use std::sync::Arc;

use hitherto_store::{
    Append, EventId, EventStore, Events, Position, Query, Recorded, SnapshotCache, Ticket,
};

use super::Moment;
use crate::{Error, Result, Store};

/// A store up to a position, for reading only.
struct PastStore {
    store: Arc<dyn EventStore>,
    end: Position,
}

impl PastStore {
    fn bound(&self, query: Query) -> Query {
        let end = query.bounds.up_to.map_or(self.end, |bound| bound.min(self.end));
        query.up_to(end)
    }
}

impl EventStore for PastStore {
    fn submit(&self, _: Append) -> Ticket {
        Ticket::ready(Err(Error::invalid(format!(
            "this is the store as it was at position {}: the past cannot be changed, append to the store itself",
            self.end
        ))))
    }

    fn read(&self, query: Query) -> Events {
        self.store.read(self.bound(query))
    }

    fn follow(&self, query: Query) -> Events {
        self.store.follow(self.bound(query))
    }

    fn find(&self, id: EventId) -> Ticket<Option<Recorded>> {
        let found = self.store.find(id).wait();
        Ticket::ready(found.map(|found| found.filter(|event| event.position() <= self.end)))
    }

    fn head(&self) -> Ticket<Position> {
        Ticket::ready(Ok(self.end))
    }

    fn snapshots(&self) -> Option<Arc<dyn SnapshotCache>> {
        let snapshots = self.store.snapshots()?;
        Some(Arc::new(OnlyRead(snapshots)))
    }

    /// What is forgotten is forgotten in the past, too.
    fn forgettings(&self) -> u64 {
        self.store.forgettings()
    }
}

/// Snapshots that the present keeps: those of the past would take their place.
struct OnlyRead(Arc<dyn SnapshotCache>);

impl SnapshotCache for OnlyRead {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.0.get(key)
    }

    fn put(&self, _: &str, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn clear(&self) -> Result<()> {
        Ok(())
    }
}

impl Store {
    /// The whole store as it was at a moment, for reading only: aggregates, decisions, views and
    /// projections over this handle see the events up to there, and nothing after.
    ///
    /// ```
    /// use hitherto::{Append, NewEvent, Position, Query, Store};
    ///
    /// # hitherto::wait(async {
    /// let store = Store::in_memory();
    /// let event = || NewEvent::json("DoorOpened", "{}");
    /// store.append(Append::to("door-1").event(event()).event(event())).await?;
    ///
    /// let then = store.as_of(Position(1)).await?;
    /// assert_eq!(then.head().await?, Position(1));
    /// assert_eq!(then.read(Query::all()).count(), 1);
    /// assert!(then.append(Append::to("door-1").event(event())).await.is_err());
    /// # Ok::<(), hitherto::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `NotFound` for a position that the store has not come to, or a time before its first event;
    /// `Invalid` for a version, which is of one stream only.
    pub async fn as_of(&self, moment: impl Into<Moment>) -> Result<Self> {
        let moment = moment.into();
        self.check_moment(moment).await?;
        let end = match moment {
            Moment::Position(position) => position,
            Moment::Time(_) => {
                let newest = moment.bound(Query::all()).backward().limit(1);
                let newest = self.read(newest).next_event().await.transpose()?;
                newest.map_or(Position::START, |event| event.position())
            }
            Moment::Version(_) => {
                return Err(Error::invalid(
                    "a version is of one stream: say as of which position or time the whole store is meant",
                ));
            }
        };
        Ok(Self::on(PastStore { store: Arc::clone(self.raw()), end }))
    }
}
