//! W5: replay everything in global order, and only what is of a kind that one event in 100 has.

use std::error::Error;
use std::time::Instant;

use hitherto_store::{EmbeddedStore, Query};

use crate::filled::{FilledStore, Stores};
use crate::hitherto;
use crate::measure::Measured;
use crate::peers::{Answer, Choice, Selection};
use crate::reading_limit::EventsFile;
use crate::sample::{RARE_KIND, RARE_ONE_IN};
use crate::settings::Settings;
use crate::table::{Contestant, Outcome, Role, Table, grouped};
use crate::target::Target::{self, AtLeast, MedianMicros};

pub(crate) fn run(settings: &Settings, stores: &Stores) -> Result<Vec<Table>, Box<dyn Error>> {
    Ok(vec![everything(settings, stores)?, one_in_a_hundred(settings, stores)?])
}

fn everything(settings: &Settings, stores: &Stores) -> Result<Table, Box<dyn Error>> {
    let limit = settings.takes_part(Choice::Limit);
    let limit =
        limit.then(|| EventsFile::create(&settings.directory, stores.events)).transpose()?;
    let mut contestants = Vec::new();
    for store in &stores.all {
        let (role, title) = (store.choice.role(), store.choice.title());
        if store.peer().embedded().is_some() {
            contestants.extend(ours(store, stores.events));
        } else {
            let round = move || selected(store, Selection::All, stores.events);
            contestants.push(Contestant::new(role, title, round));
        }
    }
    if let Some(limit) = &limit {
        let name = "limit: 400 bytes an event from the page cache, and a checksum, by hand";
        let round = || timed(stores.events, || Ok(limit.replay()?));
        contestants.push(Contestant::new(Role::Limit, name, round));
    }
    let title = format!("W5: replay of all {} events in order", grouped(stores.events as f64));
    Table::new(title, "events/s").compete(settings.rounds(), contestants)
}

type Read = fn(&EmbeddedStore, Query) -> Result<u64, hitherto_store::Error>;
/// What is read out of our store, how, and how fast it should be from raw files.
type Depth = (&'static str, Read, &'static [Target]);

const DEPTHS: [Depth; 3] = [
    ("checked records", hitherto::read, &[AtLeast(9_000_000.0)]),
    ("owned events", hitherto::read_owned, &[AtLeast(3_000_000.0)]),
    ("typed enums (JSON decoded)", hitherto::read_typed, &[AtLeast(1_500_000.0)]),
];

fn ours(store: &FilledStore, events: u64) -> impl Iterator<Item = Contestant<'_>> {
    DEPTHS.into_iter().map(move |(depth, read, targets)| {
        let round = move || {
            let embedded = store.peer().embedded().ok_or("this is a store of ours")?;
            timed(events, || Ok(read(embedded, Query::all())?))
        };
        let name = format!("{}, {depth}", store.choice.title());
        let targets = if store.choice == Choice::Hitherto { targets } else { &[] };
        Contestant::new(store.choice.role(), name, round).reach(targets)
    })
}

fn one_in_a_hundred(settings: &Settings, stores: &Stores) -> Result<Table, Box<dyn Error>> {
    let matching = stores.events / RARE_ONE_IN;
    let mut contestants = Vec::new();
    for store in &stores.all {
        let targets: &[Target] = match store.choice {
            Choice::Compressed => &[MedianMicros(120_000.0)],
            _ => &[MedianMicros(15_000.0)],
        };
        let round = move || selected(store, Selection::Kind(RARE_KIND), matching);
        let (role, title) = (store.choice.role(), store.choice.title());
        contestants.push(Contestant::new(role, title, round).reach(targets));
    }
    let title = format!(
        "W5: replay of the {} events of one kind, 1 % of all (p50 is the whole replay)",
        grouped(matching as f64)
    );
    Table::new(title, "events/s").compete(settings.rounds(), contestants)
}

fn selected(store: &FilledStore, selection: Selection<'_>, events: u64) -> Outcome {
    let mut reader = store.peer().reader()?;
    timed(events, || reader.read(selection))
}

fn timed(events: u64, read: impl FnOnce() -> Answer<u64>) -> Outcome {
    let started = Instant::now();
    let count = read()?;
    let took = started.elapsed();
    assert_eq!(count, events, "every event is read, and none twice");
    Ok(Measured { p50: took, ..Measured::at_once(events, took) })
}
