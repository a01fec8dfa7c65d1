//! A server that is stopped or killed is waited for, and what happened meanwhile is handled when it
//! is back.

use crate::common::{
    Balances, Database, MoneyDeposited, append, assert_is_as_built_afresh, open_accounts, quick,
};
use hitherto::runner::State;
use hitherto::{Projector, Store, wait};
use hitherto_postgres::Postgres;
use hitherto_services::{Own, POSTGRES};

#[test]
fn a_server_that_is_stopped_or_killed_is_waited_for() {
    let Some(mut server) = Own::start(POSTGRES, "a server that is restarted") else { return };
    let database = Database::on(server.url());
    let store = Store::in_memory();
    open_accounts(&store, 3);
    let place = Postgres::connect(&database.url).unwrap();
    let starting = Projector::start(&store, place.clone(), Balances).settings(quick(2));
    let balances = wait(starting.into_future()).unwrap();
    wait(balances.catch_up()).unwrap();
    for end in [Own::stop, Own::kill] {
        end(&mut server);
        append(&store, 0, &MoneyDeposited { amount: 1 });
        append(&store, 1, &MoneyDeposited { amount: 1 });
        while balances.status().state != State::Retrying {
            std::thread::yield_now();
        }
        let error = balances.status().last_error.unwrap();
        assert!(error.contains("PostgreSQL"), "{error}");
        let gone = Postgres::connect(&database.url).unwrap_err();
        assert_eq!(gone.kind(), hitherto::ErrorKind::Unavailable, "{gone}");
        server.start_again();
        let status = wait(balances.catch_up()).unwrap();
        assert_eq!((status.parked, status.handled), (0, status.position.0), "{status:?}");
        assert_is_as_built_afresh(&store, &database);
    }
}
