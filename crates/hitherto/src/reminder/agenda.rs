//! What is still to come, as the events of the reminders tell it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hitherto_store::{EventId, Position, Timestamp};

use super::event::{ReminderEvent, due_of};
use crate::Recorded;

/// When a reminder is due, and where it was set: no two have the same.
type Turn = (Timestamp, Position);

/// The reminders that are to come, in the order in which they are due.
#[derive(Default)]
pub(super) struct Agenda {
    turns: BTreeMap<Turn, Reminder>,
    /// By the streams that they were set in, and the versions there.
    streams: HashMap<Arc<str>, BTreeMap<u64, Turn>>,
}

/// A reminder that is to come.
#[derive(Clone)]
pub(super) struct Reminder {
    pub(super) set: EventId,
    pub(super) due: Timestamp,
}

impl Agenda {
    pub(super) fn learn(&mut self, event: &Recorded<ReminderEvent>) {
        let stream = event.stream().unwrap_or_default();
        match &event.data {
            ReminderEvent::ReminderSet { .. } => self.add(stream, event),
            ReminderEvent::ReminderCame { set_at_version } => {
                let turns = self.streams.get_mut(stream);
                let turn = turns.and_then(|turns| turns.remove(set_at_version));
                turn.map(|turn| self.turns.remove(&turn));
                if self.streams.get(stream).is_some_and(BTreeMap::is_empty) {
                    self.streams.remove(stream);
                }
            }
            ReminderEvent::RemindersForgotten => {
                for turn in self.streams.remove(stream).unwrap_or_default().values() {
                    self.turns.remove(turn);
                }
            }
        }
    }

    fn add(&mut self, stream: &str, event: &Recorded<ReminderEvent>) {
        let Some(due) = due_of(event) else { return };
        let turn = (due, event.position());
        self.turns.insert(turn, Reminder { set: event.id(), due });
        if !self.streams.contains_key(stream) {
            self.streams.insert(stream.into(), BTreeMap::new());
        }
        let turns = self.streams.get_mut(stream);
        turns.expect("it was put there").insert(event.version(), turn);
    }

    /// Forgets the next one.
    pub(super) fn drop_first(&mut self) {
        self.turns.pop_first();
    }

    /// The next one.
    pub(super) fn first(&self) -> Option<&Reminder> {
        self.turns.first_key_value().map(|(_, reminder)| reminder)
    }

    pub(super) fn len(&self) -> usize {
        self.turns.len()
    }
}
