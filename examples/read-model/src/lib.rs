//! Read models of a bank: what the guides about projections show.

mod balances;
mod customers;
mod rises;
mod totals;

pub use balances::{Balances, BalancesWithMoves};
pub use customers::Customers;
pub use rises::Streaks;
pub use totals::Totals;

use hitherto::{Aggregate, Event, Root};

/// What can happen to an account. Amounts are cents.
#[derive(Event, Debug, Clone, PartialEq)]
pub enum AccountEvent {
    /// Somebody has an account.
    AccountOpened {
        /// Whose it is.
        owner: String,
    },
    /// There is more on it.
    MoneyDeposited {
        /// How much more.
        amount: u64,
    },
    /// There is less on it.
    MoneyWithdrawn {
        /// How much less.
        amount: u64,
    },
}

/// An account that lets everything happen.
#[derive(Default)]
pub struct BankAccount {
    root: Root<AccountEvent>,
}

impl Aggregate for BankAccount {
    const CATEGORY: &'static str = "account";
    type Id = String;
    type Event = AccountEvent;
    type Error = ();

    fn root(&mut self) -> &mut Root<AccountEvent> {
        &mut self.root
    }

    fn apply(&mut self, _: &AccountEvent) {}
}
