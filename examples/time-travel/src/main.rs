//! Looks back on a year of two accounts: `cargo run -p hitherto-example-time-travel`.
//!
//! The store is in memory and its clock is set by hand: a year is over in a moment.

use std::error::Error;

use hitherto::{EmbeddedStore, ErrorKind, Outcome as _, Recorded, Repository, Result, Store};
use hitherto_example_bank::AccountEvent::{
    self, AccountClosed, AccountOpened, MoneyDeposited, MoneyWithdrawn,
};
use hitherto_example_bank::{BankAccount, amount};
use hitherto_example_time_travel::{
    Calendar, balance_at, balances, between, cause_of, day, holdings_at, moment, statement,
};
use hitherto_store::{MemoryDisk, Options};

const ANN: &str = "ACC-001";
const BEN: &str = "ACC-002";

fn main() -> Result<(), Box<dyn Error>> {
    let calendar = Calendar::at("2026-01-02T09:00:00Z");
    let store = EmbeddedStore::on(MemoryDisk::default(), calendar.clone(), Options::default())?;
    hitherto::wait(tell(&Store::on(store), &calendar))?;
    Ok(())
}

async fn tell(store: &Store, calendar: &Calendar) -> Result<()> {
    let accounts = Repository::<BankAccount>::new(store);
    live(store, &accounts, calendar).await?;
    look_at_versions(store, &accounts).await?;
    look_at_days(&accounts).await?;
    look_at_the_whole_bank(store).await?;
    ask_what_would_have_been(&accounts).await?;
    read_backwards(store)?;
    read_a_month(store)?;
    ask_why(store).await
}

/// What happens in this year.
async fn live(
    store: &Store,
    accounts: &Repository<BankAccount>,
    calendar: &Calendar,
) -> Result<()> {
    accounts.update(ANN, |account| account.open(ANN, 100_000)).await.must()?;
    accounts.update(BEN, |account| account.open(BEN, 0)).await.must()?;
    calendar.set("2026-01-31T08:00:00Z");
    accounts.update(ANN, |account| account.deposit(250_000)).await.must()?;
    calendar.set("2026-02-03T10:00:00Z");
    accounts.update(ANN, |account| account.withdraw(90_000)).await.must()?;
    let rent = statement(store, ANN, 1)?.remove(0);
    calendar.set("2026-02-04T06:00:00Z");
    accounts.because(&rent).update(BEN, |account| account.deposit(90_000)).await.must()?;
    calendar.set("2026-08-14T19:00:00Z");
    accounts.update(ANN, |account| account.withdraw(12_050)).await.must()?;
    Ok(())
}

async fn look_at_versions(store: &Store, accounts: &Repository<BankAccount>) -> Result<()> {
    println!("{ANN}, version by version:\n");
    let mut events = statement(store, ANN, 100)?;
    events.reverse();
    for (event, balance) in events.iter().zip(balances(accounts, ANN).await?) {
        println!("  {}  {:>10}", line(event), amount(balance));
    }
    Ok(())
}

async fn look_at_days(accounts: &Repository<BankAccount>) -> Result<()> {
    println!("\nWhat it held on other days:\n");
    for time in ["2026-01-01T00:00:00Z", "2026-01-31T23:59:59Z", "2026-06-30T23:59:59Z"] {
        match balance_at(accounts, ANN, moment(time)).await {
            Ok(balance) => println!("  {:<18} {:>10}", day(moment(time)), amount(balance)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                println!("  {:<18} it did not exist", day(moment(time)));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn look_at_the_whole_bank(store: &Store) -> Result<()> {
    println!("\nWhat the bank held in all:\n");
    for time in ["2026-01-15T12:00:00Z", "2026-02-03T12:00:00Z", "2026-12-31T23:59:59Z"] {
        let held = holdings_at(store, moment(time)).await?;
        println!("  {:<18} {:>10}", day(moment(time)), amount(held));
    }
    Ok(())
}

async fn ask_what_would_have_been(accounts: &Repository<BankAccount>) -> Result<()> {
    println!("\nCould it have paid 2,000.00 in one piece?\n");
    for time in ["2026-01-15T12:00:00Z", "2026-02-01T12:00:00Z"] {
        let mut then = accounts.at_time(ANN, moment(time)).await?;
        let said = match then.withdraw(200_000) {
            Ok(()) => "yes".to_string(),
            Err(refusal) => format!("no, {refusal:?}"),
        };
        println!("  {:<18} {said}", day(moment(time)));
    }
    Ok(())
}

fn read_backwards(store: &Store) -> Result<()> {
    println!("\nA statement of the last three events, the newest first:\n");
    for event in statement(store, ANN, 3)? {
        println!("  {}", line(&event));
    }
    Ok(())
}

fn read_a_month(store: &Store) -> Result<()> {
    println!("\nAll that happened to any account in February:\n");
    let (first, last) = (moment("2026-02-01T00:00:00Z"), moment("2026-02-28T23:59:59Z"));
    for event in between(store, first, last)? {
        println!("  {}  {}", event.stream_id(), line(&event));
    }
    Ok(())
}

async fn ask_why(store: &Store) -> Result<()> {
    println!("\nWhy did {BEN} get money?\n");
    for event in statement(store, BEN, 1)? {
        println!("  {}  {}", event.stream_id(), line(&event));
        if let Some(cause) = cause_of(store, &event).await? {
            println!("  because of\n  {}  {}", cause.stream_id(), line(&cause));
        }
    }
    Ok(())
}

/// An event as a line of a statement.
fn line(event: &Recorded<AccountEvent>) -> String {
    let (sign, cents) = match &event.data {
        AccountOpened { initial_deposit, .. } => ('+', *initial_deposit),
        MoneyDeposited { amount } => ('+', *amount),
        MoneyWithdrawn { amount } => ('-', *amount),
        AccountClosed => (' ', 0),
    };
    let day = day(event.recorded_at());
    format!("{}  {day:<18} {:<15} {sign}{:>9}", event.version(), event.kind(), amount(cents))
}
