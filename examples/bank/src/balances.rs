//! The query side: every account's balance in a table, for the branch's screen.

use hitherto::{Projection, Recorded, Sql};

use crate::AccountEvent::{self, AccountClosed, AccountOpened, MoneyDeposited, MoneyWithdrawn};

// region: projection
/// Every open account and what is on it, in cents.
pub struct Balances;

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        "create table balances (account text primary key, cents bigint not null)"
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let account = event.stream_id();
        match &event.data {
            AccountOpened { initial_deposit, .. } => {
                sql.run("insert into balances values (?, ?)", (account, initial_deposit));
            }
            MoneyDeposited { amount } => {
                sql.run(
                    "update balances set cents = cents + ? where account = ?",
                    (amount, account),
                );
            }
            MoneyWithdrawn { amount } => {
                sql.run(
                    "update balances set cents = cents - ? where account = ?",
                    (amount, account),
                );
            }
            AccountClosed => sql.run("delete from balances where account = ?", (account,)),
        }
    }
}
// endregion: projection

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto_sql::testing::project_streams;

    // region: test-projection
    #[test]
    fn each_open_account_has_its_balance() {
        let opened = |number: &str, initial_deposit| {
            (format!("account-{number}"), AccountOpened { number: number.into(), initial_deposit })
        };
        let read = project_streams(
            Balances,
            [
                opened("A", 1_000),
                opened("B", 0),
                ("account-A".into(), MoneyDeposited { amount: 500 }),
                ("account-A".into(), MoneyWithdrawn { amount: 200 }),
                ("account-B".into(), AccountClosed),
            ],
        );
        assert_eq!(read.rows("select cents from balances where account = 'A'"), [[1_300]]);
        assert_eq!(read.rows("select count(*) from balances"), [[1]]);
    }
    // endregion: test-projection
}
