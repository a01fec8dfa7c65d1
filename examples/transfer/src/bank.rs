//! A bank on a store: accounts, transfers, and what they hold together.

use hitherto::{Commands, Outcome as _, Processor, Query, Repository, Result, Store, wait};
use hitherto_example_bank::BankAccount;

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

    /// Approves a large transfer.
    ///
    /// # Errors
    /// What the store could not do; `Invalid` if it is not one that waits for that.
    pub fn approve(&self, transfer: &str) -> Result<()> {
        let approval = ApproveTransfer { transfer: transfer.to_owned() };
        wait(self.commands.send(approval).key(format!("{transfer} approved"))).must()?;
        Ok(())
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

    /// All the money that there is: on accounts, and on its way.
    ///
    /// # Errors
    /// What the store could not do.
    pub fn total(&self) -> Result<u64> {
        let mut total = 0;
        for number in self.ids_of("account")? {
            total += self.balance(&number)?;
        }
        for transfer in self.ids_of("transfer")? {
            let transfer = wait(self.transfers.load(&*transfer))?;
            total += if transfer.stage == Stage::Taken { transfer.amount() } else { 0 };
        }
        Ok(total)
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

    /// The ids of all streams of a category.
    fn ids_of(&self, category: &str) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        for event in self.store.read(Query::category(category)) {
            let event = event?;
            if event.version() == 1 {
                ids.push(event.stream_id().to_owned());
            }
        }
        Ok(ids)
    }
}
