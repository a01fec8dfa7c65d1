//! A transfer: what can happen to it, and what it remembers for whoever carries it on.

use TransferEvent::{
    ApprovalOverdue, MoneyReturned, MoneyTaken, TransferApproved, TransferCompleted,
    TransferDeclined, TransferRequested,
};
use hitherto::{Aggregate, Event, Root, ensure};
use serde::{Deserialize, Serialize};

// region: events
/// What can happen to a transfer. Amounts are in cents.
#[derive(Event, Debug, Clone, PartialEq)]
pub enum TransferEvent {
    /// Somebody wants it.
    TransferRequested {
        /// From this account.
        from: String,
        /// To this one.
        to: String,
        /// In cents.
        amount: u64,
    },
    /// Somebody has looked at it: it is a large one.
    TransferApproved,
    /// Nobody has looked at it for too long.
    ApprovalOverdue,
    /// It will not be made.
    TransferDeclined {
        /// Why.
        reason: String,
    },
    /// The money has left the first account, and belongs to nobody.
    MoneyTaken {
        /// From this account.
        from: String,
        /// To this one.
        to: String,
        /// In cents.
        amount: u64,
    },
    /// The money has arrived.
    TransferCompleted,
    /// The second account did not take it, and the money is where it was.
    MoneyReturned {
        /// Why.
        reason: String,
    },
}
// endregion: events

/// How far a transfer has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// There is none.
    #[default]
    Unknown,
    /// Money may be taken.
    Requested,
    /// Somebody has to look at it first.
    ToBeApproved,
    /// The money is on its way.
    Taken,
    /// The money has arrived.
    Completed,
    /// Nothing was taken, nor will be.
    Declined,
    /// What was taken was given back.
    Returned,
}

/// A transfer does not do that at its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotNow(pub Stage);

/// A transfer, as its events made it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Transfer {
    #[serde(skip)]
    root: Root<TransferEvent>,
    /// How far it has come.
    pub stage: Stage,
    from: String,
    to: String,
    amount: u64,
}

impl Aggregate for Transfer {
    const CATEGORY: &'static str = "transfer";
    type Id = String;
    type Event = TransferEvent;
    type Error = NotNow;

    fn root(&mut self) -> &mut Root<TransferEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &TransferEvent) {
        self.stage = match event {
            TransferRequested { from, to, amount } => {
                (self.from, self.to, self.amount) = (from.clone(), to.clone(), *amount);
                if Self::is_large(*amount) { Stage::ToBeApproved } else { Stage::Requested }
            }
            TransferApproved => Stage::Requested,
            ApprovalOverdue => self.stage,
            TransferDeclined { .. } => Stage::Declined,
            MoneyTaken { .. } => Stage::Taken,
            TransferCompleted => Stage::Completed,
            MoneyReturned { .. } => Stage::Returned,
        };
    }
}

impl Transfer {
    /// The account that pays.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// In cents.
    pub fn amount(&self) -> u64 {
        self.amount
    }
}

// region: commands
impl Transfer {
    /// From 1,000.00 on somebody has to look at it.
    pub fn is_large(amount: u64) -> bool {
        amount >= 100_000
    }

    /// Somebody wants it.
    pub fn request(&mut self, from: &str, to: &str, amount: u64) -> Result<(), NotNow> {
        ensure(self.stage == Stage::Unknown, NotNow(self.stage))?;
        self.raise(TransferRequested { from: from.into(), to: to.into(), amount })
    }

    /// Somebody has looked at it.
    pub fn approve(&mut self) -> Result<(), NotNow> {
        ensure(self.stage == Stage::ToBeApproved, NotNow(self.stage))?;
        self.raise(TransferApproved)
    }

    /// Nobody has looked at it in time.
    pub fn give_up(&mut self) -> Result<(), NotNow> {
        ensure(self.stage == Stage::ToBeApproved, NotNow(self.stage))?;
        self.raise(TransferDeclined { reason: "not approved in time".into() })
    }

    /// There was nothing to take.
    pub fn decline(&mut self, reason: String) -> Result<(), NotNow> {
        ensure(self.stage == Stage::Requested, NotNow(self.stage))?;
        self.raise(TransferDeclined { reason })
    }

    /// The money has left the first account.
    pub fn money_taken(&mut self) -> Result<(), NotNow> {
        ensure(self.stage == Stage::Requested, NotNow(self.stage))?;
        let (from, to) = (self.from.clone(), self.to.clone());
        self.raise(MoneyTaken { from, to, amount: self.amount })
    }

    /// The money has arrived.
    pub fn complete(&mut self) -> Result<(), NotNow> {
        ensure(self.stage == Stage::Taken, NotNow(self.stage))?;
        self.raise(TransferCompleted)
    }

    /// The money is where it was.
    pub fn money_returned(&mut self, reason: String) -> Result<(), NotNow> {
        ensure(self.stage == Stage::Taken, NotNow(self.stage))?;
        self.raise(MoneyReturned { reason })
    }
}
// endregion: commands
