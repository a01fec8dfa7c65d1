//! A bank on a store: accounts, transfers, and what they hold together.

use std::collections::HashMap;

use hitherto::{
    Aggregate as _, Commands, Error, EventId, Outcome as _, Processor, Query, Repository, Result,
    Store, StoredEvent, StreamName, wait,
};
use hitherto_example_bank::AccountEvent::{
    AccountClosed, AccountOpened, MoneyDeposited, MoneyWithdrawn,
};
use hitherto_example_bank::{AccountEvent, BankAccount};

use crate::teller::{ApproveTransfer, RequestTransfer, teller};
use crate::transfer::{Stage, Transfer};

/// A bank.
pub struct Bank {
    /// Where everything is kept.
    pub store: Store,
    /// The accounts.
    pub accounts: Repository<BankAccount>,
    /// The transfers.
    pub transfers: Repository<Transfer>,
    /// The counter.
    pub commands: Commands,
}

impl Bank {
    /// The bank on a store.
    pub fn on(store: &Store) -> Self {
        Self {
            store: store.clone(),
            accounts: Repository::new(store),
            transfers: Repository::new(store),
            commands: teller(store),
        }
    }

    /// Opens an account, if it is not there.
    ///
    /// # Errors
    /// What the store could not do.
    pub fn open(&self, number: &str, cents: u64) -> Result<()> {
        wait(self.accounts.update(number, |account| account.open(number, cents))).refusal()?;
        Ok(())
    }

    /// Asks for a transfer. Asked twice, it is one: its name is the key.
    ///
    /// # Errors
    /// What the store could not do; `Invalid` if it makes no sense.
    pub fn request(&self, transfer: &str, from: &str, to: &str, amount: u64) -> Result<()> {
        let (from, to) = (from.to_owned(), to.to_owned());
        let request = RequestTransfer { transfer: transfer.to_owned(), from, to, amount };
        wait(self.commands.send(request).key(transfer)).must()?;
        Ok(())
    }

    /// Approves a large transfer, as a part of the story that its request began.
    ///
    /// # Errors
    /// What the store could not do; `Invalid` if it is not one that waits for that.
    pub fn approve(&self, transfer: &str) -> Result<()> {
        let approval = ApproveTransfer { transfer: transfer.to_owned() };
        let approval = self.commands.send(approval).key(format!("{transfer} approved"));
        wait(match self.story_of(transfer)? {
            Some(story) => approval.correlation(story),
            None => approval,
        })
        .must()?;
        Ok(())
    }

    fn story_of(&self, transfer: &str) -> Result<Option<EventId>> {
        let stream = StreamName::of(Transfer::CATEGORY, transfer);
        let first = self.store.read(Query::stream(stream)).next().transpose()?;
        Ok(first.map(|requested| requested.correlation().unwrap_or(requested.id())))
    }

    /// What is on an account.
    ///
    /// # Errors
    /// What the store could not do.
    pub fn balance(&self, number: &str) -> Result<u64> {
        Ok(wait(self.accounts.load(number))?.balance)
    }

    /// How far a transfer has come.
    ///
    /// # Errors
    /// What the store could not do.
    pub fn stage(&self, transfer: &str) -> Result<Stage> {
        Ok(wait(self.transfers.load(transfer))?.stage)
    }

    /// All the money that there is: on accounts, and on its way between two.
    ///
    /// # Errors
    /// `Invalid` if a transfer moved anything but its amount, once; or what the store could not do.
    pub fn total(&self) -> Result<u64> {
        let mut total = 0;
        for opened in self.firsts_of("account")? {
            total += self.balance(opened.stream_id())?;
        }
        let taken = self.taken_by_stories()?;
        for requested in self.firsts_of("transfer")? {
            let story = requested.correlation().unwrap_or(requested.id());
            let taken = taken.get(&story).copied().unwrap_or_default();
            total += self.on_its_way(requested.stream_id(), taken)?;
        }
        Ok(total)
    }

    /// What has left one account and not reached another: all of a transfer, or nothing.
    fn on_its_way(&self, transfer: &str, taken: i128) -> Result<u64> {
        let loaded = wait(self.transfers.load(transfer))?;
        let (stage, amount) = (loaded.stage, loaded.amount());
        let is_over = matches!(stage, Stage::Completed | Stage::Declined | Stage::Returned);
        match u64::try_from(taken) {
            Ok(0) => Ok(0),
            Ok(taken) if taken == amount && !is_over => Ok(taken),
            _ => Err(Error::invalid(format!(
                "{transfer}, of {amount}, is at stage {stage:?} and has moved {taken}"
            ))),
        }
    }

    /// What each story took from accounts, less what it put on others.
    fn taken_by_stories(&self) -> Result<HashMap<EventId, i128>> {
        let mut taken = HashMap::new();
        for event in self.store.read_as::<AccountEvent>(Query::category("account")) {
            let event = event?;
            let moved = match &event.data {
                MoneyWithdrawn { amount } => i128::from(*amount),
                MoneyDeposited { amount } => -i128::from(*amount),
                AccountOpened { .. } | AccountClosed => 0,
            };
            *taken.entry(event.correlation().unwrap_or(event.id())).or_default() += moved;
        }
        Ok(taken)
    }

    /// Waits until nothing that has happened is left to react to.
    ///
    /// # Errors
    /// `Closed` if the process has ended.
    pub fn settle(&self, process: &Processor) -> Result<()> {
        loop {
            let head = wait(self.store.head())?;
            wait(process.reached(head))?;
            if wait(self.store.head())? == head {
                return Ok(());
            }
        }
    }

    /// The first event of each stream of a category.
    fn firsts_of(&self, category: &str) -> Result<Vec<StoredEvent>> {
        let events = self.store.read(Query::category(category));
        let is_first =
            |event: &Result<StoredEvent>| event.as_ref().map_or(true, |e| e.version() == 1);
        events.filter(is_first).collect()
    }
}
