//! Giving reminders when they are due.

use std::fmt;
use std::sync::Arc;

use hitherto_store::{
    Append, Clock, EventId, NewEvent, Position, Query, StreamName, SystemClock, Timestamp,
};

use super::agenda::{Agenda, Reminder};
use super::event::{CATEGORY, FORGOTTEN, ReminderEvent};
use crate::{Error, ErrorKind, Recorded, Result, Store, StoredEvent};

/// Gives reminders when they are due, those first that are due first.
///
/// What is still to come follows from the store alone, so it survives everything: what fell due
/// while nobody ran is given late, and given once. Two that run on one store give each reminder
/// once as well.
///
/// ```
/// use hitherto::{Reminders, Store};
///
/// # hitherto::wait(async {
/// let mut reminders = Reminders::new(&Store::in_memory());
/// assert_eq!(reminders.give_due().await?, 0);
/// assert_eq!((reminders.len(), reminders.next_due()), (0, None));
/// # Ok::<(), hitherto::Error>(()) }).unwrap();
/// ```
pub struct Reminders {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    agenda: Agenda,
    /// All that was set up to here is known.
    pub(super) seen: Position,
    put_aside: Vec<Error>,
}

impl Reminders {
    /// The reminders of a store, by the clock of the machine.
    pub fn new(store: &Store) -> Self {
        let clock = Arc::new(SystemClock);
        let (agenda, seen, put_aside) = (Agenda::default(), Position::START, Vec::new());
        Self { store: store.clone(), clock, agenda, seen, put_aside }
    }

    /// By this clock: best the one that the store takes its times from.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// When the next reminder is due, of those that were known at the last look.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.agenda.first().map(|reminder| reminder.due)
    }

    /// How many reminders are to come, of those that were known at the last look.
    pub fn len(&self) -> usize {
        self.agenda.len()
    }

    /// Whether none was to come at the last look.
    pub fn is_empty(&self) -> bool {
        self.agenda.len() == 0
    }

    /// Why some reminders were put aside: it does not help to try them again (whom they remind was
    /// tombstoned, say). They hold up no others, and are tried once more by who begins anew.
    pub fn put_aside(&self) -> &[Error] {
        &self.put_aside
    }

    /// Gives all that is due now. Returns how many were given, by this one.
    ///
    /// # Errors
    /// What the store could not do; what was not given is given at the next look.
    pub async fn give_due(&mut self) -> Result<u64> {
        let mut given = 0;
        loop {
            self.look().await?;
            let now = self.clock.now();
            let Some(next) = self.agenda.first().filter(|next| next.due <= now) else {
                return Ok(given);
            };
            let next = next.clone();
            match self.give(&next).await {
                Ok(is_given) => given += u64::from(is_given),
                // It was forgotten a moment ago, which the next look will see.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) if is_for_ever(&error) => {
                    self.agenda.drop_first();
                    self.give_up(next.set, error);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn give_up(&mut self, set: EventId, error: Error) {
        tracing::warn!(%error, reminder = %set, "a reminder is put aside");
        self.put_aside.push(error);
    }

    /// Whether it was this one that gave it. What was removed is not given.
    async fn give(&mut self, reminder: &Reminder) -> Result<bool> {
        let Some(set) = self.store.find(reminder.set).await? else {
            self.agenda.drop_first();
            return Ok(false);
        };
        let saved = self.store.append(self.append_of(set)?).await?;
        Ok(!saved.repeated)
    }

    /// Learns what was set, came or was forgotten since the last look.
    async fn look(&mut self) -> Result<()> {
        let news = Query::category(CATEGORY).after(self.seen);
        let mut news = self.store.read(news);
        while let Some(event) = news.next_event().await {
            let event = event?;
            let (id, position) = (event.id(), event.position());
            match Recorded::decode(event) {
                Ok(event) => self.agenda.learn(&event),
                Err(error) => self.give_up(id, error),
            }
            self.seen = position;
        }
        Ok(())
    }

    /// The event that was set, and that it came: both, or neither. Not if it was forgotten, and
    /// once for ever, because its id follows from that of the reminder.
    fn append_of(&self, set: StoredEvent) -> Result<Append> {
        let set = Recorded::<ReminderEvent>::decode(set)?;
        let stream = StreamName::from(set.stream().unwrap_or_default());
        let forgotten = Query::stream(stream.clone()).kinds([FORGOTTEN]);
        let came = ReminderEvent::ReminderCame { set_at_version: set.version() };
        let came = came.as_stored(set.id().derived("noted"))?;
        Ok(Append::to(set.stream_id())
            .event(told_of(&set, event_of(&set)?.id(set.id().derived("came"))))
            .and(Append::to(stream).event(told_of(&set, came)))
            .unless(forgotten, self.seen))
    }
}

/// What was set to happen.
fn event_of(set: &Recorded<ReminderEvent>) -> Result<NewEvent> {
    let ReminderEvent::ReminderSet { kind, schema_version, tags, data, .. } = &set.data else {
        return Err(Error::corrupt(format!("the event {} is no reminder any more", set.id())));
    };
    let event = NewEvent::json(kind.clone(), data.get().to_owned());
    let event = event.schema_version(*schema_version);
    Ok(tags.iter().fold(event, |event, tag| event.tag(tag.clone())))
}

fn told_of(set: &Recorded<ReminderEvent>, event: NewEvent) -> NewEvent {
    event.causation(set.id()).correlation(set.correlation().unwrap_or(set.id()))
}

/// Whether trying it again cannot help.
fn is_for_ever(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Corrupt)
}

impl fmt::Debug for Reminders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Reminders");
        told.field("to_come", &self.len()).field("seen", &self.seen).finish_non_exhaustive()
    }
}
