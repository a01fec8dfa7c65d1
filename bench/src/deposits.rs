//! What the read models of P1 and P2 are built from: a store of deposits, and two rows for each.

use std::error::Error;
use std::path::Path;

use hitherto::{
    Append, EmbeddedStore, Event, EventStore as _, NewEvent, Projection, Recorded, Sql,
};

const ACCOUNTS: u64 = 10_000;
pub(crate) const EVENTS_A_TRANSACTION: usize = 1_000;
pub(crate) const TABLES: &str =
    "create table balances (account text primary key, cents bigint not null);
    create table moves (position bigint primary key, account text not null, cents bigint)";
pub(crate) const MOVE: &str = "insert into moves values (?, ?, ?)";
pub(crate) const BALANCE: &str = "insert into balances values (?, ?) \
                                  on conflict (account) do update set cents = balances.cents + excluded.cents";

#[derive(Event)]
pub(crate) enum AccountEvent {
    MoneyDeposited { amount: u64 },
}
pub(crate) use AccountEvent::MoneyDeposited;

pub(crate) struct Balances;

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        TABLES
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let MoneyDeposited { amount } = &event.data;
        let account = event.stream_id();
        sql.run(MOVE, (event.position(), account, amount));
        sql.run(BALANCE, (account, amount));
    }
}

/// Fills a new store with so many deposits.
pub(crate) fn fill(directory: &Path, events: u64) -> Result<EmbeddedStore, Box<dyn Error>> {
    let store = EmbeddedStore::open(directory)?;
    for first in (0..events).step_by(EVENTS_A_TRANSACTION) {
        let mut commit = None::<Append>;
        for number in first..events.min(first + EVENTS_A_TRANSACTION as u64) {
            let event = MoneyDeposited { amount: number % 997 };
            let new = NewEvent::json("MoneyDeposited", event.encode()?);
            let append = Append::to(format!("account-{}", number * 7919 % ACCOUNTS)).event(new);
            commit = Some(match commit {
                Some(commit) => commit.and(append),
                None => append,
            });
        }
        commit.map(|commit| store.append(commit)).transpose()?;
    }
    Ok(store)
}
