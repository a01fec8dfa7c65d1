//! The process that carries a transfer to its end, one account at a time.

use std::time::Duration;

use TransferEvent::{
    ApprovalOverdue, MoneyReturned, MoneyTaken, TransferApproved, TransferCompleted,
    TransferDeclined, TransferRequested,
};
use hitherto::{Delivery, Outcome as _, Process, Repository, Result, Store};
use hitherto_example_bank::BankAccount;

use crate::transfer::{Transfer, TransferEvent};

// region: process
/// Carries a requested transfer to its end, one account at a time.
pub struct TransferMoney {
    accounts: Repository<BankAccount>,
    transfers: Repository<Transfer>,
}

impl Process for TransferMoney {
    const NAME: &'static str = "transfer-money";
    type Event = TransferEvent;

    async fn react(&self, event: &Delivery<TransferEvent>) -> Result<()> {
        match &event.data {
            TransferRequested { amount, .. } if Transfer::is_large(*amount) => {
                self.wait_for_approval(event).await
            }
            TransferRequested { .. } | TransferApproved => self.take(event).await,
            ApprovalOverdue => self.give_up(event).await,
            MoneyTaken { from, to, amount } => self.hand_over(event, from, to, *amount).await,
            TransferDeclined { .. } | TransferCompleted | MoneyReturned { .. } => Ok(()),
        }
    }
}
// endregion: process

impl TransferMoney {
    /// The process of a store.
    pub fn new(store: &Store) -> Self {
        Self { accounts: Repository::new(store), transfers: Repository::new(store) }
    }

    // region: take
    /// Takes the money from the first account, if it is there.
    async fn take(&self, event: &Delivery<TransferEvent>) -> Result<()> {
        let transfer = event.stream_id();
        let (from, amount) = self.what_to_take(event).await?;
        let taken = self.accounts.because(event).update(&from, |account| account.withdraw(amount));
        let transfers = self.transfers.because(event);
        match taken.await.refusal()? {
            None => transfers.update(transfer, Transfer::money_taken).await.must()?,
            Some(refusal) => {
                let reason = format!("{refusal:?}");
                transfers.update(transfer, |t| t.decline(reason.clone())).await.must()?
            }
        };
        Ok(())
    }
    // endregion: take

    /// Where from and how much: never changed since it was requested.
    async fn what_to_take(&self, event: &Delivery<TransferEvent>) -> Result<(String, u64)> {
        let transfer = self.transfers.load(event.stream_id()).await?;
        Ok((transfer.from().to_owned(), transfer.amount()))
    }

    // region: hand-over
    /// Puts the money on the second account; and if that does not take it, back where it was.
    async fn hand_over(
        &self,
        event: &Delivery<TransferEvent>,
        from: &str,
        to: &str,
        amount: u64,
    ) -> Result<()> {
        let accounts = self.accounts.because(event);
        let transfers = self.transfers.because(event);
        let transfer = event.stream_id();
        let arrived = accounts.update(to, |account| account.deposit(amount)).await;
        match arrived.refusal()? {
            None => transfers.update(transfer, Transfer::complete).await.must()?,
            Some(refusal) => {
                accounts.update(from, |account| account.deposit(amount)).await.must()?;
                let reason = format!("{refusal:?}");
                transfers.update(transfer, |t| t.money_returned(reason.clone())).await.must()?
            }
        };
        Ok(())
    }
    // endregion: hand-over

    // region: deadline
    /// Gives people two days, counted from the request.
    async fn wait_for_approval(&self, event: &Delivery<TransferEvent>) -> Result<()> {
        let due = event.recorded_at().plus(Duration::from_hours(48));
        self.transfers.because(event).remind(event.stream_id(), due, ApprovalOverdue).await?;
        Ok(())
    }

    /// Declines it, unless it was approved meanwhile: then it refuses, and that is fine.
    async fn give_up(&self, event: &Delivery<TransferEvent>) -> Result<()> {
        let transfers = self.transfers.because(event);
        transfers.update(event.stream_id(), Transfer::give_up).await.refusal()?;
        Ok(())
    }
    // endregion: deadline
}
