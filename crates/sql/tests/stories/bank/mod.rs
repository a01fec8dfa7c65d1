//! Accounts, and two versions of their balances: what the stories are told about.

#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::time::Duration;

use hitherto::projection::Value;
use hitherto::runner::{Retry, Settings};
use hitherto::{
    Append, Event, EventId, NewEvent, Position, Projection, Projector, Recorded, Sql, Store, wait,
};
use hitherto_sql::Sqlite;

#[derive(Event, Debug, Clone)]
pub enum AccountEvent {
    AccountOpened { initial_deposit: u64 },
    MoneyDeposited { amount: u64 },
    MoneyWithdrawn { amount: u64 },
}
pub use AccountEvent::*;

/// Every account's balance. Nothing in it forgives a repetition or a gap.
pub struct Balances;

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        "create table balances (account text primary key, cents integer not null);
         create table moves (position integer primary key, account text not null, cents integer);
         create index moves_by_account on moves (account);"
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let account = event.stream_id();
        let cents = cents_of(&event.data);
        sql.run("insert into moves values (?, ?, ?)", (event.position(), account, cents));
        if let AccountOpened { .. } = &event.data {
            sql.run("insert into balances values (?, ?)", (account, cents));
        } else {
            let update = "update balances set cents = cents + ? where account = ?";
            sql.run(update, (cents, account));
        }
    }
}

/// The same with the number of moves, in another shape.
pub struct BalancesWithMoves;

impl Projection for BalancesWithMoves {
    const NAME: &'static str = "balances";
    const VERSION: u32 = 2;
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        "create table balances (account text primary key, cents integer not null, moves integer);
         create view rich as select account from balances where cents > 1000;"
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let account = event.stream_id();
        let cents = cents_of(&event.data);
        match &event.data {
            AccountOpened { .. } => {
                sql.run("insert into balances values (?, ?, 1)", (account, cents));
            }
            _ => sql.run(
                "update balances set cents = cents + ?, moves = moves + 1 where account = ?",
                (cents, account),
            ),
        }
    }
}

pub fn cents_of(event: &AccountEvent) -> i64 {
    match event {
        AccountOpened { initial_deposit } => i64::try_from(*initial_deposit).unwrap(),
        MoneyDeposited { amount } => i64::try_from(*amount).unwrap(),
        MoneyWithdrawn { amount } => -i64::try_from(*amount).unwrap(),
    }
}

/// What happens to an account is stored.
pub fn happens(store: &Store, account: u64, event: &AccountEvent) -> Position {
    let new = NewEvent::json(event.kind().name, event.encode().unwrap()).id(EventId::new());
    wait(store.append(Append::to(format!("account-{account}")).event(new))).unwrap().position
}

/// Accounts that are opened and then used, in turns.
pub fn some_life(store: &Store, accounts: u64, turns: u64) {
    for account in 0..accounts {
        happens(store, account, &AccountOpened { initial_deposit: 1_000 + account });
    }
    for turn in 0..turns {
        let account = turn * 7 % accounts;
        let event = match turn % 3 {
            0 => MoneyWithdrawn { amount: turn },
            _ => MoneyDeposited { amount: turn * 3 },
        };
        happens(store, account, &event);
    }
}

/// Two attempts, with next to no pause between them.
pub fn quick(partitions: u32) -> Settings {
    let pause = Duration::from_micros(50);
    let retry = Retry { attempts: 2, first_pause: pause, longest_pause: pause };
    Settings { retry, partitions, ..Settings::default() }
}

/// All rows of the first version, in order.
pub fn rows(sqlite: &Sqlite) -> (Vec<Vec<Value>>, Vec<Vec<Value>>) {
    let balances = sqlite.rows("select * from balances order by account").unwrap();
    let moves = sqlite.rows("select * from moves order by position").unwrap();
    (balances, moves)
}

/// The rows that a build from nothing has.
pub fn fresh_rows(store: &Store) -> (Vec<Vec<Value>>, Vec<Vec<Value>>) {
    rows(&fresh(store, Balances))
}

/// A build from nothing.
pub fn fresh<P: Projection>(store: &Store, projection: P) -> Sqlite {
    let sqlite = Sqlite::in_memory().unwrap();
    let built = async {
        let projector = Projector::start(store, sqlite.clone(), projection).await?;
        projector.catch_up().await
    };
    let status = wait(built).unwrap();
    assert_eq!(status.parked, 0, "{status:?}");
    sqlite
}
