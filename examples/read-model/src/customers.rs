//! A read model of documents.

use hitherto::Recorded;
use hitherto::projection::{DocumentProjection, Documents};
use serde::Serialize;

use crate::AccountEvent::{self, AccountOpened, MoneyDeposited, MoneyWithdrawn};

// region: customers
#[derive(Serialize)]
struct Account<'a> {
    owner: &'a str,
    last_move: Option<i64>,
}

/// One document an account, for a search index.
pub struct Customers;

impl DocumentProjection for Customers {
    const NAME: &'static str = "customers";
    type Event = AccountEvent;

    fn project(&self, event: &Recorded<AccountEvent>, documents: &mut Documents) {
        let account = event.stream_id();
        match &event.data {
            AccountOpened { owner } => {
                documents.put("accounts", account, &Account { owner, last_move: None });
            }
            MoneyDeposited { amount } => {
                documents.set("accounts", account, "last_move", &amount.cast_signed());
            }
            MoneyWithdrawn { amount } => {
                documents.set("accounts", account, "last_move", &-amount.cast_signed());
            }
        }
    }
}
// endregion: customers
