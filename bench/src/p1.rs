//! P1: a read model in SQLite, built from a store, beside the same rows written by hand.
//!
//! Every contestant reads the same events from the same store, decodes them, and writes two rows
//! for each, in transactions of a thousand events that are synced: WAL, synchronous=FULL.

use std::error::Error;
use std::time::Instant;

use hitherto::{Projector, Query, Store};
use hitherto_sql::Sqlite;
use hitherto_sql::rusqlite::{Connection, params};

use crate::deposits::{
    AccountEvent, BALANCE, Balances, EVENTS_A_TRANSACTION, MOVE, MoneyDeposited, TABLES, fill,
};
use crate::measure::Measured;
use crate::place::Place;
use crate::settings::Settings;
use crate::table::{Contestant, Outcome, Role, Table};
use crate::target::Target::{AtLeast, OfPeers};

pub(crate) fn run(settings: &Settings) -> Result<Vec<Table>, Box<dyn Error>> {
    let events = settings.events().min(200_000);
    let filled = Place::fresh(&settings.directory, "projected")?;
    let store = Store::on(fill(filled.path(), events)?);
    let (store, events) = (&store, events);
    let projected = |partitions: u32| {
        move || by_projector(store, &Place::fresh(&settings.directory, "read")?, events, partitions)
    };
    let by_hand = || by_hand(store, &Place::fresh(&settings.directory, "read")?, events);
    let contestants = vec![
        Contestant::new(Role::Ours, "hitherto: projection, 1 partition", projected(1))
            .reach(&[AtLeast(100_000.0), OfPeers(0.8)]),
        Contestant::new(Role::Ours, "hitherto: projection, 2 partitions", projected(2)),
        Contestant::new(Role::Peer, "the same rows by hand", by_hand),
    ];
    let title = "P1: a read model in SQLite is built, two rows an event";
    let table = Table::new(title, "events/s").compete(settings.rounds(), contestants)?;
    Ok(vec![table])
}

fn by_projector(store: &Store, place: &Place, events: u64, partitions: u32) -> Outcome {
    let started = Instant::now();
    let sqlite = Sqlite::open(place.path().join("read.db"))?;
    let starting = Projector::start(store, sqlite.clone(), Balances).partitions(partitions);
    let projector = hitherto::wait(starting.into_future())?;
    let status = hitherto::wait(projector.catch_up())?;
    let took = started.elapsed();
    assert_eq!((status.handled, status.parked), (events, 0), "each event once");
    assert_eq!(sqlite.rows("select count(*) from moves")?, [[events.cast_signed()]]);
    Ok(Measured::at_once(events, took))
}

/// As a careful person writes it: the position is kept with the rows.
fn by_hand(store: &Store, place: &Place, events: u64) -> Outcome {
    let started = Instant::now();
    let mut connection = Connection::open(place.path().join("read.db"))?;
    connection.execute_batch("pragma journal_mode = wal; pragma synchronous = full")?;
    connection.execute_batch(TABLES)?;
    connection
        .execute_batch("create table kept (position integer); insert into kept values (0)")?;
    let mut read = store.read_as::<AccountEvent>(Query::category("account"));
    let mut count = 0;
    while count < events {
        let transaction = connection.transaction()?;
        let mut last = 0;
        for event in read.by_ref().take(EVENTS_A_TRANSACTION) {
            let event = event?;
            let MoneyDeposited { amount } = &event.data;
            let (account, cents) = (event.stream_id(), amount.cast_signed());
            last = event.position().0.cast_signed();
            transaction.prepare_cached(MOVE)?.execute(params![last, account, cents])?;
            transaction.prepare_cached(BALANCE)?.execute(params![account, cents])?;
            count += 1;
        }
        transaction.prepare_cached("update kept set position = ?")?.execute([last])?;
        transaction.commit()?;
    }
    Ok(Measured::at_once(count, started.elapsed()))
}
