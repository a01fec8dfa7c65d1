//! Balances as tables: two versions of one projection.

use hitherto::{Projection, Recorded, Sql};

use crate::AccountEvent::{self, AccountOpened, MoneyDeposited, MoneyWithdrawn};

// region: balances
/// Every account's balance, for the branch screen.
pub struct Balances;

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        "create table balances (account text primary key, owner text not null, cents integer not null)"
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let account = event.stream_id();
        match &event.data {
            AccountOpened { owner } => {
                sql.run("insert into balances values (?, ?, 0)", (account, owner));
            }
            MoneyDeposited { amount } => {
                let add = "update balances set cents = cents + ? where account = ?";
                sql.run(add, (amount, account));
            }
            MoneyWithdrawn { amount } => {
                let take = "update balances set cents = cents - ? where account = ?";
                sql.run(take, (amount, account));
            }
        }
    }
}
// endregion: balances

// region: second-version
/// The same, and how often something was moved.
pub struct BalancesWithMoves;

impl Projection for BalancesWithMoves {
    const NAME: &'static str = "balances";
    const VERSION: u32 = 2;
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        "create table balances (account text primary key, owner text, cents integer, moves integer);
         create index balances_by_owner on balances (owner);"
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let account = event.stream_id();
        let mut add = |cents: i64| {
            sql.run(
                "update balances set cents = cents + ?, moves = moves + 1 where account = ?",
                (cents, account),
            );
        };
        match &event.data {
            AccountOpened { owner } => {
                sql.run("insert into balances values (?, ?, 0, 0)", (account, owner));
            }
            MoneyDeposited { amount } => add(amount.cast_signed()),
            MoneyWithdrawn { amount } => add(-amount.cast_signed()),
        }
    }
}
// endregion: second-version
