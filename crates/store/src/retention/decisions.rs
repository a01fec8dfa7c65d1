//! The one way in which facts of retention come into the log: checked against what is on hold, one
//! after another.

use std::sync::{Arc, PoisonError};

use crate::append::{Append, ExpectedVersion};
use crate::commit_queue::CommitQueue;
use crate::error::{Error, Result};
use crate::event::Position;
use crate::limits;
use crate::query::{Query, QueryItem};
use crate::reader::Reader;
use crate::shared::Shared;
use crate::sync::{Mutex, MutexGuard};

use super::fact::{Fact, STREAM};
use super::state::{Moment, Retention};
use super::target::{Before, Hold, Target};
use super::view::View;

/// Decides about one store.
pub(crate) struct Decisions {
    shared: Arc<Shared>,
    queue: Arc<CommitQueue>,
    one_at_a_time: Mutex<()>,
}

/// The right to decide: no hold comes in between.
pub(crate) struct Turn<'store> {
    decisions: &'store Decisions,
    _turn: MutexGuard<'store, ()>,
}

impl Decisions {
    pub(crate) fn new(shared: Arc<Shared>, queue: Arc<CommitQueue>) -> Self {
        Self { shared, queue, one_at_a_time: Mutex::default() }
    }

    /// Waits until nobody else decides.
    pub(crate) fn turn(&self) -> Turn<'_> {
        let turn = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        Turn { decisions: self, _turn: turn }
    }
}

impl Turn<'_> {
    fn shared(&self) -> &Arc<Shared> {
        &self.decisions.shared
    }

    pub(super) fn is_on_hold(&self, hold: &Hold) -> bool {
        let retention = self.shared().retention.load();
        retention.holds.iter().any(|it| it.is_in_force() && it.hold == *hold)
    }

    pub(super) fn refuse_unknown(&self, target: &Target) -> Result<()> {
        let durable = self.shared().durable();
        let newest = query_of(target).backward().limit(1);
        let mut reader = Reader::within(Arc::clone(self.shared()), newest, durable);
        match reader.next_position()? {
            Some(_) => Ok(()),
            None => Err(Error::not_found(format!(
                "no event was ever appended to {target}: see that the name is right"
            ))),
        }
    }

    /// The position that a bound on versions or times stands for.
    pub(super) fn position_before(&self, target: &Target, before: Before) -> Result<Position> {
        let durable = self.shared().durable();
        let position = match (before, target) {
            (Before::Position(position), _) => position,
            (Before::Time(time), _) => Reader::first_since(self.shared(), time)?,
            (Before::Version(_), Target::Category(_)) => {
                return Err(Error::invalid(
                    "versions count within one stream: truncate a category before a position or a time",
                ));
            }
            (Before::Version(version), Target::Stream(stream)) => {
                let query = Query::stream(stream.clone()).after_version(version.saturating_sub(1));
                let query = query.limit(1);
                let mut reader = Reader::within(Arc::clone(self.shared()), query, durable);
                reader.narrow_by_lower_bounds()?;
                let first = reader.next_position()?;
                let head = self.shared().stream_version(stream.as_str(), durable)?;
                if first.is_none() && version != head + 1 {
                    return Err(Error::invalid(format!(
                        "stream {stream} is at version {head}, so it cannot be truncated before \
                         version {version}: name at most {}",
                        head + 1
                    )));
                }
                first.unwrap_or_else(|| durable.next())
            }
        };
        if position > durable.next() {
            return Err(Error::invalid(format!(
                "the last event stands at {durable}, so nothing can be truncated before {position}: \
                 name at most {}",
                durable.next()
            )));
        }
        Ok(position)
    }

    /// Appends a fact unless it would remove what is on hold; returns its position.
    pub(crate) fn decide(&self, fact: &Fact) -> Result<Position> {
        let retention = self.shared().retention.load_full();
        if retention.count() >= limits::RETENTION_RULES_MAX {
            return Err(Error::invalid(format!(
                "a store remembers at most {} policies, operations and holds: decide about \
                 categories instead of single streams",
                limits::RETENTION_RULES_MAX
            )));
        }
        self.refuse_held(fact, &retention)?;
        let version = self.shared().stream_version(STREAM, self.shared().durable())?;
        // The same decision after a crash that left its outcome open is another one.
        let id = self.shared().identity.store_id.derived(&format!("{STREAM}/{}", version + 1));
        let append = Append::to(STREAM).expect(ExpectedVersion::Exact(version));
        let saved = self.decisions.queue.append(append.event(fact.encode(id)))?;
        Ok(saved.position)
    }

    /// Looks at every event of the target that is on hold, until one would be removed.
    fn refuse_held(&self, fact: &Fact, retention: &Retention) -> Result<()> {
        let (Fact::Kept(target, _)
        | Fact::Truncated(target, _)
        | Fact::Deleted(target)
        | Fact::Tombstoned(target)) = fact
        else {
            return Ok(());
        };
        let shared = self.shared();
        let durable = shared.durable();
        let at = retention.now(durable.next(), shared.clock.now());
        for held in retention.holds.iter().filter(|it| it.is_in_force()) {
            let Some(query) = query_of_held(target, &held.hold) else { continue };
            let mut view = View::at(Arc::new(alone(fact, at)), at);
            let reader = Reader::within(Arc::clone(shared), query, durable);
            let mut reader = reader.without_removed();
            while let Some(event) = reader.step()? {
                if view.hides(shared, &event)? {
                    return Err(Error::invalid(format!(
                        "{} is on hold, and this would remove event {} of it: nothing was changed; \
                         release the hold first, or name less",
                        held.hold,
                        event.position()
                    )));
                }
            }
        }
        Ok(())
    }
}

/// What one fact alone would remove, without any hold.
fn alone(fact: &Fact, at: Moment) -> Retention {
    let mut retention = Retention::default();
    retention.apply(fact, at);
    retention
}

fn query_of(target: &Target) -> Query {
    match target {
        Target::Stream(stream) => Query::stream(stream.clone()),
        Target::Category(category) => Query::category(category.as_str()),
    }
}

/// The events of a target that a hold covers; `None` if there can be none.
fn query_of_held(target: &Target, hold: &Hold) -> Option<Query> {
    let mut item = QueryItem::default();
    match target {
        Target::Stream(stream) => item.stream = Some(stream.clone()),
        Target::Category(category) => item.category = Some(category.clone()),
    }
    match hold {
        Hold::Stream(name) if item.stream.as_ref().is_some_and(|it| it != name) => return None,
        Hold::Stream(name) => item.stream = Some(name.clone()),
        Hold::Category(name) if item.category.as_ref().is_some_and(|it| it != name) => return None,
        Hold::Category(name) => item.category = Some(name.clone()),
        Hold::Kind(kind) => item.kinds = vec![kind.clone()],
    }
    Some(Query { items: vec![item], ..Query::default() })
}
