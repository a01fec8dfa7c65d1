//! The account that the tests tell their stories about.
#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod clock;
pub mod flaky;
pub mod teller;
pub mod transfer;

use hitherto::{Aggregate, Event, Root, ensure};
use serde::{Deserialize, Serialize};

#[derive(Event, Clone, Debug, PartialEq)]
#[event(validate = positive)]
pub enum AccountEvent {
    AccountOpened {
        number: String,
        initial_deposit: u64,
    },
    MoneyDeposited {
        amount: u64,
    },
    MoneyWithdrawn {
        amount: u64,
    },
    #[event(deprecated = "interest is a deposit now")]
    InterestPaid {
        amount: u64,
    },
}
pub use AccountEvent::*;

fn positive(event: &AccountEvent) -> Result<(), String> {
    match event {
        MoneyDeposited { amount: 0 } => Err("a deposit of nothing is none".to_owned()),
        _ => Ok(()),
    }
}

#[derive(Debug, PartialEq)]
pub enum Refused {
    AlreadyOpen,
    NotOpen,
    InsufficientFunds,
}
pub use Refused::*;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BankAccount {
    #[serde(skip)]
    pub root: Root<AccountEvent>,
    pub balance: u64,
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
            MoneyDeposited { amount } | InterestPaid { amount } => self.balance += amount,
            MoneyWithdrawn { amount } => self.balance -= amount,
        }
    }

    fn validate(&self, _: &AccountEvent) -> Result<(), String> {
        if self.balance > 1_000_000 { Err("more than this bank keeps".into()) } else { Ok(()) }
    }
}

impl BankAccount {
    pub fn open(&mut self, number: &str, initial_deposit: u64) -> Result<(), Refused> {
        ensure(self.root.version() == 0, AlreadyOpen)?;
        self.raise(AccountOpened { number: number.into(), initial_deposit })
    }

    pub fn deposit(&mut self, amount: u64) -> Result<(), Refused> {
        ensure(self.is_open, NotOpen)?;
        self.raise(MoneyDeposited { amount })
    }

    pub fn withdraw(&mut self, amount: u64) -> Result<(), Refused> {
        ensure(self.is_open, NotOpen)?;
        ensure(self.balance >= amount, InsufficientFunds)?;
        self.raise(MoneyWithdrawn { amount })
    }
}
