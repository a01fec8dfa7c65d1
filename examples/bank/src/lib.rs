//! The bank account: what can happen to it, what follows from that, and what it refuses.

mod money;

use AccountEvent::{AccountClosed, AccountOpened, MoneyDeposited, MoneyWithdrawn};
use Refused::{AlreadyOpen, InsufficientFunds, NotOpen, NothingToMove, TooMuch};
use hitherto::{Aggregate, Event, Root, ensure};
use serde::{Deserialize, Serialize};

pub use money::amount;

// region: events
/// What can happen to an account. Amounts are in cents.
#[derive(Event, Debug, Clone, PartialEq)]
#[event(validate = AccountEvent::moves_money)]
pub enum AccountEvent {
    /// The account exists from now on.
    AccountOpened {
        /// As printed on the card.
        number: String,
        /// In cents.
        initial_deposit: u64,
    },
    /// Money came in.
    MoneyDeposited {
        /// In cents.
        amount: u64,
    },
    /// Money went out.
    MoneyWithdrawn {
        /// In cents.
        amount: u64,
    },
    /// Nothing happens to the account any more.
    AccountClosed,
}
// endregion: events

// region: validate
impl AccountEvent {
    /// Asked before anything is stored, whoever raised the event.
    fn moves_money(&self) -> Result<(), String> {
        match self {
            MoneyDeposited { amount: 0 } | MoneyWithdrawn { amount: 0 } => {
                Err("a movement of 0.00 moves nothing: leave it out".into())
            }
            _ => Ok(()),
        }
    }
}
// endregion: validate

// region: refused
/// Why the bank says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is an account of this number already.
    AlreadyOpen,
    /// The account was never opened, or it is closed.
    NotOpen,
    /// There is less on it than was asked for.
    InsufficientFunds,
    /// An amount of nothing.
    NothingToMove,
    /// More than an account can hold.
    TooMuch,
}
// endregion: refused

// region: state
/// An account, as its events made it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct BankAccount {
    #[serde(skip)]
    root: Root<AccountEvent>,
    /// What is on it, in cents.
    pub balance: u64,
    /// Whether anything may happen to it.
    pub is_open: bool,
}

impl Aggregate for BankAccount {
    const CATEGORY: &'static str = "account";
    type Id = String;
    type Event = AccountEvent;
    type Error = Refused;

    fn root(&mut self) -> &mut Root<AccountEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &AccountEvent) {
        match event {
            AccountOpened { initial_deposit, .. } => {
                self.is_open = true;
                self.balance = *initial_deposit;
            }
            MoneyDeposited { amount } => self.balance += amount,
            MoneyWithdrawn { amount } => self.balance -= amount,
            AccountClosed => self.is_open = false,
        }
    }
}
// endregion: state

// region: commands
impl BankAccount {
    /// Opens the account with a first deposit in cents, which may be 0.
    pub fn open(&mut self, number: &str, initial_deposit: u64) -> Result<(), Refused> {
        ensure(self.root.version() == 0, AlreadyOpen)?;
        self.raise(AccountOpened { number: number.into(), initial_deposit })
    }

    /// Puts an amount in cents on it.
    pub fn deposit(&mut self, amount: u64) -> Result<(), Refused> {
        ensure(self.is_open, NotOpen)?;
        ensure(amount > 0, NothingToMove)?;
        ensure(self.balance.checked_add(amount).is_some(), TooMuch)?;
        self.raise(MoneyDeposited { amount })
    }

    /// Takes an amount in cents from it.
    pub fn withdraw(&mut self, amount: u64) -> Result<(), Refused> {
        ensure(self.is_open, NotOpen)?;
        ensure(amount > 0, NothingToMove)?;
        ensure(self.balance >= amount, InsufficientFunds)?;
        self.raise(MoneyWithdrawn { amount })
    }

    /// Closes it for good.
    pub fn close(&mut self) -> Result<(), Refused> {
        ensure(self.is_open, NotOpen)?;
        self.raise(AccountClosed)
    }
}
// endregion: commands
