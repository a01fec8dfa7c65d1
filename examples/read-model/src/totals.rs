//! A read model in memory.

use hitherto::{Recorded, View};

use crate::AccountEvent::{self, AccountOpened, MoneyDeposited, MoneyWithdrawn};

// region: totals
/// What the bank holds, for the display in the hall.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Totals {
    /// How many accounts there are.
    pub accounts: u64,
    /// What is on all of them.
    pub cents: u64,
}

impl View for Totals {
    const NAME: &'static str = "totals";
    type Event = AccountEvent;

    fn apply(&mut self, event: &Recorded<AccountEvent>) {
        match &event.data {
            AccountOpened { .. } => self.accounts += 1,
            MoneyDeposited { amount } => self.cents += amount,
            MoneyWithdrawn { amount } => self.cents -= amount,
        }
    }
}
// endregion: totals
