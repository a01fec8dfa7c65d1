//! Tells the story of a bank account: `cargo run -p hitherto-example-bank [store directory]`.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use hitherto::projection::Value;
use hitherto::{
    ErrorKind, Outcome, Projector, Query, Repository, Result, Saved, Snapshots, Store, UpdateError,
};
use hitherto_example_bank::{AccountEvent, Balances, BankAccount, Refused, amount};
use hitherto_sql::Sqlite;

const ANN: &str = "ACC-001";
const BEN: &str = "ACC-002";
const SHOP: &str = "ACC-003";

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let named = std::env::args_os().nth(1).map(PathBuf::from);
    let is_named = named.is_some();
    let directory = named.unwrap_or_else(|| temporary.path().join("bank.hitherto"));
    let store = Store::open(&directory)?;
    hitherto::wait(tell(&store))?;
    if is_named {
        println!("\nAll of it is kept in {}.", directory.display());
    } else {
        println!("\nThis store was a temporary one. Name a directory to keep it.");
    }
    Ok(())
}

async fn tell(store: &Store) -> Result<()> {
    let accounts = Repository::<BankAccount>::new(store);
    open(&accounts).await?;
    move_money(&accounts).await?;
    show_history(store, ANN)?;
    refuse(&accounts).await?;
    collide(&accounts).await?;
    transfer(store, &accounts).await?;
    close(store, &accounts).await?;
    ask_the_tables(store).await?;
    remember(store, &accounts).await
}

async fn open(accounts: &Repository<BankAccount>) -> Result<()> {
    for (number, first_deposit) in [(ANN, 100_000), (BEN, 0), (SHOP, 0)] {
        let opened = accounts.update(number, |account| account.open(number, first_deposit)).await;
        match opened.refusal()? {
            None => println!("{number} is opened with {}.", amount(first_deposit)),
            Some(_) => println!("{number} was opened earlier: this store remembers."),
        }
    }
    Ok(())
}

async fn move_money(accounts: &Repository<BankAccount>) -> Result<()> {
    // region: update
    let saved = accounts
        .update("ACC-001", |account| {
            account.deposit(50_000)?;
            account.withdraw(20_000)
        })
        .await;
    // endregion: update
    let saved = saved.must()?;
    let balance = accounts.load(ANN).await?.balance;
    println!(
        "500.00 come in and 200.00 go out, saved as one: {ANN} holds {} at version {}.",
        amount(balance),
        saved.version
    );
    Ok(())
}

fn show_history(store: &Store, number: &str) -> Result<()> {
    println!("\nWhat is stored is what happened, and nothing else:");
    for event in store.read(Query::stream(format!("account-{number}"))) {
        let event = event?;
        let data = String::from_utf8_lossy(event.payload());
        println!("  {:>3}  {:<16} {data}", event.version(), event.kind());
    }
    Ok(())
}

async fn refuse(accounts: &Repository<BankAccount>) -> Result<()> {
    // region: refused
    let overdraft = accounts.update("ACC-001", |account| account.withdraw(5_000_000)).await;
    match overdraft {
        Ok(saved) => println!("withdrawn, at version {}", saved.version),
        Err(UpdateError::Refused(Refused::InsufficientFunds)) => {
            println!("\n50,000.00 are not there, so they are not withdrawn; nothing was stored.");
        }
        Err(UpdateError::Refused(other)) => println!("refused: {other:?}"),
        Err(UpdateError::Store(error)) => return Err(error),
    }
    // endregion: refused
    Ok(())
}

async fn collide(accounts: &Repository<BankAccount>) -> Result<()> {
    // region: conflict
    let mut at_the_counter = accounts.load("ACC-001").await?;
    let mut at_the_machine = accounts.load("ACC-001").await?;
    at_the_counter.deposit(1_000).expect("the account is open");
    at_the_machine.deposit(2_000).expect("the account is open");

    accounts.save(&mut at_the_counter).await?;
    let late = accounts.save(&mut at_the_machine).await.expect_err("somebody was faster");
    assert_eq!(late.kind(), ErrorKind::Conflict);
    accounts.update("ACC-001", |account| account.deposit(2_000)).await.must()?;
    // endregion: conflict
    println!("\nTwo clerks at once, and the second is told: {late}.");
    println!("`update` loads again and runs the command again, so both deposits are in.");
    Ok(())
}

