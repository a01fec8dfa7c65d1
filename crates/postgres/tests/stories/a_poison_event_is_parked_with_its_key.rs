//! An event that a rule of the tables refuses, or that cannot be read, is parked with what follows
//! for the same account; the others go on; it is tried again or let go, also by another process.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use crate::common::{
    Balances, Database, MoneyDeposited, MoneyWithdrawn, append, open_accounts, quick,
};
use hitherto::projection::KeptModels;
use hitherto::runner::Order;
use hitherto::{Append, NewEvent, Position, Projector, Store, wait};
use hitherto_postgres::{Postgres, ReadModels};

const CENTS: &str = "select cents from balances.balances order by account";

fn start(store: &Store, database: &Database) -> Projector<Postgres> {
    let place = Postgres::connect(&database.url).unwrap();
    wait(Projector::start(store, place, Balances).settings(quick(2)).into_future()).unwrap()
}

/// Events 1 to 6: account 0 is overdrawn by event 3, and gets something afterwards.
fn overdrawn() -> Store {
    let store = Store::in_memory();
    open_accounts(&store, 2);
    append(&store, 0, &MoneyWithdrawn { amount: 5_000 });
    append(&store, 1, &MoneyDeposited { amount: 1 });
    append(&store, 0, &MoneyDeposited { amount: 7 });
    append(&store, 1, &MoneyDeposited { amount: 1 });
    store
}

#[test]
fn what_a_rule_of_the_tables_refuses_waits_until_it_is_tried_again() {
    let Some(database) = Database::new("events that a rule of the tables refuses") else { return };
    let store = overdrawn();
    let balances = start(&store, &database);
    wait(balances.catch_up()).unwrap();
    assert_eq!(database.rows(CENTS), [["1000"], ["1002"]], "other accounts go on");

    let models = ReadModels::of(&database.url).unwrap();
    let parked = models.parked("balances", None).unwrap();
    let seen = parked.iter().map(|parked| (parked.position.0, parked.attempts, &*parked.key));
    assert_eq!(seen.collect::<Vec<_>>(), [(3, 3, "account-0"), (5, 0, "account-0")]);
    assert!(parked[0].error.contains("balances_cents_check"), "{}", parked[0].error);

    drop(balances);
    let balances = start(&store, &database);
    let mut session = database.session();
    session.run("update balances.balances set cents = 9000 where account = '0'");
    wait(balances.retry(Position(3))).unwrap();
    assert_eq!(database.rows(CENTS), [["4007"], ["1002"]], "both, in order");
    assert_eq!(models.list().unwrap()[0].parked, 0);
    let movements = database.rows("select position from balances.movements order by 1");
    assert_eq!(movements, [["1"], ["2"], ["3"], ["4"], ["5"], ["6"]]);
}

#[test]
fn what_is_let_go_from_outside_is_not_handled_and_the_rest_is() {
    let Some(database) = Database::new("orders from another process") else { return };
    let store = overdrawn();
    let balances = start(&store, &database);
    wait(balances.catch_up()).unwrap();
    let models = ReadModels::of(&database.url).unwrap();
    models.order("balances", None, Position(3), Order::Skip).unwrap();
    drop(balances);
    let balances = start(&store, &database); // carries out what was ordered meanwhile
    while balances.status().parked > 0 || models.list().unwrap()[0].parked > 0 {
        std::thread::yield_now();
    }
    assert_eq!(database.rows(CENTS), [["1007"], ["1002"]]);
    for (name, position) in [("balances", 3), ("other", 3)] {
        let error = models.order(name, None, Position(position), Order::Retry).unwrap_err();
        assert_eq!(error.kind(), hitherto::ErrorKind::NotFound, "{error}");
    }
}

#[test]
fn an_event_that_cannot_be_read_is_parked_too() {
    let Some(database) = Database::new("events that cannot be read") else { return };
    let store = Store::in_memory();
    open_accounts(&store, 2);
    let strange = NewEvent::json("MoneyDeposited", r#"{"amount":"much"}"#);
    wait(store.append(Append::to("account-0").event(strange))).unwrap();
    append(&store, 1, &MoneyDeposited { amount: 1 });
    let balances = start(&store, &database);
    wait(balances.catch_up()).unwrap();
    assert_eq!(database.rows(CENTS), [["1000"], ["1001"]]);
    assert_eq!(balances.parked().unwrap()[0].position, Position(3));
    wait(balances.skip(Position(3))).unwrap();
    assert_eq!(balances.parked().unwrap(), []);
}
