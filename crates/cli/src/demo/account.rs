//! The bank account: what can happen to it, what it then is, and what it refuses.

use hitherto::{Aggregate, Event, Root, ensure};
use serde::{Deserialize, Serialize};

use self::AccountEvent::{AccountClosed, AccountOpened, MoneyDeposited, MoneyWithdrawn};
use self::Refused::{AlreadyOpen, InsufficientFunds, NotOpen};

/// What can happen to an account. Amounts are cents.
#[derive(Event, Debug, PartialEq)]
pub(crate) enum AccountEvent {
    AccountOpened { number: String, initial_deposit: u64 },
    MoneyDeposited { amount: u64 },
    MoneyWithdrawn { amount: u64 },
    AccountClosed,
}

/// Why the bank says no.
#[derive(Debug, PartialEq)]
pub(crate) enum Refused {
    AlreadyOpen,
    NotOpen,
    InsufficientFunds,
}

/// An account, folded from its events.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct BankAccount {
    #[serde(skip)]
    root: Root<AccountEvent>,
    pub(crate) balance: u64,
    is_open: bool,
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

impl BankAccount {
    pub(crate) fn open(&mut self, number: &str, initial_deposit: u64) -> Result<(), Refused> {
        ensure(self.root.version() == 0, AlreadyOpen)?;
        self.raise(AccountOpened { number: number.into(), initial_deposit })
    }

    pub(crate) fn deposit(&mut self, amount: u64) -> Result<(), Refused> {
        ensure(self.is_open, NotOpen)?;
        self.raise(MoneyDeposited { amount })
    }

    pub(crate) fn withdraw(&mut self, amount: u64) -> Result<(), Refused> {
        ensure(self.is_open, NotOpen)?;
        ensure(self.balance >= amount, InsufficientFunds)?;
        self.raise(MoneyWithdrawn { amount })
    }
}

/// An amount in cents as people write it.
pub(crate) fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
