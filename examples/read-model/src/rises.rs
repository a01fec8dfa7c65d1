//! A read model that depends on what is in it: it gets the transaction.

use hitherto::Recorded;
use hitherto_sql::SqliteProjection;
use hitherto_sql::rusqlite::{OptionalExtension as _, Result, Transaction};

use crate::AccountEvent::{self, MoneyDeposited};

// region: streaks
/// The longest row of deposits without a withdrawal of each account.
pub struct Streaks;

impl SqliteProjection for Streaks {
    const NAME: &'static str = "streaks";
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        "create table streaks (account text primary key, now integer, longest integer)"
    }

    fn project(&self, event: &Recorded<AccountEvent>, transaction: &Transaction<'_>) -> Result<()> {
        let account = event.stream_id();
        let before: Option<i64> = transaction
            .query_row("select now from streaks where account = ?", [account], |row| row.get(0))
            .optional()?;
        let is_deposit = matches!(event.data, MoneyDeposited { .. });
        let now = if is_deposit { before.unwrap_or(0) + 1 } else { 0 };
        transaction.execute(
            "insert into streaks values (?1, ?2, ?2) on conflict (account)
             do update set now = ?2, longest = max(longest, ?2)",
            (account, now),
        )?;
        Ok(())
    }
}
// endregion: streaks
