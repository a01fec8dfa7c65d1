//! What all facts together say: which events are hidden, as of now or of any moment before.
//!
//! Whether an event is hidden only ever goes from no to yes. A policy hides what it would hide at
//! any moment while it was in force; a hold stops that for what it covers from the moment that it
//! was made, and brings nothing back.

use std::collections::HashMap;
use std::time::Duration;

use crate::error::Result;
use crate::event::{Position, Timestamp, split_stream_name};
use crate::planted::{PlantedBug, is_planted};
use crate::record::Recorded;

use super::fact::Fact;
use super::target::{Hold, Keep, Target};

/// A place in the log, and the time there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) position: Position,
    pub(crate) time: Timestamp,
}

/// All facts that are in force, and what earlier ones have left.
#[derive(Debug, Clone, Default)]
pub(crate) struct Retention {
    /// The last fact that was taken in.
    pub(crate) known: Position,
    /// The last fact that is not of a scavenge: since then the rules are the same.
    pub(crate) changed: Position,
    /// When the last fact was recorded: the time never goes back before that.
    floor: Timestamp,
    pub(super) rules: HashMap<Target, Rule>,
    pub(super) holds: Vec<HoldTime>,
    /// The last scavenge that removed something.
    pub(crate) scavenged: Option<Moment>,
    has_tombstones: bool,
}

/// What was decided about one target.
#[derive(Debug, Clone, Default)]
pub(super) struct Rule {
    cuts: Vec<Cut>,
    keeps: Vec<KeepTime>,
    /// The last deletion.
    pub(super) deleted: Option<Position>,
    pub(super) tombstoned: Option<Position>,
}

/// Everything before a position was removed, at a moment.
#[derive(Debug, Clone, Copy)]
struct Cut {
    before: Position,
    at: Moment,
}

/// A policy, and from when to when it is in force.
#[derive(Debug, Clone, Copy)]
struct KeepTime {
    keep: Keep,
    from: Position,
    to: Option<Moment>,
}

/// A hold, and from when to when it is in force.
#[derive(Debug, Clone)]
pub(super) struct HoldTime {
    pub(super) hold: Hold,
    from: Moment,
    to: Option<Position>,
}

impl HoldTime {
    pub(super) fn is_in_force(&self) -> bool {
        self.to.is_none()
    }
}

/// Tells the version that a stream had at a position.
pub(crate) type VersionAt<'a> = dyn FnMut(&str, Position) -> Result<u64> + 'a;

impl Retention {
    /// Takes in the next fact.
    pub(crate) fn apply(&mut self, fact: &Fact, at: Moment) {
        self.known = at.position;
        self.floor = self.floor.max(at.time);
        if *fact != Fact::ScavengeBegun {
            self.changed = at.position;
        }
        match fact {
            Fact::Kept(target, keep) => self.keep(target, *keep, at),
            Fact::Truncated(target, before) => self.cut(target, *before, at),
            Fact::Deleted(target) => {
                self.cut(target, at.position, at);
                self.rule(target).deleted = Some(at.position);
            }
            Fact::Tombstoned(target) => {
                self.cut(target, at.position, at);
                self.rule(target).tombstoned.get_or_insert(at.position);
                self.has_tombstones = true;
            }
            Fact::Held(hold) => {
                self.holds.push(HoldTime { hold: hold.clone(), from: at, to: None });
            }
            Fact::Released(hold) => {
                let ended = self.holds.iter_mut().filter(|it| it.hold == *hold && it.to.is_none());
                ended.for_each(|it| it.to = Some(at.position));
            }
            Fact::ScavengeBegun => self.scavenged = Some(at),
        }
    }

    fn rule(&mut self, target: &Target) -> &mut Rule {
        self.rules.entry(target.clone()).or_default()
    }

    fn keep(&mut self, target: &Target, keep: Keep, at: Moment) {
        let rule = self.rule(target);
        rule.keeps.iter_mut().filter(|it| it.to.is_none()).for_each(|it| it.to = Some(at));
        if keep != Keep::everything() {
            rule.keeps.push(KeepTime { keep, from: at.position, to: None });
        }
    }

    fn cut(&mut self, target: &Target, before: Position, at: Moment) {
        let has_holds = !self.holds.is_empty();
        let rule = self.rule(target);
        // Without a hold nothing was kept back from an earlier cut, so that only the widest counts.
        if has_holds {
            rule.cuts.push(Cut { before, at });
        } else if rule.cuts.iter().all(|cut| cut.before < before) {
            rule.cuts = vec![Cut { before, at }];
        }
    }

    /// What its rules are about.
    pub(crate) fn targets(&self) -> impl ExactSizeIterator<Item = &Target> {
        self.rules.keys()
    }

    /// Whether no event can be hidden.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How much memory it takes is counted in these.
    pub(super) fn count(&self) -> usize {
        let of = |rule: &Rule| 1 + rule.cuts.len() + rule.keeps.len();
        self.rules.values().map(of).sum::<usize>() + self.holds.len()
    }

    /// The present: the clock's, but never before the last fact.
    pub(crate) fn now(&self, position: Position, clock: Timestamp) -> Moment {
        Moment { position, time: clock.max(self.floor) }
    }

