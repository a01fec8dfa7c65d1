//! The commands of the bank, and a dispatcher for them.

use hitherto::{Command, Commands, Repository, Store};
use serde::{Deserialize, Serialize};

use super::{BankAccount, Refused};

#[derive(Clone, Serialize, Deserialize)]
pub struct Deposit {
    pub account: String,
    pub amount: u64,
    #[serde(default)]
    pub note: String,
}

impl Command for Deposit {
    const NAME: &'static str = "Deposit";
    type Refusal = Refused;

    fn validate(&self) -> Result<(), String> {
        if self.amount == 0 { Err("an amount of 0 moves nothing".into()) } else { Ok(()) }
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Withdraw {
    pub account: String,
    pub amount: u64,
}

impl Command for Withdraw {
    const NAME: &'static str = "Withdraw";
    type Refusal = Refused;
}

pub fn deposit(account: &str, amount: u64) -> Deposit {
    Deposit { account: account.into(), amount, note: String::new() }
}

pub fn withdraw(account: &str, amount: u64) -> Withdraw {
    Withdraw { account: account.into(), amount }
}

/// A dispatcher, and the accounts `a` with 100 and `b` with nothing if the store is empty.
pub fn teller(store: &Store) -> (Commands, Repository<BankAccount>) {
    let accounts = Repository::<BankAccount>::new(store);
    for (number, initial) in [("a", 100), ("b", 0)] {
        let open = |account: &mut BankAccount| account.open(number, initial);
        let _ = hitherto::wait(accounts.update(number, open));
    }
    let commands = Commands::new(store)
        .update(&accounts, |c: &Deposit| &c.account, |account, c| account.deposit(c.amount))
        .update(&accounts, |c: &Withdraw| &c.account, |account, c| account.withdraw(c.amount));
    (commands, accounts)
}

pub fn balance(accounts: &Repository<BankAccount>, number: &str) -> u64 {
    hitherto::wait(accounts.load(number)).expect("it loads").balance
}
