//! Many events: appended, each commit durable, and replayed.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use hitherto::Event;
use hitherto_store::{
    Append, EventStore, ExpectedVersion, NewEvent, Position, Query, Recorded, Result, Ticket,
};

use super::Demo;
use super::account::{AccountEvent, money};
use crate::failure::Failure;
use crate::print::{counted, grouped};

/// Events in one commit.
const COMMIT: u64 = 100;
/// Commits that are submitted and not answered yet.
const UNDER_WAY_MAX: usize = 32;

impl Demo {
    pub(super) fn append_and_replay(&mut self, events: u64) -> Result<(), Failure> {
        let count = grouped(events);
        self.story.step(format!("{count} further events, in commits of {COMMIT}"))?;
        let before = self.head()?;
        let total = self.append_all(events)?;
        let stored = self.head()?.0 - before.0;
        self.story.check(format!("{} stored", counted(stored, "event")), &stored, &events)?;
        self.replay_all(before, events, total)
    }

    /// Returns how many cents were deposited in all.
    fn append_all(&mut self, events: u64) -> Result<u64, Failure> {
        let commits = events.div_ceil(COMMIT);
        let mut under_way: VecDeque<Ticket> = VecDeque::new();
        let mut total = 0;
        let started = Instant::now();
        for commit in 0..commits {
            let savings = savings(&self.run, commit, COMMIT.min(events - commit * COMMIT));
            total += savings.iter().map(deposited).sum::<u64>();
            under_way.push_back(self.store.submit(one_commit(&self.run, commit, &savings)?));
            if under_way.len() > UNDER_WAY_MAX {
                under_way.pop_front().map_or(Ok(()), |ticket| ticket.wait().map(drop))?;
            }
        }
        under_way.into_iter().try_for_each(|ticket| ticket.wait().map(drop))?;
        let took = started.elapsed();
        let rates = [events, commits].map(|number| rate(number, took));
        let [events, commits] = rates;
        self.story.fact(format!(
            "appended in {took:.2?}: {events} events a second in {commits} durable commits a second"
        ))?;
        Ok(total)
    }

    fn replay_all(&mut self, before: Position, events: u64, total: u64) -> Result<(), Failure> {
        let (mut count, mut cents) = (0, 0);
        let started = Instant::now();
        for event in self.store.read(Query::category("savings").after(before)) {
            cents += deposited(&decoded(&event?)?);
            count += 1;
        }
        let took = started.elapsed();
        let rate = rate(count, took);
        self.story.fact(format!("replayed in {took:.2?}: {rate} typed events a second"))?;
        let found = format!("their deposits add up to {}, as they were made", money(cents));
        Ok(self.story.check(found, &(count, cents), &(events, total))?)
    }
}

/// A savings account's events: opened, and then deposits of different amounts.
fn savings(run: &str, commit: u64, size: u64) -> Vec<AccountEvent> {
    let number = format!("{run}-{commit:04}");
    let opened = AccountEvent::AccountOpened { number, initial_deposit: 100 * commit };
    let deposit = |day| AccountEvent::MoneyDeposited { amount: commit + day };
    std::iter::once(opened).chain((1..size).map(deposit)).collect()
}

fn one_commit(run: &str, commit: u64, savings: &[AccountEvent]) -> Result<Append> {
    let events: Vec<NewEvent> = savings.iter().map(encoded).collect::<Result<_>>()?;
    let stream = format!("savings-{run}-{commit:04}");
    Ok(Append::to(stream).expect(ExpectedVersion::NoStream).events(events))
}

fn encoded(event: &AccountEvent) -> Result<NewEvent> {
    let kind = event.kind();
    Ok(NewEvent::json(kind.name, event.encode()?).schema_version(kind.version))
}

fn decoded(event: &Recorded) -> Result<AccountEvent> {
    AccountEvent::decode(event.kind(), event.schema_version(), event.payload())
}

pub(super) fn deposited(event: &AccountEvent) -> u64 {
    match event {
        AccountEvent::AccountOpened { initial_deposit: amount, .. }
        | AccountEvent::MoneyDeposited { amount } => *amount,
        AccountEvent::MoneyWithdrawn { .. } | AccountEvent::AccountClosed => 0,
    }
}

/// A number in a second, for people.
fn rate(number: u64, took: Duration) -> String {
    let nanos = took.as_nanos().max(1);
    let rate = u128::from(number) * 1_000_000_000 / nanos;
    grouped(u64::try_from(rate).unwrap_or(u64::MAX))
}
