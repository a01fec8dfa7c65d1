//! A new version is built beside the one that is read, compared, switched to at once, and taken
//! back with one call.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use crate::common::{
    AccountEvent, AccountOpened, Balances, Database, MoneyDeposited, append, open_accounts, quick,
};
use hitherto::projection::{KeptModels, Standing, Value};
use hitherto::runner::{Ended, State};
use hitherto::{Projection, Projector, Recorded, Sql, Store, wait};
use hitherto_postgres::{Postgres, ReadModels};

/// The same, but it counts what the bank owes for opening an account.
struct Generous;

impl Projection for Generous {
    const NAME: &'static str = "balances";
    const VERSION: u32 = 2;
    type Event = AccountEvent;

    fn tables(&self) -> &'static str {
        "create table balances (account text primary key, cents bigint not null, is_rich bool)"
    }

    fn project(&self, event: &Recorded<AccountEvent>, sql: &mut Sql) {
        let account = event.stream_id();
        match &event.data {
            AccountOpened { initial_deposit } => sql.run(
                "insert into balances values (?, ?, false)",
                (account, initial_deposit + u64::from(account == "0")),
            ),
            MoneyDeposited { amount } => sql
                .run("update balances set cents = cents + ? where account = ?", (amount, account)),
            _ => {}
        }
    }
}

fn start<P: Projection>(store: &Store, place: Postgres, projection: P) -> Projector<Postgres> {
    wait(Projector::start(store, place, projection).settings(quick(2)).into_future()).unwrap()
}

fn standings(models: &ReadModels) -> Vec<(u32, Standing)> {
    models.list().unwrap().iter().map(|kept| (kept.version, kept.standing)).collect()
}

fn cents(database: &Database) -> Vec<Vec<String>> {
    database.rows("select cents from balances.balances order by account")
}

#[test]
fn it_takes_over_by_itself_when_it_has_caught_up() {
    let Some(database) = Database::new("a new version beside the old one") else { return };
    let store = Store::in_memory();
    open_accounts(&store, 2);
    let place = Postgres::connect(&database.url).unwrap();
    let old = start(&store, place.clone(), Balances);
    wait(old.catch_up()).unwrap();
    assert_eq!(cents(&database), [["1000"], ["1000"]]);

    let new = start(&store, place.clone(), Generous);
    wait(new.catch_up()).unwrap();
    assert_eq!(cents(&database), [["1001"], ["1000"]]);
    let saved = append(&store, 0, &MoneyDeposited { amount: 10 });
    wait(new.reached(saved.position)).unwrap();
    assert_eq!(cents(&database), [["1011"], ["1000"]]);
    assert_eq!(wait(old.ended()), Ended::Superseded { by: 2 });

    let models = ReadModels::of(&database.url).unwrap();
    assert_eq!(standings(&models), [(1, Standing::Before), (2, Standing::Live)]);
    let error = wait(Projector::start(&store, place, Balances).into_future()).unwrap_err();
    assert!(error.to_string().contains("superseded by version 2"), "{error}");
}

#[test]
fn it_is_compared_switched_and_rolled_back_by_hand() {
    let Some(database) = Database::new("switching by hand") else { return };
    let store = Store::in_memory();
    open_accounts(&store, 2);
    let by_hand = Postgres::connect(&database.url).unwrap().switch_by_hand();
    let old = start(&store, by_hand.clone(), Balances);
    let new = start(&store, by_hand.clone(), Generous);
    wait(old.catch_up()).unwrap();
    wait(new.catch_up()).unwrap();
    assert_eq!(new.status().state, State::Ready);
    assert_eq!(cents(&database), [["1000"], ["1000"]], "the old one is read");

    let models = ReadModels::of(&database.url).unwrap();
    let comparison = models.compare("balances", None).unwrap();
    assert_eq!((comparison.live, comparison.beside), (1, 2));
    assert_eq!(comparison.live_position, comparison.beside_position);
    let table = &comparison.tables[0];
    assert_eq!((&*table.table, table.live_rows, table.beside_rows), ("balances", 2, 2));
    assert_eq!((table.only_live, table.only_beside), (1, 1));
    assert_eq!(table.other_columns, ["is_rich"]);
    let row = |cents: &str| vec![vec![Value::Text("0".into()), Value::Text(cents.into())]];
    assert_eq!((&table.live_examples, &table.beside_examples), (&row("1000"), &row("1001")));
    assert_eq!(comparison.tables[1].table, "movements");
    assert!(!comparison.is_same());

    assert_eq!(models.switch("balances", None).unwrap(), 2);
    assert_eq!(cents(&database), [["1001"], ["1000"]]);
    let saved = append(&store, 1, &MoneyDeposited { amount: 1 });
    wait(new.reached(saved.position)).unwrap();
    assert_eq!(cents(&database), [["1001"], ["1001"]], "it goes on where it is read now");

    assert_eq!(models.roll_back("balances").unwrap(), 1);
    assert_eq!(cents(&database), [["1000"], ["1000"]], "as it was when it was replaced");
    append(&store, 1, &MoneyDeposited { amount: 1 });
    assert_eq!(wait(new.ended()), Ended::Superseded { by: 1 });
    assert_eq!(standings(&models), [(1, Standing::Live), (2, Standing::Held)]);
    drop(old);
    let old = start(&store, by_hand, Balances);
    wait(old.catch_up()).unwrap();
    assert_eq!(cents(&database), [["1000"], ["1002"]], "and it has caught up");
    let error = models.roll_back("balances").unwrap_err();
    assert_eq!(error.kind(), hitherto::ErrorKind::NotFound, "{error}");
}
