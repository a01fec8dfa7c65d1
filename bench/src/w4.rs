//! W4: load one stream of many: random ones of 10 events with 1 and 16 readers, and one of 10,000.

use std::error::Error;

use crate::filled::{FilledStore, LONG_STREAM, STREAM_EVENTS, Stores, stream_name};
use crate::measure::run_for;
use crate::peers::{Choice, Selection};
use crate::random::Random;
use crate::reading_limit::EventsFile;
use crate::settings::Settings;
use crate::table::{Contestant, Outcome, Role, Table, grouped};
use crate::target::Target::{self, AtLeast, OfPeers};

const COMPRESSED: &[Target] = &[AtLeast(30_000.0)];

pub(crate) fn run(settings: &Settings, stores: &Stores) -> Result<Vec<Table>, Box<dyn Error>> {
    let limit = settings.takes_part(Choice::Limit);
    let limit =
        limit.then(|| EventsFile::create(&settings.directory, stores.events)).transpose()?;
    let short =
        |readers, targets| short_streams(settings, stores, limit.as_ref(), readers, targets);
    let one = short(1, &[AtLeast(200_000.0), OfPeers(2.0)])?;
    let many = short(16, &[AtLeast(300_000.0), OfPeers(2.0)])?;
    Ok(vec![one, many, long_stream(settings, stores)?])
}

fn short_streams(
    settings: &Settings,
    stores: &Stores,
    limit: Option<&EventsFile>,
    readers: u64,
    targets: &'static [Target],
) -> Result<Table, Box<dyn Error>> {
    let mut contestants = Vec::new();
    for store in &stores.all {
        let targets = if store.choice == Choice::Compressed { COMPRESSED } else { targets };
        let round = move || loaded(settings, stores, store, readers);
        let (role, title) = (store.choice.role(), store.choice.title());
        contestants.push(Contestant::new(role, title, round).reach(targets));
    }
    if let Some(limit) = limit {
        let name = "limit: 10 reads of 400 bytes from anywhere in the page cache, by hand";
        let round = move || {
            let workers = (0..readers).map(|seed| limit.scattered(STREAM_EVENTS, seed)).collect();
            Ok(run_for(settings.duration(), 1, workers))
        };
        contestants.push(Contestant::new(Role::Limit, name, round));
    }
    let events = grouped(stores.events as f64);
    let who = if readers == 1 { "1 reader".to_owned() } else { format!("{readers} readers") };
    let title = format!("W4: load a random stream of 10 out of {events} events, {who}");
    Table::new(title, "loads/s").compete(settings.rounds(), contestants)
}

fn loaded(settings: &Settings, stores: &Stores, store: &FilledStore, readers: u64) -> Outcome {
    let worker = |seed| -> Result<_, Box<dyn Error>> {
        let mut reader = store.peer().reader()?;
        let mut streams = random_streams(stores.streams, seed);
        Ok(move || {
            let stream = streams.next().expect("there are names without end");
            let read = reader.read(Selection::Stream(&stream)).expect("the store is well");
            assert_eq!(read, STREAM_EVENTS);
        })
    };
    let workers = (0..readers).map(worker).collect::<Result<_, _>>()?;
    Ok(run_for(settings.duration(), 1, workers))
}

/// The names of random streams, made before they are measured.
fn random_streams(streams: u64, seed: u64) -> impl Iterator<Item = String> + Send + use<> {
    let mut random = Random::seeded(seed);
    let names = (0..100_000).map(|_| stream_name(random.below(streams)));
    names.collect::<Vec<_>>().into_iter().cycle()
}

fn long_stream(settings: &Settings, stores: &Stores) -> Result<Table, Box<dyn Error>> {
    let events = stores.long_stream_events;
    let mut contestants = Vec::new();
    for store in &stores.all {
        let round = move || -> Outcome {
            let mut reader = store.peer().reader()?;
            let read = || {
                let read = reader.read(Selection::Stream(LONG_STREAM));
                assert_eq!(read.expect("the store is well"), events);
            };
            Ok(run_for(settings.duration(), events, vec![read]))
        };
        let targets: &[Target] = match store.choice {
            Choice::Hitherto => &[AtLeast(8_000_000.0)],
            _ => &[],
        };
        let (role, title) = (store.choice.role(), store.choice.title());
        contestants.push(Contestant::new(role, title, round).reach(targets));
    }
    let title = format!("W4: load one stream of {} events", grouped(events as f64));
    Table::new(title, "events/s").compete(settings.rounds(), contestants)
}
