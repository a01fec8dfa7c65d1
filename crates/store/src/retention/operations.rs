//! What callers can decide about what is kept, and ask about it.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::event::{Position, Timestamp};
use crate::query::Query;
use crate::reader::Reader;
use crate::store::EmbeddedStore;

use super::fact::Fact;
use super::state::Retention;
use super::target::{Before, Hold, Keep, Removed, Target};

/// What is in force for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The stream or category.
    pub target: Target,
    /// How much of it is kept.
    pub keep: Keep,
    /// The position that it was truncated before, or deleted at, last.
    pub removed_before: Option<Position>,
    /// Where it was tombstoned, if it was: nothing is appended to it any more.
    pub tombstoned_at: Option<Position>,
}

/// All that is in force, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policies {
    /// What was decided about streams and categories.
    pub policies: Vec<Policy>,
    /// What is held back from all of it.
    pub holds: Vec<Hold>,
    /// When bytes were removed last, if they were: the position of the fact, and its time.
    pub last_scavenge: Option<(Position, Timestamp)>,
}

impl EmbeddedStore {
    /// Keeps only so much of a stream, or of each stream of a category, from now on; in place of
    /// what was said about this target before. Where a stream and its category both have a policy,
    /// both count. What it removes is hidden when this returns; taking it back with
    /// [`Keep::everything`] brings nothing back.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hitherto_store::{EmbeddedStore, Keep, Target};
    ///
    /// let store = EmbeddedStore::in_memory();
    /// store.keep(Target::category("session"), Keep::max_age(Duration::from_hours(24)))?;
    /// assert_eq!(store.policies()?.policies[0].target, Target::category("session"));
    /// # Ok::<(), hitherto_store::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Invalid` if it would keep nothing, or would remove now what is on hold, or if the store is
    /// read-only; or as [`append`](crate::EventStore::append). Then nothing is changed.
    pub fn keep(&self, target: Target, keep: Keep) -> Result<Position> {
        target.check()?;
        keep.check()?;
        let position = self.decisions()?.turn().decide(&Fact::Kept(target, keep))?;
        self.wish_scavenge();
        Ok(position)
    }

    /// Removes the beginning of a stream, or of all streams of a category.
    ///
    /// ```
    /// use hitherto_store::{Append, Before, EmbeddedStore, EventStore, NewEvent, Query, Target};
    ///
    /// let store = EmbeddedStore::in_memory();
    /// let noted = || NewEvent::json("Noted", "{}");
    /// store.append(Append::to("note-1").events([noted(), noted(), noted()]))?;
    /// store.truncate(Target::stream("note-1"), Before::Version(3))?;
    /// let left = store.read(Query::stream("note-1")).next().expect("there is one")?;
    /// assert_eq!(left.version(), 3);
    /// # Ok::<(), hitherto_store::Error>(())
    /// ```
    ///
    /// # Errors
    /// `NotFound` if there is no such stream or category, `Invalid` if it is truncated before what
    /// it has not come to, or if it would remove what is on hold; or as [`EmbeddedStore::keep`].
    pub fn truncate(&self, target: Target, before: Before) -> Result<Position> {
        target.check()?;
        let turn = self.decisions()?.turn();
        turn.refuse_unknown(&target)?;
        let before = turn.position_before(&target, before)?;
        let position = turn.decide(&Fact::Truncated(target, before))?;
        self.wish_scavenge();
        Ok(position)
    }

    /// Removes all events of a stream, or of all streams of a category. It may be appended to
    /// again, and goes on with the next version.
    ///
    /// # Errors
    /// As [`EmbeddedStore::truncate`].
    #[expect(clippy::needless_pass_by_value, reason = "as `keep` takes it")]
    pub fn delete(&self, target: Target) -> Result<Position> {
        self.remove_all(&target, Fact::Deleted)
    }

    /// Removes all events of a stream, or of all streams of a category, and refuses what is
    /// appended to it from now on, for ever.
    ///
    /// # Errors
    /// As [`EmbeddedStore::truncate`].
    #[expect(clippy::needless_pass_by_value, reason = "as `keep` takes it")]
    pub fn tombstone(&self, target: Target) -> Result<Position> {
        self.remove_all(&target, Fact::Tombstoned)
    }

    /// Holds events of legal interest back from being removed, until [`EmbeddedStore::release`].
    /// What was removed before stays removed.
    ///
    /// # Errors
    /// `Invalid` if it is on hold already; or as [`EmbeddedStore::keep`].
    pub fn hold(&self, hold: Hold) -> Result<Position> {
        hold.check()?;
        let turn = self.decisions()?.turn();
        if turn.is_on_hold(&hold) {
            return Err(Error::invalid(format!("{hold} is on hold already: nothing to do")));
        }
        turn.decide(&Fact::Held(hold))
    }

    /// Ends a hold: policies that are in force take effect on what was held.
    ///
    /// # Errors
    /// `NotFound` if there is no such hold; or as [`EmbeddedStore::keep`].
    pub fn release(&self, hold: Hold) -> Result<Position> {
        let turn = self.decisions()?.turn();
        if !turn.is_on_hold(&hold) {
            return Err(Error::not_found(format!(
                "{hold} is not on hold: `policies` lists what is"
            )));
        }
        turn.decide(&Fact::Released(hold))
    }

    /// What is in force.
    ///
    /// # Errors
    /// What the store could not do.
    pub fn policies(&self) -> Result<Policies> {
        self.refresh()?;
        let retention = self.shared().retention.load_full();
        let mut policies: Vec<Policy> = retention
            .rules
            .iter()
            .map(|(target, rule)| Policy {
                target: target.clone(),
                keep: Retention::policy(rule),
                removed_before: rule.cut_before(),
                tombstoned_at: rule.tombstoned,
            })
            .collect();
        policies.sort_by(|one, other| one.target.cmp(&other.target));
        let in_force = retention.holds.iter().filter(|hold| hold.is_in_force());
        let mut holds: Vec<Hold> = in_force.map(|it| it.hold.clone()).collect();
        holds.sort();
        let last_scavenge = retention.scavenged.map(|moment| (moment.position, moment.time));
        Ok(Policies { policies, holds, last_scavenge })
    }

    /// What retention has taken away from the beginning of a stream, if anything.
    ///
    /// # Errors
    /// What the store could not do.
    pub fn removed(&self, stream: &str) -> Result<Option<Removed>> {
        self.refresh()?;
        let shared = self.shared();
        let retention = shared.retention.load_full();
        if !retention.concerns(stream) {
            return Ok(None);
        }
        let durable = shared.durable();
        let query = Query::stream(stream);
        let first = Reader::within(Arc::clone(shared), query, durable).without_removed().step()?;
        let up_to_version = match first {
            Some(first) => first.version() - 1,
            None => shared.stream_version(stream, durable)?,
        };
        let deleted = retention.deletion(stream).filter(|&position| position <= durable);
        let version_at = |position| shared.stream_version(stream, position);
        let deleted_at_version = deleted.map(version_at).transpose()?.filter(|&it| it > 0);
        let removed = Removed { up_to_version, deleted_at_version };
        Ok((up_to_version > 0 || deleted_at_version.is_some()).then_some(removed))
    }

    fn remove_all(&self, target: &Target, fact: impl FnOnce(Target) -> Fact) -> Result<Position> {
        target.check()?;
        let turn = self.decisions()?.turn();
        turn.refuse_unknown(target)?;
        let position = turn.decide(&fact(target.clone()))?;
        self.forget_snapshots(target)?;
        self.wish_scavenge();
        Ok(position)
    }
}
