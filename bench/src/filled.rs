//! The stores that W4, W5 and W7 read: filled once, the same for every contestant.
//!
//! Streams have 10 events each, and these are scattered: every stream gets its first event before
//! one gets its second. One stream is long.

use std::error::Error;

use hitherto_store::EmbeddedStore;

use crate::hitherto;
use crate::place::Place;
use crate::random::Random;
use crate::sample::Samples;
use crate::settings::Settings;
#[cfg(feature = "peers")]
use crate::sqlite::Sqlite;

pub(crate) const STREAM_EVENTS: u64 = 10;
pub(crate) const LONG_STREAM: &str = "journal-1";
const LONG_STREAM_EVENTS: u64 = 10_000;
const STREAMS_A_COMMIT: usize = 1000;

/// The filled stores, once somebody asks for them.
pub(crate) struct Filled<'a> {
    settings: &'a Settings,
    stores: Option<Stores>,
}

/// What was filled, and where it lies.
pub(crate) struct Stores {
    ours: Option<EmbeddedStore>,
    pub(crate) ours_place: Place,
    #[cfg(feature = "peers")]
    pub(crate) sqlite_place: Place,
    pub(crate) streams: u64,
    pub(crate) events: u64,
    pub(crate) long_stream_events: u64,
}

impl<'a> Filled<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Self {
        Self { settings, stores: None }
    }

    /// The stores, open.
    pub(crate) fn stores(&mut self) -> Result<&Stores, Box<dyn Error>> {
        let stores = self.closed()?;
        if stores.ours.is_none() {
            stores.ours = Some(EmbeddedStore::open(stores.ours_place.path())?);
        }
        Ok(stores)
    }

    /// The stores, closed in order.
    pub(crate) fn closed(&mut self) -> Result<&mut Stores, Box<dyn Error>> {
        let mut stores = match self.stores.take() {
            Some(stores) => stores,
            None => fill(self.settings)?,
        };
        if let Some(ours) = stores.ours.take() {
            ours.close()?;
        }
        Ok(self.stores.insert(stores))
    }
}

impl Stores {
    pub(crate) fn ours(&self) -> &EmbeddedStore {
        self.ours.as_ref().expect("`Filled::stores` opened it")
    }
}

pub(crate) fn stream_name(number: u64) -> String {
    format!("order-{number:08}")
}

fn fill(settings: &Settings) -> Result<Stores, Box<dyn Error>> {
    eprintln!("filling stores with {} events …", settings.events);
    let streams = (settings.events / STREAM_EVENTS).max(1);
    let long_stream_events = LONG_STREAM_EVENTS.min(settings.events);
    let ours_place = Place::fresh(&settings.directory, "filled-hitherto")?;
    let ours = EmbeddedStore::open(ours_place.path())?;
    each_commit(streams, long_stream_events, |streams, version, samples| {
        Ok(hitherto::fill(&ours, streams, version, samples)?)
    })?;
    #[cfg(feature = "peers")]
    let sqlite_place = Place::fresh(&settings.directory, "filled-sqlite")?;
    #[cfg(feature = "peers")]
    {
        let table = Sqlite::open(sqlite_place.path())?;
        each_commit(streams, long_stream_events, |streams, version, samples| {
            Ok(table.fill(streams, version as usize, samples)?)
        })?;
    }
    Ok(Stores {
        ours: Some(ours),
        ours_place,
        #[cfg(feature = "peers")]
        sqlite_place,
        streams,
        events: streams * STREAM_EVENTS + long_stream_events,
        long_stream_events,
    })
}

/// Every stream's next event, in shuffled order, many streams a commit; then the long stream.
fn each_commit(
    streams: u64,
    long_stream_events: u64,
    mut commit: impl FnMut(&[String], u64, &mut Samples) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut names = (0..streams).map(stream_name).collect::<Vec<_>>();
    let mut random = Random::seeded(1);
    let mut samples = Samples::new();
    for version in 0..STREAM_EVENTS {
        random.shuffle(&mut names);
        for names in names.chunks(STREAMS_A_COMMIT) {
            commit(names, version, &mut samples)?;
        }
    }
    let long_stream = [LONG_STREAM.to_owned()];
    (0..long_stream_events).try_for_each(|version| commit(&long_stream, version, &mut samples))
}
