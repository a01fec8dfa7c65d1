//! Looking back: an account at other versions and times, its history backwards, and why things
//! happened.

mod calendar;

use std::convert::Infallible;

use hitherto::{
    Aggregate as _, Decision, Position, Query, Recorded, Repository, Result, Store, StreamName,
    Timestamp,
};
use hitherto_example_bank::AccountEvent::{
    self, AccountClosed, AccountOpened, MoneyDeposited, MoneyWithdrawn,
};
use hitherto_example_bank::BankAccount;

pub use calendar::{Calendar, day, moment};

// region: versions
/// What was on the account after each of its events, in cents.
///
/// # Errors
/// What the store could not do.
pub async fn balances(accounts: &Repository<BankAccount>, number: &str) -> Result<Vec<u64>> {
    let newest = accounts.load(number).await?.root().version();
    let mut balances = Vec::new();
    for version in 1..=newest {
        balances.push(accounts.at_version(number, version).await?.balance);
    }
    Ok(balances)
}
// endregion: versions

// region: times
/// What was on the account at a time, in cents.
///
/// # Errors
/// `NotFound` before the account was opened, or what the store could not do.
pub async fn balance_at(
    accounts: &Repository<BankAccount>,
    number: &str,
    time: Timestamp,
) -> Result<u64> {
    Ok(accounts.at_time(number, time).await?.balance)
}
// endregion: times

// region: positions
/// What was on both accounts at one moment of the whole store: after the event at a position.
///
/// # Errors
/// `NotFound` if one of them did not exist then, or what the store could not do.
pub async fn balances_at(
    accounts: &Repository<BankAccount>,
    numbers: [&str; 2],
    position: Position,
) -> Result<[u64; 2]> {
    let [one, other] = numbers;
    let one = accounts.at_position(one, position).await?;
    let other = accounts.at_position(other, position).await?;
    Ok([one.balance, other.balance])
}
// endregion: positions

// region: decision
/// How much money the bank holds: a decision that looks at all accounts, and decides nothing.
pub struct Holdings;

impl Decision for Holdings {
    type Event = AccountEvent;
    type State = u64;
    type Error = Infallible;

    fn query(&self) -> Query {
        Query::category(BankAccount::CATEGORY)
    }

    fn apply(&self, cents: &mut u64, event: &AccountEvent) {
        match event {
            AccountOpened { initial_deposit: amount, .. } | MoneyDeposited { amount } => {
                *cents += amount;
            }
            MoneyWithdrawn { amount } => *cents -= amount,
            AccountClosed => {}
        }
    }

    fn decide(&self, _: &u64) -> std::result::Result<Vec<AccountEvent>, Infallible> {
        Ok(Vec::new())
    }
}

/// What the whole bank held at a time, in cents.
///
/// # Errors
/// `NotFound` before anything happened, or what the store could not do.
pub async fn holdings_at(store: &Store, time: Timestamp) -> Result<u64> {
    store.state_at(&Holdings, time).await
}
// endregion: decision

// region: statement
/// The last things that happened to an account, the newest first.
///
/// # Errors
/// What the store could not do.
pub fn statement(store: &Store, number: &str, lines: u64) -> Result<Vec<Recorded<AccountEvent>>> {
    let stream = StreamName::of(BankAccount::CATEGORY, number);
    store.read_as(Query::stream(stream).backward().limit(lines)).collect()
}
// endregion: statement

// region: between
/// What happened to all accounts from one time to another, both included.
///
/// # Errors
/// What the store could not do.
pub fn between(
    store: &Store,
    first: Timestamp,
    last: Timestamp,
) -> Result<Vec<Recorded<AccountEvent>>> {
    store.read_as(Query::category(BankAccount::CATEGORY).since(first).until(last)).collect()
}
// endregion: between

