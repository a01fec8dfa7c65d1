//! The README's first screen, as it runs: `cargo run -p hitherto-example-bank --example
//! quickstart`.

// region: all
use hitherto::{Aggregate, Event, Outcome, Repository, Root, Store, ensure};

#[derive(Event)]
enum AccountEvent {
    MoneyDeposited { amount: u64 },
    MoneyWithdrawn { amount: u64 },
}
use AccountEvent::{MoneyDeposited, MoneyWithdrawn};

#[derive(Debug, PartialEq)]
struct InsufficientFunds;

#[derive(Default)]
struct BankAccount {
    root: Root<AccountEvent>,
    balance: u64,
}

impl Aggregate for BankAccount {
    const CATEGORY: &'static str = "account";
    type Id = String;
    type Event = AccountEvent;
    type Error = InsufficientFunds;

    fn root(&mut self) -> &mut Root<AccountEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &AccountEvent) {
        match event {
            MoneyDeposited { amount } => self.balance += amount,
            MoneyWithdrawn { amount } => self.balance -= amount,
        }
    }
}

impl BankAccount {
    fn withdraw(&mut self, amount: u64) -> Result<(), InsufficientFunds> {
        ensure(self.balance >= amount, InsufficientFunds)?;
        self.raise(MoneyWithdrawn { amount })
    }
}

async fn story(store: &Store) -> Result<(), Box<dyn std::error::Error>> {
    let accounts = Repository::<BankAccount>::new(store);

    accounts.update("ACC-001", |account| account.raise(MoneyDeposited { amount: 1_500 })).await?;
    accounts.update("ACC-001", |account| account.withdraw(200)).await?; // durable when it returns

    assert_eq!(accounts.load("ACC-001").await?.balance, 1_300);
    assert_eq!(accounts.at_version("ACC-001", 1).await?.balance, 1_500); // time travel
    let overdraft = accounts.update("ACC-001", |account| account.withdraw(5_000)).await;
    assert_eq!(overdraft.refusal()?, Some(InsufficientFunds)); // nothing was written
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::temp_dir().join(format!("bank-{}.hitherto", std::process::id()));
    hitherto::wait(story(&Store::open(&directory)?))?; // or .await under any runtime
    std::fs::remove_dir_all(directory)?;
    Ok(())
}
// endregion: all
