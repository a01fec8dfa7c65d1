//! What is kept of a follower, in memory: the same rules for all that keep it so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hitherto_store::Position;

use super::directory::CheckpointFile;
use crate::Error;
use crate::runner::{Ended, Failure, Order, Parked, Progress, Tally, Work, partition_of};

/// Positions and parked events of all partitions.
#[derive(Default, Clone)]
pub(crate) struct Kept {
    pub(crate) partitions: Vec<(Position, Tally)>,
    pub(crate) parked: BTreeMap<Position, Parked>,
}

/// What is kept, shared by all handlers.
pub(crate) type SharedKept = Arc<Mutex<KeptOnce>>;

/// What is kept, where it is written to, and who may change it.
#[derive(Default)]
pub(crate) struct KeptOnce {
    pub(crate) kept: Kept,
    pub(crate) file: Option<CheckpointFile>,
    /// Raised by each that opens it: only the last may commit.
    pub(super) epoch: u64,
}

/// One follower's access to what is kept.
#[derive(Clone)]
pub(crate) struct KeptByAll {
    shared: SharedKept,
    epoch: u64,
}

impl KeptByAll {
    /// Takes over: whoever opened it before cannot commit any more.
    pub(crate) fn open(shared: SharedKept) -> Self {
        let mut once = lock(&shared);
        once.epoch += 1;
        let epoch = once.epoch;
        drop(once);
        Self { shared, epoch }
    }

    /// What is kept, if it was not taken over.
    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, KeptOnce>, Failure> {
        let once = lock(&self.shared);
        if once.epoch == self.epoch { Ok(once) } else { Err(Failure::Ended(Ended::TakenOver)) }
    }

    pub(crate) fn positions(&self) -> Result<Vec<Position>, Failure> {
        Ok(self.lock()?.kept.partitions.iter().map(|(position, _)| *position).collect())
    }

    pub(crate) fn spread(&self, partitions: u32, position: Position) -> Result<(), Failure> {
        self.lock()?.change(|kept| {
            let tally = kept.partitions.iter().fold(Tally::default(), |sum, (_, tally)| Tally {
                handled: sum.handled + tally.handled,
                errors: sum.errors + tally.errors,
            });
            kept.partitions = vec![(position, Tally::default()); partitions as usize];
            if let Some((_, first)) = kept.partitions.first_mut() {
                *first = tally;
            }
        })
    }

    pub(crate) fn parked(&self) -> Result<Vec<Parked>, Failure> {
        let once = self.lock()?;
        let orders = once.file.as_ref().map(CheckpointFile::orders).transpose();
        let orders = orders.map_err(Failure::Unavailable)?.unwrap_or_default();
        let with_order = |parked: &Parked| {
            let order = orders.get(&parked.position).copied().or(parked.order);
            Parked { order, ..parked.clone() }
        };
        Ok(once.kept.parked.values().map(with_order).collect())
    }

    pub(crate) fn order(&self, position: Position, order: Order) -> Result<bool, Failure> {
        let mut once = self.lock()?;
        let KeptOnce { kept, file, .. } = &mut *once;
        let Some(parked) = kept.parked.get_mut(&position) else { return Ok(false) };
        match file {
            Some(file) => file.write_order(position, order).map_err(Failure::Unavailable)?,
            None => parked.order = Some(order),
        }
        Ok(true)
    }

    pub(crate) fn progress(&self, partition: u32, partitions: u32) -> Result<Progress, Failure> {
        let parked = self.parked()?;
        let once = self.lock()?;
        let kept = once.kept.partitions.get(partition as usize).copied();
        let (position, tally) = kept.unwrap_or_default();
        let is_mine = |parked: &Parked| partition_of(&parked.key, partitions) == partition;
        let parked = parked.into_iter().filter(is_mine).collect();
        Ok(Progress { position, parked, tally })
    }

    pub(crate) fn orders(&self, partition: u32, partitions: u32) -> Result<Vec<Parked>, Failure> {
        let parked = self.progress(partition, partitions)?.parked;
        Ok(parked.into_iter().filter(|parked| parked.order.is_some()).collect())
    }
}

impl KeptOnce {
    /// Changes all of it or nothing; on disk first, if that is where it is kept.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Kept)) -> Result<(), Failure> {
        let mut changed = self.kept.clone();
        change(&mut changed);
        if let Some(file) = &self.file {
            file.write(&changed).map_err(Failure::Unavailable)?;
        }
        self.kept = changed;
        Ok(())
    }

    /// Keeps a piece of work.
    pub(crate) fn keep(&mut self, partition: u32, work: &Work<'_>) -> Result<(), Failure> {
        if partition as usize >= self.kept.partitions.len() {
            let message = format!("there is no partition {partition}: nothing was spread");
            return Err(Failure::Ended(Ended::Failed(Error::invalid(message).to_string())));
        }
        self.change(|kept| {
            for position in work.release {
                kept.parked.remove(position);
            }
            kept.parked.extend(work.park.iter().map(|parked| (parked.position, parked.clone())));
            kept.partitions[partition as usize] = (work.up_to, work.tally);
        })?;
        if let Some(file) = &self.file {
            let parked = work.park.iter().map(|parked| parked.position);
            let carried_out = work.release.iter().copied().chain(parked);
            carried_out.for_each(|position| file.remove_order(position));
        }
        Ok(())
    }
}

fn lock(shared: &SharedKept) -> MutexGuard<'_, KeptOnce> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
