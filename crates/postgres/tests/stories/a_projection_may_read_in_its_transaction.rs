//! A projection that depends on what is in its tables gets the transaction itself, and is as exact.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use crate::common::{
    AccountEvent, Database, MoneyDeposited, MoneyWithdrawn, append, open_accounts, quick,
};
use hitherto::{Error, Position, Projector, Recorded, Result, Store, wait};
use hitherto_postgres::{InTransaction, Postgres, PostgresProjection, Transaction};

/// The most that was ever in each account.
struct Peaks;

impl PostgresProjection for Peaks {
    const NAME: &'static str = "peaks";
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        "create table peaks (account text primary key, cents int8 not null, peak int8 not null)"
    }

    fn project(
        &self,
        event: &Recorded<AccountEvent>,
        transaction: &mut Transaction<'_>,
    ) -> Result<()> {
        let account = event.stream_id();
        let before = "select cents, peak from peaks where account = ? for update";
        let before = transaction.query(before, (account,))?;
        let (cents, peak) = before.first().map_or((0, 0), |row| (row.get(0), row.get(1)));
        let cents: i64 = match &event.data {
            AccountEvent::AccountOpened { initial_deposit: amount } | MoneyDeposited { amount } => {
                cents + i64::try_from(*amount).unwrap()
            }
            MoneyWithdrawn { amount } => cents - i64::try_from(*amount).unwrap(),
            AccountEvent::AccountClosed {} => 0,
        };
        if cents < 0 {
            return Err(Error::invalid(format!("account {account} would be overdrawn")));
        }
        let upsert = "insert into peaks values (?, ?, ?) on conflict (account) \
                      do update set cents = excluded.cents, peak = excluded.peak";
        transaction.execute(upsert, (account, cents, cents.max(peak)))?;
        Ok(())
    }
}

#[test]
fn it_reads_what_it_has_written_and_parks_what_it_refuses() {
    let Some(database) = Database::new("projections that read") else { return };
    let store = Store::in_memory();
    open_accounts(&store, 2);
    append(&store, 0, &MoneyDeposited { amount: 500 });
    append(&store, 0, &MoneyWithdrawn { amount: 700 });
    append(&store, 1, &MoneyWithdrawn { amount: 5_000 });
    append(&store, 0, &MoneyDeposited { amount: 100 });
    let place = Postgres::connect(&database.url).unwrap();
    let starting = Projector::start(&store, place, InTransaction(Peaks)).settings(quick(2));
    let peaks = wait(starting.into_future()).unwrap();
    wait(peaks.catch_up()).unwrap();
    let rows = database.rows("select account, cents, peak from peaks.peaks order by 1");
    assert_eq!(rows, [["0", "900", "1500"], ["1", "1000", "1000"]]);
    let parked = peaks.parked().unwrap();
    assert_eq!((parked.len(), parked[0].position), (1, Position(5)));
    assert_eq!(parked[0].error, "account 1 would be overdrawn");
}