async fn transfer(store: &Store, accounts: &Repository<BankAccount>) -> Result<()> {
    let taken = accounts.update(ANN, |account| account.withdraw(30_000)).await.must()?;
    println!("\n300.00 leave {ANN}, and because of that arrive at {BEN}:");
    for attempt in ["first", "second"] {
        let saved = arrive(store, accounts, &taken).await?;
        let balance = accounts.load(BEN).await?.balance;
        let how = if saved.repeated { "had happened already" } else { "is stored" };
        println!("  the {attempt} time it {how}; {BEN} holds {}.", amount(balance));
    }
    Ok(())
}

async fn arrive(store: &Store, accounts: &Repository<BankAccount>, taken: &Saved) -> Result<Saved> {
    // region: because
    let withdrawal = Query::stream("account-ACC-001").up_to(taken.position).backward().limit(1);
    let mut events = store.read_as::<AccountEvent>(withdrawal);
    let cause = events.next_event().await.expect("it was stored a moment ago")?;

    let because = accounts.because(&cause);
    let saved = because.update("ACC-002", |account| account.deposit(30_000)).await.must()?;
    // endregion: because
    Ok(saved)
}

async fn close(store: &Store, accounts: &Repository<BankAccount>) -> Result<()> {
    let number = &*format!("GIFT-{}", store.head().await?);
    accounts.update(number, |account| account.open(number, 2_500)).await.must()?;
    accounts.update(number, BankAccount::close).await.must()?;
    let late = accounts.update(number, |account| account.deposit(100)).await.refusal()?;
    let answer = late.map_or_else(|| "was taken".into(), |refusal| format!("met {refusal:?}"));
    println!("\n{number} was opened and closed; a deposit after that {answer}.");
    Ok(())
}

async fn ask_the_tables(store: &Store) -> Result<()> {
    println!("\nWho has 100.00 and more? That is asked of a table which a projection keeps:");
    // region: query
    let read = Sqlite::in_memory()?; // or Sqlite::open("read.db")?
    let balances = Projector::start(store, read.clone(), Balances).await?;
    balances.reached(store.head().await?).await?; // read your own writes
    let rich = "select account, cents from balances where cents >= 10000 order by cents desc";
    for row in read.rows(rich)? {
        if let [Value::Text(account), Value::Integer(cents)] = &row[..] {
            println!("  {account} holds {}", amount(cents.unsigned_abs()));
        }
    }
    // endregion: query
    Ok(())
}

async fn remember(store: &Store, accounts: &Repository<BankAccount>) -> Result<()> {
    let busy = accounts.update(SHOP, |shop| {
        for _ in 0..5_000 {
            shop.deposit(250)?;
        }
        Ok(())
    });
    let versions = busy.await.must()?.version;
    println!("\n{SHOP} is a shop's, with {versions} events. Loading it takes");
    time("by replaying all of them", accounts).await?;

    // region: snapshots
    let accounts = Repository::<BankAccount>::new(store).snapshots(Snapshots::every(100));
    // endregion: snapshots
    accounts.load(SHOP).await?;
    time("from a snapshot and what came after it", &accounts).await?;

    // region: cache
    let accounts = accounts.cache(10_000);
    // endregion: cache
    accounts.load(SHOP).await?;
    time("from the cache and what came after that", &accounts).await?;
    println!("and each way it holds {}.", amount(accounts.load(SHOP).await?.balance));
    Ok(())
}

async fn time(how: &str, accounts: &Repository<BankAccount>) -> Result<()> {
    let started = Instant::now();
    accounts.load(SHOP).await?;
    println!("  {:>9.1?} {how},", started.elapsed());
    Ok(())
}
