//! The commands of the bank's counter, and the dispatcher that knows them.

use hitherto::{Command, Commands, Repository, Store};
use serde::{Deserialize, Serialize};

use crate::transfer::{NotNow, Transfer};

// region: commands
/// Somebody wants money to be transferred.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestTransfer {
    /// What the transfer is called from now on.
    pub transfer: String,
    /// From this account.
    pub from: String,
    /// To this one.
    pub to: String,
    /// In cents.
    pub amount: u64,
}

impl Command for RequestTransfer {
    const NAME: &'static str = "RequestTransfer";
    type Refusal = NotNow;

    fn validate(&self) -> Result<(), String> {
        match self {
            Self { amount: 0, .. } => Err("an amount of 0.00 moves nothing".into()),
            Self { from, to, .. } if from == to => Err(format!("{from} is where the money is")),
            _ => Ok(()),
        }
    }
}

/// Somebody has looked at a large transfer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApproveTransfer {
    /// The transfer's name.
    pub transfer: String,
}

impl Command for ApproveTransfer {
    const NAME: &'static str = "ApproveTransfer";
    type Refusal = NotNow;
}
// endregion: commands

// region: teller
/// The dispatcher of a store: whom each command is for, and what it does there.
pub fn teller(store: &Store) -> Commands {
    let transfers = Repository::<Transfer>::new(store);
    Commands::new(store)
        .update(
            &transfers,
            |request: &RequestTransfer| &request.transfer,
            |transfer, request| transfer.request(&request.from, &request.to, request.amount),
        )
        .update(
            &transfers,
            |approval: &ApproveTransfer| &approval.transfer,
            |transfer, _| transfer.approve(),
        )
}
// endregion: teller
