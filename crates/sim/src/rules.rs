//! What the model knows of retention: a look at every event, each time that something is decided.
//!
//! Written without a look at the engine: the engine asks of one event whether a rule ever applied
//! to it; this marks at each decision everything that is over a bound by then.

use std::collections::HashSet;

use hitherto_store::{
    Before, Hold, Keep, Position, Recorded, Target, Timestamp, split_stream_name,
};

use crate::decision::Decision;

/// The rules in force, and what they have removed up to the last decision.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    policies: Vec<(Target, Keep)>,
    holds: Vec<Hold>,
    tombstones: Vec<Target>,
    removed: HashSet<Position>,
    /// When the last fact was recorded.
    floor: Timestamp,
}

impl Rules {
    /// Takes in a decision that the store took, as the event that it appended.
    pub(crate) fn take(&mut self, decision: Option<&Decision>, fact: &Recorded, all: &[Recorded]) {
        self.sweep(all, fact.recorded_at());
        self.floor = self.floor.max(fact.recorded_at());
        let Some(decision) = decision else { return };
        match decision.clone() {
            Decision::Keep(target, keep) => {
                self.policies.retain(|(other, _)| *other != target);
                self.policies.push((target, keep));
            }
            Decision::Truncate(target, before) => {
                self.cut(&target, position_of(&target, before, all), all);
            }
            Decision::Delete(target) => self.cut(&target, fact.position(), all),
            Decision::Tombstone(target) => {
                self.cut(&target, fact.position(), all);
                self.tombstones.push(target);
            }
            Decision::Hold(hold) => self.holds.push(hold),
            Decision::Release(hold) => self.holds.retain(|other| *other != hold),
        }
    }

    /// Whether nothing can be appended to a stream.
    pub(crate) fn is_tombstoned(&self, stream: &str) -> bool {
        self.tombstones.iter().any(|target| is_of(target, stream))
    }

    /// Whether an event is removed by now.
    pub(crate) fn hides(&self, event: &Recorded, all: &[Recorded], clock: Timestamp) -> bool {
        self.removed.contains(&event.position())
            || self.is_over_a_bound(event, all, clock.max(self.floor))
    }

    /// Whether the store must refuse a decision.
    pub(crate) fn refuses(&self, decision: &Decision, all: &[Recorded], clock: Timestamp) -> bool {
        let now = clock.max(self.floor);
        let removes = |event: &Recorded| match decision {
            Decision::Keep(target, keep) => is_over(event, target, *keep, all, now),
            Decision::Truncate(target, before) => {
                is_in(target, event) && event.position() < position_of(target, *before, all)
            }
            Decision::Delete(target) | Decision::Tombstone(target) => is_in(target, event),
            Decision::Hold(_) | Decision::Release(_) => false,
        };
        match decision {
            Decision::Hold(hold) => self.holds.contains(hold),
            Decision::Release(hold) => !self.holds.contains(hold),
            Decision::Delete(target)
            | Decision::Tombstone(target)
            | Decision::Truncate(target, _)
                if !all.iter().any(|event| is_in(target, event)) =>
            {
                true
            }
            _ => all.iter().any(|event| {
                self.is_held(event) && removes(event) && !self.hides(event, all, clock)
            }),
        }
    }

    fn sweep(&mut self, all: &[Recorded], now: Timestamp) {
        let over = all.iter().filter(|event| self.is_over_a_bound(event, all, now));
        let over: Vec<Position> = over.map(Recorded::position).collect();
        self.removed.extend(over);
    }

    fn cut(&mut self, target: &Target, before: Position, all: &[Recorded]) {
        let cut = all.iter().filter(|event| {
            is_in(target, event) && event.position() < before && !self.is_held(event)
        });
        let cut: Vec<Position> = cut.map(Recorded::position).collect();
        self.removed.extend(cut);
    }

    fn is_held(&self, event: &Recorded) -> bool {
        self.holds.iter().any(|hold| match hold {
            Hold::Stream(stream) => event.stream() == Some(stream.as_str()),
            Hold::Category(category) => event.category() == Some(category),
            Hold::Kind(kind) => event.kind() == kind,
        })
    }

    fn is_over_a_bound(&self, event: &Recorded, all: &[Recorded], now: Timestamp) -> bool {
        let mut policies = self.policies.iter();
        !self.is_held(event)
            && policies.any(|(target, keep)| is_over(event, target, *keep, all, now))
    }
}

fn is_over(
    event: &Recorded,
    target: &Target,
    keep: Keep,
    all: &[Recorded],
    now: Timestamp,
) -> bool {
    let newer =
        || all.iter().filter(|it| it.stream() == event.stream() && it.version() > event.version());
    let is_old = keep.age().is_some_and(|age| event.recorded_at().plus(age) < now);
    is_in(target, event)
        && (is_old || keep.count().is_some_and(|count| newer().count() as u64 >= count))
}

/// Whether an event is in a stream or category.
pub(crate) fn is_in(target: &Target, event: &Recorded) -> bool {
    event.stream().is_some_and(|stream| is_of(target, stream))
}

fn is_of(target: &Target, stream: &str) -> bool {
    match target {
        Target::Stream(name) => name.as_str() == stream,
        Target::Category(name) => split_stream_name(stream).0 == name,
    }
}

fn position_of(target: &Target, before: Before, all: &[Recorded]) -> Position {
    let end = Position(all.len() as u64 + 1);
    let found = match before {
        Before::Position(position) => Some(position),
        Before::Version(version) => all
            .iter()
            .find(|event| is_in(target, event) && event.version() >= version)
            .map(Recorded::position),
        Before::Time(time) => {
            all.iter().find(|event| event.recorded_at() >= time).map(Recorded::position)
        }
    };
    found.unwrap_or(end)
}
