//! Time travel: aggregates, and what decisions look at, as they were at a moment of the past.

mod store;
mod view;

use std::borrow::Borrow;
use std::fmt::Display;
use std::future::Future;

use hitherto_store::{Position, Query, StreamName, Timestamp};

use crate::aggregate::Aggregate;
use crate::decision::{Decision, boundary_of};
use crate::repository::{Repository, stream_of};
use crate::snapshot::Kept;
use crate::{Error, Result, Store};

/// A moment of the past: after which event the world is looked at.
///
/// ```
/// use hitherto::{Moment, Position, Query};
///
/// let history = Moment::from(Position(12)).bound(Query::category("account"));
/// assert_eq!(history, Query::category("account").up_to(Position(12)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// After this version of the one stream that is looked at.
    Version(u64),
    /// After the event at this position.
    Position(Position),
    /// After the last event that was recorded at this time or before.
    Time(Timestamp),
}

impl Moment {
    /// The same query for events up to this moment.
    #[must_use]
    pub fn bound(self, query: Query) -> Query {
        match self {
            Self::Version(version) => query.up_to_version(version),
            Self::Position(position) => query.up_to(position),
            Self::Time(time) => query.until(time),
        }
    }
}

impl From<Position> for Moment {
    fn from(position: Position) -> Self {
        Self::Position(position)
    }
}

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl<A: Aggregate> Repository<A> {
    /// The aggregate as it was at a version of its stream; version 0 is before anything happened.
    ///
    /// # Errors
    /// `NotFound` if it never was at that version, or as [`Repository::load`].
    pub fn at_version<Q>(
        &self,
        id: &Q,
        version: u64,
    ) -> impl Future<Output = Result<A>> + Send + use<A, Q>
    where
        A::Id: Borrow<Q>,
        Q: Display + ?Sized,
    {
        self.at(id, Moment::Version(version))
    }

    /// The aggregate as it was when the store's last event stood at a position.
    ///
    /// # Errors
    /// `NotFound` if it did not exist then, or the store has not come to that position; or as
    /// [`Repository::load`].
    pub fn at_position<Q>(
        &self,
        id: &Q,
        position: Position,
    ) -> impl Future<Output = Result<A>> + Send + use<A, Q>
    where
        A::Id: Borrow<Q>,
        Q: Display + ?Sized,
    {
        self.at(id, Moment::Position(position))
    }

    /// The aggregate as it was at a time: after all its events recorded then or before.
    ///
    /// # Errors
    /// `NotFound` if it did not exist then, or as [`Repository::load`].
    pub fn at_time<Q>(
        &self,
        id: &Q,
        time: Timestamp,
    ) -> impl Future<Output = Result<A>> + Send + use<A, Q>
    where
        A::Id: Borrow<Q>,
        Q: Display + ?Sized,
    {
        self.at(id, Moment::Time(time))
    }

    /// The aggregate as it was at any [`Moment`]. A snapshot that is not younger is gone on from.
    ///
    /// # Errors
    /// As [`Repository::at_version`], [`Repository::at_position`] and [`Repository::at_time`].
    pub fn at<Q>(
        &self,
        id: &Q,
        moment: Moment,
    ) -> impl Future<Output = Result<A>> + Send + use<A, Q>
    where
        A::Id: Borrow<Q>,
        Q: Display + ?Sized,
    {
        let (this, stream) = (self.clone(), stream_of::<A>(id));
        async move { this.stream_at(&stream?, moment).await }
    }

    pub(crate) async fn stream_at(&self, stream: &StreamName, moment: Moment) -> Result<A> {
        self.store().check_reached(moment).await?;
        let resumed = self.resume_at(stream, moment).await?;
        let mut aggregate = if let Some(aggregate) = resumed {
            aggregate
        } else {
            let history = moment.bound(Query::stream(stream.clone()));
            self.fold(self.new_aggregate(stream), history).await?
        };
        let version = aggregate.root().version();
        match moment {
            Moment::Version(wanted) if version < wanted => Err(Error::not_found(format!(
                "{stream} was never at version {wanted}: it is at version {version}"
            ))),
            Moment::Position(_) | Moment::Time(_) if version == 0 => {
                Err(did_not_exist(self.store(), stream, moment).await?)
            }
            _ => Ok(aggregate),
        }
    }

    /// Goes on from what is in the cache, or else from a snapshot, if that is not too young.
    async fn resume_at(&self, stream: &StreamName, moment: Moment) -> Result<Option<A>> {
        let kept = [self.cached_as_kept(stream), self.snapshot_of(stream)];
        for kept in kept.into_iter().flatten() {
            if let Some(aggregate) = self.resume(kept, stream, Some(moment)).await? {
                return Ok(Some(aggregate));
            }
        }
        Ok(None)
    }

    fn cached_as_kept(&self, stream: &StreamName) -> Option<(Kept<A>, u64)> {
        let mut aggregate = self.cached(stream)?;
        let root = aggregate.root();
        let (version, event, forgettings) =
            (root.saved_version, root.last_event?, root.forgettings);
        Some((Kept { aggregate, version, event }, forgettings))
    }
}

