//! Orders for parked events: trying them again, or letting them go.

use hitherto_store::{Position, Query};

use super::handler::{Ended, Failure, Order, Parked, Work};
use super::partition::{Partition, Refused, parked};
use crate::{Error, Result, StoredEvent};

impl Partition {
    /// Does what was ordered for parked events of this partition.
    pub(super) fn carry_out_orders(&mut self) -> Result<(), Ended> {
        let ordered = match self.handler.orders() {
            Ok(ordered) => ordered,
            Err(Failure::Ended(ended)) => return Err(ended),
            Err(Failure::Event { error, .. } | Failure::Unavailable(error)) => {
                self.tell(Some(error.to_string()));
                return Ok(()); // looked for again soon
            }
        };
        for parked in ordered {
            if self.is_parked(&parked) {
                self.carry_out(&parked)?;
            }
        }
        Ok(())
    }

    /// An order may have been carried out by that for an earlier event of the same key.
    fn is_parked(&self, parked: &Parked) -> bool {
        let positions = self.parked.get(&parked.key);
        positions.is_some_and(|positions| positions.contains(&parked.position))
    }

    fn carry_out(&mut self, parked: &Parked) -> Result<(), Ended> {
        if parked.order == Some(Order::Skip) {
            let was_first = self.first_of(&parked.key) == Some(parked.position);
            let release = [parked.position];
            let up_to = self.kept;
            let skipped = self.commit(Work { release: &release, up_to, ..Work::default() });
            skipped.map_err(Refused::into_end)?;
            self.release(&parked.key, &release);
            if !was_first {
                return Ok(());
            }
        }
        self.try_again(&parked.key, parked)
    }

    fn first_of(&self, key: &str) -> Option<Position> {
        self.parked.get(key).and_then(|positions| positions.first().copied())
    }

    fn release(&mut self, key: &str, released: &[Position]) {
        if let Some(positions) = self.parked.get_mut(key) {
            positions.retain(|position| !released.contains(position));
            if positions.is_empty() {
                self.parked.remove(key);
            }
        }
        self.tell(None);
    }

    /// Handles what is parked with a key, in order, until something fails or all of it is done.
    fn try_again(&mut self, key: &str, ordered: &Parked) -> Result<(), Ended> {
        let mut take = self.settings.batch.max(1);
        while self.first_of(key).is_some() && !self.board.is_stopping() {
            let positions = self.parked.get(key).into_iter().flatten().copied();
            let positions = positions.take(take).collect::<Vec<_>>();
            let events = match self.read(&positions) {
                Ok(events) => events,
                Err(error) => return self.park_again(None, positions[0], ordered, &error),
            };
            let work =
                Work { events: &events, release: &positions, up_to: self.kept, ..Work::default() };
            match self.commit(work) {
                Ok(()) => {
                    self.release(key, &positions);
                    take = self.settings.batch.max(1);
                }
                Err(Refused::Ended(ended)) => return Err(ended),
                Err(Refused::Event { error, .. }) if events.len() == 1 => {
                    return self.park_again(Some(&events[0]), positions[0], ordered, &error);
                }
                Err(Refused::Event { index, kept, .. }) => {
                    self.release(key, &positions[..kept]);
                    take = index.map_or(events.len() / 2, |index| index - kept).max(1);
                }
            }
        }
        Ok(())
    }

    /// Writes down anew why the first event of a key is parked, and that nothing is ordered.
    fn park_again(
        &mut self,
        event: Option<&StoredEvent>,
        position: Position,
        ordered: &Parked,
        error: &Error,
    ) -> Result<(), Ended> {
        self.count_error(format!("event {position}: {error}"));
        let is_ordered = position == ordered.position;
        let attempts = if is_ordered { ordered.attempts + 1 } else { 1 };
        let again = match event {
            Some(event) => parked(event, ordered.key.clone(), error.to_string(), attempts),
            None => Parked { attempts, error: error.to_string(), ..ordered.clone() },
        };
        let since = if is_ordered { ordered.since } else { again.since };
        let up_to = self.kept;
        self.park(Parked { position, since, order: None, ..again }, up_to)
    }

    /// The events at these positions, as they are stored.
    fn read(&self, positions: &[Position]) -> Result<Vec<StoredEvent>> {
        let at = |position: &Position| {
            let query = Query::all().after(Position(position.0 - 1)).up_to(*position);
            let missing = || Error::not_found(format!("event {position} is not in the store"));
            self.store.read(query).next().ok_or_else(missing)?
        };
        positions.iter().map(at).collect()
    }

    fn count_error(&self, text: String) {
        self.board.note_error(text);
    }
}
