//! Sound stores of many shapes, each with everything that is known about it: what was appended,
//! and which bytes prove it.

use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hitherto_store::{
    Append, Clock, EmbeddedStore, EventId, EventStore, MemoryDisk, NewEvent, Options, Query,
    Recorded, Tag, Ticket, Timestamp,
};

use crate::disk::BoundedDisk;
use crate::image::Image;
use crate::random::Random;

/// How many shapes there are.
pub(crate) const SHAPES: u64 = 32;
/// Bytes that a write leaves alone between two that it changed, if they belong together.
const GAP_BYTES: usize = 512;
/// How the names of the files end that decide what is there.
const LOG_SUFFIX: &str = ".log";
const STREAMS: [&str; 5] = ["a-1", "a-2", "b-1", "b-2", "c"];
const KINDS: [&str; 3] = ["Opened", "Changed", "Closed"];

/// A sound store.
#[derive(Debug, Clone)]
pub struct Sound {
    /// Its files.
    pub image: Image,
    /// Its files at earlier times.
    pub older: Vec<Image>,
    /// Its id.
    pub store_id: EventId,
    /// All its events, in order.
    pub events: Vec<Recorded>,
    /// Its appends, in order.
    pub appends: Vec<Append>,
    /// How many events there were after each append, and before the first.
    pub commits: Vec<u64>,
    /// What was put as a snapshot.
    pub snapshots: Vec<(String, Vec<u8>)>,
    /// What was done, in order.
    steps: Vec<Step>,
}

/// Something that was written.
#[derive(Debug, Clone)]
struct Step {
    /// Events that there were before.
    events_before: u64,
    /// The file and the bytes in it without which it cannot be known.
    proof: (String, Range<usize>),
}

/// A clock that goes on at every look.
#[derive(Debug, Clone, Default)]
pub(crate) struct TickingClock(Arc<AtomicI64>);

impl Clock for TickingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(1_700_000_000_000_000_000 + self.0.fetch_add(1, Ordering::Relaxed))
    }
}

impl Sound {
    /// The store with this number: shapes repeat after [`SHAPES`], their ids do not.
    pub fn new(number: u64) -> Self {
        let builder = Builder::new(number);
        builder.build()
    }

    /// So many events must be there however the files of this image were damaged, or reading must
    /// end with an error.
    ///
    /// From the end backwards, whatever has lost a part of its proof may be lost silently: it looks
    /// like what a crash tore. The first thing whose proof is whole shows that everything before
    /// was durable.
    pub fn events_at_least(&self, damaged: &Image) -> u64 {
        let last = self.steps.iter().rev().take_while(|step| !step.is_proven(self, damaged)).last();
        last.map_or(self.events.len() as u64, |step| step.events_before)
    }
}

impl Step {
    fn is_proven(&self, sound: &Sound, damaged: &Image) -> bool {
        let (name, range) = &self.proof;
        let bytes = |image: &Image| Some(image.0.get(name)?.get(range.clone())?.to_vec());
        bytes(&sound.image).is_some_and(|proof| bytes(damaged) == Some(proof))
    }
}

/// Options for stores that are opened to be looked at.
pub(crate) fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 16 << 10;
    options.log_file_bytes_max = 32 << 10;
    options.memory_bytes_max = 8 << 20;
    options.raw_bytes_max = u64::MAX;
    options
}

struct Builder {
    random: Random,
    number: u64,
    disk: MemoryDisk,
    bounded: BoundedDisk,
    clock: TickingClock,
    options: Options,
    store: EmbeddedStore,
    /// Appends that were made while another was synced.
    meanwhile: Arc<Mutex<Vec<(Append, Ticket)>>>,
    before: Image,
    sound: Sound,
}

impl Builder {
    fn new(number: u64) -> Self {
        let mut random = Random::new(number % SHAPES);
        let store_id = EventId::from_u128(0x5eed << 64 | u128::from(number));
        let disk = MemoryDisk::new();
        let mut options = options();
        options.store_id = Some(store_id);
        options.log_file_bytes_min = *random.pick(&[8 << 10, 16 << 10, 64 << 10]).expect("three");
        options.log_file_bytes_max =
            options.log_file_bytes_min * *random.pick(&[1, 2, 8]).expect("three");
        options.raw_bytes_max = *random.pick(&[0, 40 << 10, u64::MAX]).expect("three");
        let bounded = BoundedDisk::new(disk.clone());
        let clock = TickingClock::default();
        let store = open(&bounded, &clock, &options);
        let sound = Sound {
            image: Image::default(),
            older: Vec::new(),
            store_id,
            events: Vec::new(),
            appends: Vec::new(),
            commits: vec![0],
            snapshots: Vec::new(),
            steps: Vec::new(),
        };
        let (before, meanwhile) = (Image::of(&disk), Arc::default());
        Self { random, number, disk, bounded, clock, options, store, meanwhile, before, sound }
    }

    fn build(mut self) -> Sound {
        let appends = *self.random.pick(&[3, 12, 40, 90]).expect("four");
        for _ in 0..appends {
            self.step();
        }
        let events = self.store.read(Query::all());
        self.sound.events = events.collect::<Result<_, _>>().expect("the store is sound");
        match self.random.below(3) {
            0 => {}
            1 => self.mark(),
            _ => self.close(),
        }
        self.sound.image = Image::of(&self.disk);
        self.sound
    }

