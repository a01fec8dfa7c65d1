//! The stores that W4, W5 and W7 read: filled once, the same for every contestant.
//!
//! Streams have 10 events each, and these are scattered: every stream gets its first event before
//! one gets its second. One stream is long.

use std::error::Error;
use std::time::Instant;

use crate::hitherto::compress_everything;
use crate::peers::{Answer, Choice, New, Peer, Selection};
use crate::place::Place;
use crate::random::Random;
use crate::sample::Samples;
use crate::settings::Settings;
use crate::table::grouped;

pub(crate) const STREAM_EVENTS: u64 = 10;
pub(crate) const LONG_STREAM: &str = "journal-1";
const LONG_STREAM_EVENTS: u64 = 10_000;
const EVENTS_A_COMMIT: usize = 1000;

/// The filled stores, once somebody asks for them.
pub(crate) struct Filled<'a> {
    settings: &'a Settings,
    stores: Option<Stores>,
}

/// What was filled.
pub(crate) struct Stores {
    pub(crate) all: Vec<FilledStore>,
    pub(crate) streams: u64,
    pub(crate) events: u64,
    pub(crate) long_stream_events: u64,
}

/// Whose store it is, and where it lies.
pub(crate) struct FilledStore {
    pub(crate) choice: Choice,
    peer: Option<Box<dyn Peer>>,
    pub(crate) place: Place,
}

impl<'a> Filled<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Self {
        Self { settings, stores: None }
    }

    /// The stores, open, and everything read once: caches are warm.
    pub(crate) fn open(&mut self) -> Result<&Stores, Box<dyn Error>> {
        let stores = self.closed()?;
        for store in &mut stores.all {
            let peer = store.choice.open(store.place.path())?;
            peer.reader()?.read(Selection::All)?;
            store.peer = Some(peer);
        }
        Ok(stores)
    }

    /// The stores, closed in order.
    pub(crate) fn closed(&mut self) -> Result<&mut Stores, Box<dyn Error>> {
        let mut stores = match self.stores.take() {
            Some(stores) => stores,
            None => Stores::fill(self.settings)?,
        };
        stores.all.iter_mut().for_each(|store| store.peer = None);
        Ok(self.stores.insert(stores))
    }
}

impl FilledStore {
    pub(crate) fn peer(&self) -> &dyn Peer {
        self.peer.as_deref().expect("`Filled::open` opened it")
    }
}

pub(crate) fn stream_name(number: u64) -> String {
    format!("order-{number:08}")
}

impl Stores {
    fn fill(settings: &Settings) -> Answer<Self> {
        let streams = (settings.events() / STREAM_EVENTS).max(1);
        let long_stream_events = LONG_STREAM_EVENTS.min(settings.events());
        let events = streams * STREAM_EVENTS + long_stream_events;
        let mut stores = Self { all: Vec::new(), streams, events, long_stream_events };
        for choice in settings.reading() {
            let place = Place::fresh(&settings.directory, &format!("filled-{}", choice.word()))?;
            let started = Instant::now();
            let peer = choice.open(place.path())?;
            stores.each_commit(|events| peer.append(events))?;
            if let Some(store) = peer.embedded().filter(|_| choice == Choice::Compressed) {
                compress_everything(store)?;
            }
            let rate = grouped(events as f64 / started.elapsed().as_secs_f64());
            eprintln!("filled {} with {events} events, {rate} a second", choice.title());
            stores.all.push(FilledStore { choice, peer: Some(peer), place });
        }
        Ok(stores)
    }

    /// Every stream's next event, in shuffled order, many streams a commit; then the long stream.
    fn each_commit(&self, mut commit: impl FnMut(Vec<New<'_>>) -> Answer<u64>) -> Answer<()> {
        let mut names = (0..self.streams).map(stream_name).collect::<Vec<_>>();
        let mut random = Random::seeded(1);
        let mut samples = Samples::new();
        for version in 0..STREAM_EVENTS {
            random.shuffle(&mut names);
            for names in names.chunks(EVENTS_A_COMMIT) {
                commit(names.iter().map(|name| new(name, version, &mut samples)).collect())?;
            }
        }
        for start in (0..self.long_stream_events).step_by(EVENTS_A_COMMIT) {
            let end = (start + EVENTS_A_COMMIT as u64).min(self.long_stream_events);
            commit((start..end).map(|version| new(LONG_STREAM, version, &mut samples)).collect())?;
        }
        Ok(())
    }
}

fn new<'a>(stream: &'a str, before: u64, samples: &mut Samples) -> New<'a> {
    New { stream, before, seen: None, sample: samples.make() }
}