    /// Whether an event is removed, as of a moment.
    pub(crate) fn hides(
        &self,
        event: &Recorded,
        now: Moment,
        version_at: &mut VersionAt<'_>,
    ) -> Result<bool> {
        let Some(stream) = event.stream() else { return Ok(false) };
        for rule in self.rules_of(stream) {
            if self.cuts(rule, event, stream, now) {
                return Ok(true);
            }
            for keep in &rule.keeps {
                if self.outgrows(keep, event, now, version_at)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether a rule is about this stream or its category.
    pub(crate) fn concerns(&self, stream: &str) -> bool {
        self.rules_of(stream).next().is_some()
    }

    fn rules_of<'a>(&'a self, stream: &str) -> impl Iterator<Item = &'a Rule> + use<'a> {
        let category = split_stream_name(stream).0;
        let of_stream = self.rules.get(&Target::stream(stream));
        of_stream.into_iter().chain(self.rules.get(&Target::category(category)))
    }

    fn cuts(&self, rule: &Rule, event: &Recorded, stream: &str, now: Moment) -> bool {
        rule.cuts.iter().any(|cut| {
            event.position() < cut.before
                && cut.at.position <= now.position
                && self.last_free_moment(stream, event.kind(), cut.at) == cut.at
        })
    }

    /// Whether an event was over the bounds of a policy at any moment of its time.
    fn outgrows(
        &self,
        KeepTime { keep, from, to }: &KeepTime,
        event: &Recorded,
        now: Moment,
        version_at: &mut VersionAt<'_>,
    ) -> Result<bool> {
        let stream = event.stream().unwrap_or_default();
        let end = to.filter(|to| to.position <= now.position).unwrap_or(now);
        let moment = self.last_free_moment(stream, event.kind(), end);
        if moment.position < *from {
            return Ok(false);
        }
        if keep.age().is_some_and(|age| event.recorded_at().until(moment.time) > age) {
            return Ok(true);
        }
        let Some(count) = keep.count() else { return Ok(false) };
        Ok(version_at(stream, moment.position)? >= event.version().saturating_add(count))
    }

    /// The last moment up to `moment` at which no hold covered the event.
    fn last_free_moment(&self, stream: &str, kind: &str, mut moment: Moment) -> Moment {
        let covers = |it: &&HoldTime, at: Moment| {
            !is_planted(PlantedBug::IgnoreHolds)
                && it.from.position <= at.position
                && it.to.is_none_or(|to| at.position < to)
                && it.hold.covers(stream, kind)
        };
        while let Some(held) = self.holds.iter().find(|it| covers(it, moment)) {
            let before = Position(held.from.position.0.saturating_sub(1));
            moment = Moment { position: before, time: held.from.time };
        }
        moment
    }

    /// Since when nothing can be appended to a stream, if so.
    pub(crate) fn tombstone(&self, stream: &str) -> Option<Position> {
        if !self.has_tombstones {
            return None;
        }
        self.rules_of(stream).find_map(|rule| rule.tombstoned)
    }

    /// The last deletion of a stream, or of its category.
    pub(crate) fn deletion(&self, stream: &str) -> Option<Position> {
        self.rules_of(stream).filter_map(|rule| rule.deleted.max(rule.tombstoned)).max()
    }

    /// What everything that is left of a target stands behind, if no hold makes exceptions.
    pub(crate) fn floor_of(&self, target: &Target, now: Moment) -> Option<Floor> {
        if !self.holds.is_empty() {
            return None;
        }
        let of_category = match target {
            Target::Stream(stream) => self.rules.get(&Target::category(stream.category())),
            Target::Category(_) => None,
        };
        let mut floor = Floor::default();
        for rule in self.rules.get(target).into_iter().chain(of_category) {
            let cuts = rule.cuts.iter().map(|cut| cut.before);
            floor.position = cuts.fold(floor.position, Position::max);
            for KeepTime { keep, .. } in rule.keeps.iter().filter(|it| it.to.is_none()) {
                let oldest = keep.age().map(|age| now.time.minus(age));
                floor.time = floor.time.max(oldest);
                floor.count = floor.count.into_iter().chain(keep.count()).min();
            }
        }
        Some(floor)
    }

    /// The shortest age that a policy keeps, if one bounds it.
    pub(crate) fn shortest_age(&self) -> Option<Duration> {
        let keeps = self.rules.values().flat_map(|rule| &rule.keeps);
        keeps.filter(|it| it.to.is_none()).filter_map(|it| it.keep.age()).min()
    }

    /// The policy of a rule that is in force.
    pub(super) fn policy(rule: &Rule) -> Keep {
        rule.keeps.iter().find(|it| it.to.is_none()).map(|it| it.keep).unwrap_or_default()
    }
}

/// Where what is left begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Floor {
    /// Nothing before this position.
    pub(crate) position: Position,
    /// Nothing before this time.
    pub(crate) time: Option<Timestamp>,
    /// Only the last so many of each stream.
    pub(crate) count: Option<u64>,
}

impl Rule {
    /// Up to where everything was removed by hand.
    pub(super) fn cut_before(&self) -> Option<Position> {
        self.cuts.iter().map(|cut| cut.before).max()
    }
}