    /// One append, sometimes two that are written at once, sometimes with something before it.
    fn step(&mut self) {
        if self.random.once_in(8) {
            self.sound.older.push(Image::of(&self.disk));
        }
        match self.random.below(24) {
            0 => self.mark(),
            1 => self.crash(),
            2 => self.close_and_open(),
            3 => self.put_snapshot(),
            _ => {}
        }
        if self.random.once_in(4) {
            self.append_while_syncing();
        }
        let append = self.append();
        let saved = self.store.append(append.clone()).expect("it fits");
        self.note();
        self.note_commit(append, saved.position.0);
        let meanwhile = std::mem::take(&mut *lock(&self.meanwhile));
        for (append, ticket) in meanwhile {
            let saved = ticket.wait().expect("it fits");
            self.note_commit(append, saved.position.0);
        }
    }

    /// Appends that come while another is synced are written together.
    fn append_while_syncing(&mut self) {
        let appends = (0..2 + self.random.below(2)).map(|_| self.append()).collect::<Vec<_>>();
        let (store, meanwhile) = (self.store.clone(), Arc::clone(&self.meanwhile));
        self.bounded.meanwhile(move || {
            let submit = |append: Append| (append.clone(), store.submit(append));
            lock(&meanwhile).extend(appends.into_iter().map(submit));
        });
    }

    fn append(&mut self) -> Append {
        let stream = (*self.random.pick(&STREAMS).expect("there are some")).to_owned();
        let mut append = match self.random.below(6) {
            0 => Append::without_stream(),
            _ => Append::to(stream.clone()),
        };
        for _ in 0..=self.random.below(3) {
            append = append.event(self.event());
        }
        if self.random.once_in(5) {
            append = append.and(Append::to(stream + "x").event(self.event()));
        }
        append
    }

    fn event(&mut self) -> NewEvent {
        let kind = *self.random.pick(&KINDS).expect("there are some");
        let bytes = match self.random.below(40) {
            0 => 9000,
            1..=10 => self.random.below(1500),
            _ => self.random.below(120),
        };
        let payload = (0..bytes).map(|_| b'a' + self.random.below(26) as u8).collect::<Vec<_>>();
        let id =
            EventId::from_u128(u128::from(self.number) << 64 | u128::from(self.random.number()));
        let mut event = NewEvent::json(kind, payload).id(id);
        for tag in 0..self.random.below(3) {
            event = event.tag(Tag::new(["x", "y", "z"][tag], self.random.below(4)));
        }
        if self.random.once_in(4) {
            event = event.metadata(r#"{"by":"somebody"}"#).correlation(id);
        }
        event
    }

    /// Notes what was written since the last look.
    fn note(&mut self) {
        let now = Image::of(&self.disk);
        let proof = last_change(&self.before, &now);
        let events_before = *self.sound.commits.last().expect("there is the first");
        self.sound.steps.extend(proof.map(|proof| Step { events_before, proof }));
        self.before = now;
    }

    fn note_commit(&mut self, append: Append, last: u64) {
        self.sound.appends.push(append);
        self.sound.commits.push(last);
    }

    fn mark(&mut self) {
        self.store.mark_idle().expect("the disk is well");
        self.note();
    }

    fn close(&mut self) {
        self.store.clone().close().expect("the disk is well");
        self.note();
    }

    fn close_and_open(&mut self) {
        self.close();
        self.store = open(&self.bounded, &self.clock, &self.options);
        self.note();
    }

    /// The process ends, and nothing is lost with it.
    fn crash(&mut self) {
        self.disk = Image::of(&self.disk).disk();
        self.bounded = BoundedDisk::new(self.disk.clone());
        self.store = open(&self.bounded, &self.clock, &self.options);
        self.note();
    }

    fn put_snapshot(&mut self) {
        let key = format!("snapshot-{}", self.random.below(4));
        let value = vec![b's'; self.random.below(300)];
        let snapshots = self.store.snapshots().expect("an embedded store has them");
        snapshots.put(&key, &value).expect("the disk is well");
        self.sound.snapshots.push((key, value));
    }
}

fn open(disk: &BoundedDisk, clock: &TickingClock, options: &Options) -> EmbeddedStore {
    EmbeddedStore::on(disk.clone(), clock.clone(), options.clone()).expect("it is sound")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The last bytes of the log that became other ones, in the file that is written to.
fn last_change(before: &Image, now: &Image) -> Option<(String, Range<usize>)> {
    let logs = now.names().into_iter().filter(|name| name.ends_with(LOG_SUFFIX));
    let name = logs.filter(|name| now.0.get(*name) != before.0.get(*name)).max()?;
    let empty = Vec::new();
    let (old, new) = (before.0.get(name).unwrap_or(&empty), &now.0[name]);
    let differs = |&place: &usize| old.get(place).copied().unwrap_or(0) != new[place];
    let mut places = (0..new.len()).rev().filter(differs);
    let end = places.next()? + 1;
    let mut start = end - 1;
    for place in places.take_while(|&place| place < end) {
        if start - place > GAP_BYTES {
            break;
        }
        start = place;
    }
    Some((name.to_owned(), start..end))
}
