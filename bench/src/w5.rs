//! W5: replay everything in global order, and only what is of a kind that one event in 100 has.

use std::error::Error;
use std::time::Instant;

use hitherto_store::{EmbeddedStore, Query};

use crate::filled::Stores;
use crate::hitherto;
use crate::measure::Measured;
use crate::sample::RARE_KIND;
use crate::settings::Settings;
#[cfg(feature = "peers")]
use crate::sqlite::{Selection, SqliteReader};
use crate::table::{Contestant, Outcome, Role, Table, grouped};

pub(crate) fn run(settings: &Settings, stores: &Stores) -> Result<Vec<Table>, Box<dyn Error>> {
    Ok(vec![everything(settings, stores)?, one_in_a_hundred(settings, stores)?])
}

fn everything(settings: &Settings, stores: &Stores) -> Result<Table, Box<dyn Error>> {
    let contestants: Vec<Contestant<'_>> = vec![
        ours("**hitherto**, checked records", stores, hitherto::read),
        ours("**hitherto**, owned events", stores, hitherto::read_owned),
        ours("**hitherto**, typed enums (JSON decoded)", stores, hitherto::read_typed),
        #[cfg(feature = "peers")]
        (
            Role::Peer,
            "SQLite by hand, borrowed columns",
            Box::new(|| {
                let reader = SqliteReader::open(stores.sqlite_place.path())?;
                timed(stores.events, || Ok(reader.read(Selection::All)?))
            }),
        ),
    ];
    let title = format!("W5: replay of all {} events in order", grouped(stores.events as f64));
    Table::new(title, "events/s").compete(settings.rounds, contestants)
}

type Read = fn(&EmbeddedStore, Query) -> Result<u64, hitherto_store::Error>;

fn ours<'a>(name: &'a str, stores: &'a Stores, read: Read) -> Contestant<'a> {
    let replay = move || timed(stores.events, || Ok(read(stores.ours(), Query::all())?));
    (Role::Ours, name, Box::new(replay))
}

fn one_in_a_hundred(settings: &Settings, stores: &Stores) -> Result<Table, Box<dyn Error>> {
    let query = || Query::of_kinds([RARE_KIND]);
    let matching = hitherto::read(stores.ours(), query())?;
    let contestants: Vec<Contestant<'_>> = vec![
        (
            Role::Ours,
            "**hitherto**",
            Box::new(move || timed(matching, || Ok(hitherto::read(stores.ours(), query())?))),
        ),
        #[cfg(feature = "peers")]
        (
            Role::Peer,
            "SQLite by hand",
            Box::new(move || {
                let reader = SqliteReader::open(stores.sqlite_place.path())?;
                timed(matching, || Ok(reader.read(Selection::Kind(RARE_KIND))?))
            }),
        ),
    ];
    let title = format!(
        "W5: replay of the {} events of one kind, 1 % of all (p50 is the whole replay)",
        grouped(matching as f64)
    );
    Table::new(title, "events/s").compete(settings.rounds, contestants)
}

fn timed(events: u64, read: impl FnOnce() -> Result<u64, Box<dyn Error>>) -> Outcome {
    let started = Instant::now();
    let count = read()?;
    let took = started.elapsed();
    assert_eq!(count, events, "every event is read, and none twice");
    Ok(Measured { p50: took, ..Measured::at_once(events, took) })
}
