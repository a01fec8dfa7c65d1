//! The account's own steps: opened, used, known, refused, remembered.

use std::time::Instant;

use hitherto::{Repository, Saved, Snapshots, UpdateError, wait};
use hitherto_store::EventStore;
use hitherto_store::Query;

use super::account::{BankAccount, Refused, money};
use super::{Demo, another_process, told};
use crate::failure::Failure;
use crate::{moment, print};

impl Demo {
    pub(super) fn open_the_account(&mut self) -> Result<(), Failure> {
        self.story.step(format!("Account {} is opened with 1000.00", self.account()))?;
        self.change(|account, number| account.open(number, 100_000), 1)
    }

    pub(super) fn deposit_and_withdraw(&mut self) -> Result<(), Failure> {
        self.story.step("500.00 are deposited, then 200.00 withdrawn")?;
        self.change(|account, _| account.deposit(50_000), 2)?;
        self.change(|account, _| account.withdraw(20_000), 3)
    }

    /// Runs one command on the account, and reads back from the store what it left there.
    fn change(
        &mut self,
        command: impl Fn(&mut BankAccount, &str) -> Result<(), Refused> + Sync,
        version: u64,
    ) -> Result<(), Failure> {
        let number = self.account();
        let started = Instant::now();
        let saved = wait(self.snapshotting().update(&number, |account| command(account, &number)));
        let took = started.elapsed();
        let saved: Saved = unrefused(saved)?;
        let event = self.event_at(saved.position)?;
        self.story.check(told(&event), &event.version(), &version)?;
        self.story.fact(format!("durable on disk before the answer, which took {took:.1?}"))?;
        Ok(())
    }

    pub(super) fn know_the_balance_in_three_ways(&mut self) -> Result<(), Failure> {
        self.story.step("The balance is 1300.00, found in three ways")?;
        self.by_full_replay()?;
        self.by_snapshot_and_rest()?;
        self.by_another_process()
    }

    fn by_full_replay(&mut self) -> Result<(), Failure> {
        self.counting.take_events_read();
        let balance = wait(self.accounts().load(&self.account()))?.balance;
        let read = self.counting.take_events_read();
        let found =
            format!("{} by full replay of {}", money(balance), print::counted(read, "event"));
        Ok(self.story.check(found, &(balance, read), &(130_000, 3))?)
    }

    /// The second change left a snapshot: its own last event is read, to see that it belongs to
    /// this history, and the one event after it.
    fn by_snapshot_and_rest(&mut self) -> Result<(), Failure> {
        self.counting.take_events_read();
        let balance = wait(self.snapshotting().load(&self.account()))?.balance;
        let read = self.counting.take_events_read();
        let found = format!(
            "{} by a snapshot at version 2 and the rest: {} read, of which one proves the snapshot",
            money(balance),
            print::counted(read, "event")
        );
        Ok(self.story.check(found, &(balance, read), &(130_000, 2))?)
    }

    /// Accounts of which each second version is kept as a snapshot.
    fn snapshotting(&self) -> Repository<BankAccount> {
        self.accounts().snapshots(Snapshots::every(2))
    }

    fn by_another_process(&mut self) -> Result<(), Failure> {
        let (process, balance) = another_process::ask(&self.path, &self.account())?;
        let this = std::process::id();
        let found = format!(
            "{} by process {process}, which read the store while this process {this} has it open \
             for writing",
            money(balance)
        );
        Ok(self.story.check(found, &balance, &130_000)?)
    }

    pub(super) fn refuse_an_overdraft(&mut self) -> Result<(), Failure> {
        self.story.step("An overdraft is refused")?;
        let before = self.head()?;
        let number = self.account();
        let refused = wait(self.accounts().update(&number, |account| account.withdraw(500_000)));
        let answer = match refused {
            Ok(saved) => format!("stored as version {}", saved.version),
            Err(UpdateError::Refused(refusal)) => format!("{refusal:?}"),
            Err(UpdateError::Store(error)) => return Err(error.into()),
        };
        let said = format!("5000.00 are not withdrawn: {answer}");
        self.story.check(said, &answer.as_str(), &"InsufficientFunds")?;
        let after = self.head()?;
        let found = format!("no event was stored: the last position is still {after}");
        Ok(self.story.check(found, &after, &before)?)
    }

    pub(super) fn travel_in_time(&mut self) -> Result<(), Failure> {
        self.story.step("The past is still there")?;
        let number = self.account();
        let first = wait(self.accounts().at_version(&number, 1))?.balance;
        let found = format!("at version 1 the balance was {}", money(first));
        self.story.check(found, &first, &100_000)?;

        let second = Query::stream(self.stream()).after_version(1).limit(1);
        let Some(second) = self.store.read(second).next().transpose()? else { return Ok(()) };
        let time = second.recorded_at();
        let then = wait(self.accounts().at_time(&number, time))?.balance;
        let found = format!("at {} it was {}", moment::exactly(time), money(then));
        Ok(self.story.check(found, &then, &150_000)?)
    }
}

/// What must not be refused here; if it is, the demo cannot go on.
pub(super) fn unrefused<T, R: std::fmt::Debug>(
    result: Result<T, UpdateError<R>>,
) -> hitherto_store::Result<T> {
    result.map_err(|error| match error {
        UpdateError::Store(error) => error,
        UpdateError::Refused(refusal) => hitherto_store::Error::invalid(format!(
            "the demo's own command was refused: {refusal:?}"
        )),
    })
}