/// The error for a stream that began after the moment, or never.
async fn did_not_exist(store: &Store, stream: &StreamName, moment: Moment) -> Result<Error> {
    let first =
        store.read(Query::stream(stream.clone()).limit(1)).next_event().await.transpose()?;
    let then = match moment {
        Moment::Position(position) => format!("at position {position}"),
        _ => "at that time".to_owned(),
    };
    Ok(Error::not_found(match first {
        Some(first) if first.version() > 1 => format!(
            "{stream} is not kept any more as it was {then}: what is kept begins with version {}",
            first.version()
        ),
        Some(first) => format!(
            "{stream} did not exist {then}: its first event, at position {}, was recorded later",
            first.position()
        ),
        None => format!("{stream} did not exist {then}: nothing ever happened to it"),
    }))
}

impl Store {
    /// What a decision looks at now: the state that it would decide by.
    ///
    /// # Errors
    /// What the store could not do; `Invalid` for an event that today's type cannot read.
    pub async fn state_of<D: Decision>(&self, decision: &D) -> Result<D::State> {
        self.fold_for(decision, boundary_of(decision)).await
    }

    /// What a decision would have looked at, had it been made at a moment.
    ///
    /// ```
    /// # use hitherto::{Decision, Event, Query, ensure};
    /// # #[derive(Event)] enum SeatEvent { SeatTaken { #[tag] train: String } }
    /// # struct TakeSeat { train: String }
    /// # impl Decision for TakeSeat {
    /// #     type Event = SeatEvent; type State = u32; type Error = &'static str;
    /// #     fn query(&self) -> Query { Query::tag("train", &self.train) }
    /// #     fn apply(&self, taken: &mut u32, _: &SeatEvent) { *taken += 1 }
    /// #     fn decide(&self, taken: &u32) -> Result<Vec<SeatEvent>, &'static str> {
    /// #         ensure(*taken < 80, "full")?;
    /// #         Ok(vec![SeatEvent::SeatTaken { train: self.train.clone() }])
    /// #     }
    /// # }
    /// use hitherto::{Position, Store};
    ///
    /// # hitherto::wait(async {
    /// let store = Store::in_memory();
    /// let decision = TakeSeat { train: "ICE 72".into() };
    /// store.decide(&decision).await.unwrap();
    /// store.decide(&decision).await.unwrap();
    ///
    /// assert_eq!(store.state_at(&decision, Position(1)).await?, 1); // seats taken then
    /// assert_eq!(store.state_of(&decision).await?, 2);
    /// # Ok::<(), hitherto::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `NotFound` for a position that the store has not come to, or a time before its first event;
    /// `Invalid` for a version, unless the decision looks at one stream; or as [`Store::state_of`].
    pub async fn state_at<D: Decision>(
        &self,
        decision: &D,
        moment: impl Into<Moment>,
    ) -> Result<D::State> {
        let moment = moment.into();
        self.check_moment(moment).await?;
        self.fold_for(decision, moment.bound(boundary_of(decision))).await
    }

    /// Refuses a position that no event has yet.
    pub(crate) async fn check_reached(&self, moment: Moment) -> Result<()> {
        let Moment::Position(position) = moment else { return Ok(()) };
        let head = self.head().await?;
        if position <= head {
            return Ok(());
        }
        Err(Error::not_found(format!(
            "no event is at position {position} yet: the last one is at position {head}"
        )))
    }

    /// Refuses a moment that the store has not come to, or that was before its first event.
    pub(crate) async fn check_moment(&self, moment: Moment) -> Result<()> {
        self.check_reached(moment).await?;
        let Moment::Time(time) = moment else { return Ok(()) };
        let first = self.read(Query::all().limit(1)).next_event().await.transpose()?;
        match first {
            Some(first) if first.recorded_at() <= time => Ok(()),
            Some(_) => Err(Error::not_found(
                "nothing had happened at that time: the store's first event was recorded later",
            )),
            None => Err(Error::not_found("nothing had happened at that time: the store is empty")),
        }
    }
}
