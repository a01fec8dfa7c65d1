//! W4: load one stream of many: random ones of 10 events with 1 and 16 readers, and one of 10,000.

use std::error::Error;

use hitherto_store::Query;

use crate::filled::{LONG_STREAM, STREAM_EVENTS, Stores, stream_name};
use crate::hitherto;
use crate::measure::{Measured, run_for};
use crate::random::Random;
use crate::settings::Settings;
#[cfg(feature = "peers")]
use crate::sqlite::{Selection, SqliteReader};
use crate::table::{Contestant, Outcome, Role, Table, grouped};

pub(crate) fn run(settings: &Settings, stores: &Stores) -> Result<Vec<Table>, Box<dyn Error>> {
    let compete = |readers| short_streams(settings, stores, readers);
    Ok(vec![compete(1)?, compete(16)?, long_stream(settings, stores)?])
}

fn short_streams(
    settings: &Settings,
    stores: &Stores,
    readers: u64,
) -> Result<Table, Box<dyn Error>> {
    let contestants: Vec<Contestant<'_>> = vec![
        (Role::Ours, "**hitherto**", Box::new(|| Ok(ours(settings, stores, readers)))),
        #[cfg(feature = "peers")]
        (Role::Peer, "SQLite by hand", Box::new(|| sqlite(settings, stores, readers))),
    ];
    let events = grouped(stores.events as f64);
    let who = if readers == 1 { "1 reader".to_owned() } else { format!("{readers} readers") };
    let title = format!("W4: load a random stream of 10 out of {events} events, {who}");
    Table::new(title, "loads/s").compete(settings.rounds, contestants)
}

/// The names of random streams, made before they are measured.
fn random_streams(stores: &Stores, seed: u64) -> impl Iterator<Item = String> + Send + use<> {
    let mut random = Random::seeded(seed);
    let names = (0..100_000).map(|_| stream_name(random.below(stores.streams)));
    names.collect::<Vec<_>>().into_iter().cycle()
}

fn ours(settings: &Settings, stores: &Stores, readers: u64) -> Measured {
    let worker = |seed| {
        let store = stores.ours().clone();
        let mut streams = random_streams(stores, seed);
        move || {
            let stream = streams.next().expect("there are names without end");
            let read = hitherto::read(&store, Query::stream(stream)).expect("the store is well");
            assert_eq!(read, STREAM_EVENTS);
        }
    };
    run_for(settings.duration(), 1, (0..readers).map(worker).collect())
}

#[cfg(feature = "peers")]
fn sqlite(settings: &Settings, stores: &Stores, readers: u64) -> Outcome {
    let worker = |seed| -> Result<_, Box<dyn Error>> {
        let reader = SqliteReader::open(stores.sqlite_place.path())?;
        let mut streams = random_streams(stores, seed);
        Ok(move || {
            let stream = streams.next().expect("there are names without end");
            let read = reader.read(Selection::Stream(&stream)).expect("the table is well");
            assert_eq!(read, STREAM_EVENTS);
        })
    };
    let workers = (0..readers).map(worker).collect::<Result<_, _>>()?;
    Ok(run_for(settings.duration(), 1, workers))
}

fn long_stream(settings: &Settings, stores: &Stores) -> Result<Table, Box<dyn Error>> {
    let events = stores.long_stream_events;
    let ours = || -> Outcome {
        let read = || {
            let read = hitherto::read(stores.ours(), Query::stream(LONG_STREAM));
            assert_eq!(read.expect("the store is well"), events);
        };
        Ok(run_for(settings.duration(), events, vec![read]))
    };
    #[cfg(feature = "peers")]
    let sqlite = || -> Outcome {
        let reader = SqliteReader::open(stores.sqlite_place.path())?;
        let read = move || {
            let read = reader.read(Selection::Stream(LONG_STREAM));
            assert_eq!(read.expect("the table is well"), events);
        };
        Ok(run_for(settings.duration(), events, vec![read]))
    };
    let contestants: Vec<Contestant<'_>> = vec![
        (Role::Ours, "**hitherto**", Box::new(ours)),
        #[cfg(feature = "peers")]
        (Role::Peer, "SQLite by hand", Box::new(sqlite)),
    ];
    let title = format!("W4: load one stream of {} events", grouped(events as f64));
    Table::new(title, "events/s").compete(settings.rounds, contestants)
}
