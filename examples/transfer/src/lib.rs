//! Money between two accounts: what a transfer is, and how it gets to its end whatever happens.

mod bank;
mod process;
mod steps;
mod teller;
mod transfer;

pub use bank::Bank;
pub use process::TransferMoney;
pub use steps::{Stepped, SteppedStore, Steps};
pub use teller::{ApproveTransfer, RequestTransfer, teller};
pub use transfer::{NotNow, Stage, Transfer, TransferEvent};
