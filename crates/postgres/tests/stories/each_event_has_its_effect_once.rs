//! What is read is up to date as soon as a position is reached, in any number of partitions.

use crate::common::{
    Balances, Database, MoneyDeposited, Random, append, assert_is_as_built_afresh, move_money,
    open_accounts, quick,
};
use hitherto::projection::KeptModels;
use hitherto::{Projector, Store, wait};
use hitherto_postgres::{Postgres, ReadModels};

#[test]
fn who_writes_reads_what_was_written() {
    let Some(database) = Database::new("reading one's own writes") else { return };
    let store = Store::in_memory();
    let place = Postgres::connect(&database.url).unwrap();
    let balances = wait(Projector::start(&store, place, Balances).into_future()).unwrap();
    open_accounts(&store, 2);
    for deposits in 1..=20 {
        let saved = append(&store, 1, &MoneyDeposited { amount: 5 });
        wait(balances.reached(saved.position)).unwrap();
        let rows = database.rows("select cents from balances.balances order by account");
        assert_eq!(rows, [["1000".to_owned()], [(1_000 + deposits * 5).to_string()]]);
    }
}

#[test]
fn the_number_of_partitions_may_change() {
    let Some(database) = Database::new("a changing number of partitions") else { return };
    let (store, mut random) = (Store::in_memory(), Random::new());
    open_accounts(&store, 10);
    for partitions in [1, 4, 3, 1, 2] {
        let place = Postgres::connect(&database.url).unwrap();
        let starting = Projector::start(&store, place, Balances).settings(quick(partitions));
        let balances = wait(starting.into_future()).unwrap();
        move_money(&store, 10, 40, &mut random);
        let status = wait(balances.catch_up()).unwrap();
        assert_eq!((status.partitions, status.handled), (partitions, status.position.0));
    }
    let kept = ReadModels::of(&database.url).unwrap().list().unwrap().remove(0);
    assert_eq!((kept.partitions, kept.handled), (2, kept.position.0), "what is counted stays");
    assert_is_as_built_afresh(&store, &database);
}