// region: why
/// What made this event happen, if another event did.
///
/// # Errors
/// What the store could not do.
pub async fn cause_of(
    store: &Store,
    event: &Recorded<AccountEvent>,
) -> Result<Option<Recorded<AccountEvent>>> {
    let Some(cause) = event.causation() else { return Ok(None) };
    store.find(cause).await?.map(Recorded::decode).transpose()
}
// endregion: why

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto::{EmbeddedStore, ErrorKind, Outcome as _, wait};
    use hitherto_store::{MemoryDisk, Options};

    // region: test
    /// A store whose clock stands where the test sets it.
    fn store_of(calendar: &Calendar) -> Store {
        let disk = MemoryDisk::default();
        let store = EmbeddedStore::on(disk, calendar.clone(), Options::default());
        Store::on(store.expect("memory can be opened"))
    }

    #[test]
    fn a_balance_is_that_of_its_day() {
        wait(async {
            let calendar = Calendar::at("2026-01-02T09:00:00Z");
            let accounts = Repository::<BankAccount>::new(&store_of(&calendar));
            accounts.update("ACC-001", |account| account.open("ACC-001", 1_000)).await.must()?;
            calendar.set("2026-02-01T09:00:00Z");
            accounts.update("ACC-001", |account| account.deposit(500)).await.must()?;

            let on = |time| balance_at(&accounts, "ACC-001", moment(time));
            let before = on("2026-01-01T00:00:00Z").await.expect_err("it was opened on the 2nd");
            assert_eq!(before.kind(), ErrorKind::NotFound);
            assert_eq!(on("2026-01-31T00:00:00Z").await?, 1_000);
            assert_eq!(on("2026-02-01T09:00:00Z").await?, 1_500);
            assert_eq!(balances(&accounts, "ACC-001").await?, [1_000, 1_500]);
            Ok::<(), hitherto::Error>(())
        })
        .expect("memory works");
    }
    // endregion: test

    #[test]
    fn two_accounts_and_the_whole_bank_are_seen_at_one_moment() {
        wait(async {
            let calendar = Calendar::at("2026-01-02T09:00:00Z");
            let store = store_of(&calendar);
            let accounts = Repository::<BankAccount>::new(&store);
            accounts.update("A", |account| account.open("A", 700)).await.must()?;
            let opened = accounts.update("B", |account| account.open("B", 300)).await.must()?;
            calendar.set("2026-02-01T09:00:00Z");
            let taken = accounts.update("A", |account| account.withdraw(200)).await.must()?;
            let put = accounts.update("B", |account| account.deposit(200)).await.must()?;

            let at = |position| balances_at(&accounts, ["A", "B"], position);
            assert_eq!(at(opened.position).await?, [700, 300]);
            assert_eq!(at(taken.position).await?, [500, 300]); // on its way
            assert_eq!(at(put.position).await?, [500, 500]);
            assert_eq!(holdings_at(&store, moment("2026-01-31T00:00:00Z")).await?, 1_000);
            assert_eq!(store.state_at(&Holdings, taken.position).await?, 800);
            Ok::<(), hitherto::Error>(())
        })
        .expect("memory works");
    }

    #[test]
    fn an_account_from_the_past_cannot_change_the_present() {
        wait(async {
            let accounts = Repository::<BankAccount>::new(&Store::in_memory());
            accounts.update("ACC-001", |account| account.open("ACC-001", 1_000)).await.must()?;
            accounts.update("ACC-001", |account| account.withdraw(900)).await.must()?;

            let mut then = accounts.at_version("ACC-001", 1).await?;
            assert_eq!(then.withdraw(1_000), Ok(()));
            let error = accounts.save(&mut then).await.expect_err("it is not version 1 any more");
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert_eq!(accounts.load("ACC-001").await?.balance, 100);
            Ok::<(), hitherto::Error>(())
        })
        .expect("memory works");
    }

    #[test]
    fn a_statement_begins_with_the_newest() {
        wait(async {
            let store = Store::in_memory();
            let accounts = Repository::<BankAccount>::new(&store);
            accounts.update("ACC-001", |account| account.open("ACC-001", 1_000)).await.must()?;
            accounts.update("ACC-001", |account| account.deposit(1)).await.must()?;
            accounts.update("ACC-001", |account| account.deposit(2)).await.must()?;

            let versions: Vec<u64> =
                statement(&store, "ACC-001", 2)?.iter().map(|event| event.version()).collect();
            assert_eq!(versions, [3, 2]);
            Ok::<(), hitherto::Error>(())
        })
        .expect("memory works");
    }
}
