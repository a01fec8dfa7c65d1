//! What must hold of a damaged store: it is noticed or harmless, and never returned as data.
//!
//! Every event that is returned is the one that was appended at its place. A read that misses
//! one ends with an error. A store that opens for writing and reads without an error has
//! everything, but for an end that looks like what a crash tore ([`Sound::events_at_least`]).

use std::sync::Arc;
use std::time::Duration;

use hitherto_store::{
    Append, Conflict, EmbeddedStore, Error, ErrorKind, EventId, EventStore, Events,
    ExpectedVersion, MemoryDisk, NewEvent, Options, Position, Query, Recorded, verify_disk,
};

use crate::disk::BoundedDisk;
use crate::image::Image;
use crate::random::Random;
use crate::salvage;
use crate::sound::{Sound, TickingClock, options};

/// What does not decide anything: it can be made again from the rest.
const DERIVED: [&str; 3] = [".idx", ".cache", ".tmp"];
/// How often the store that is opened compresses what it finds: that takes longer than all else.
const COMPRESSES_ONCE_IN: usize = 12;
/// How often it is repaired as well.
const REPAIRS_ONCE_IN: usize = 3;
const NO_WAIT: Duration = Duration::ZERO;

/// What was noticed, in words: damage that is noticed in a new way is worth going on from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Noticed(pub Vec<String>);

/// A broken promise.
pub type Broken = String;

macro_rules! ensure {
    ($holds:expr, $($words:tt)*) => {
        if !$holds {
            return Err(format!($($words)*));
        }
    };
}
pub(crate) use ensure;

/// A damaged store, and what it was.
pub(crate) struct Check<'a> {
    sound: &'a Sound,
    image: &'a Image,
    /// Fewer events than this must not be there without an error.
    at_least: u64,
    noticed: Noticed,
    options: Options,
    random: Random,
}

impl<'a> Check<'a> {
    /// A check of this image of a store. Which queries are asked follows from the seed.
    pub(crate) fn new(sound: &'a Sound, image: &'a Image, seed: u64) -> Self {
        let at_least = sound.events_at_least(image);
        let (noticed, mut random, mut options) = (Noticed::default(), Random::new(seed), options());
        if random.once_in(COMPRESSES_ONCE_IN) {
            options.raw_bytes_max = 0;
        }
        Self { sound, image, at_least, noticed, options, random }
    }

    /// Opens, reads, follows, verifies, repairs, and appends. Returns what was noticed.
    pub(crate) fn everything(mut self) -> Result<Noticed, Broken> {
        let has_error = self.reader()?;
        self.verify(has_error)?;
        if self.random.once_in(REPAIRS_ONCE_IN) {
            self.repair()?;
        }
        self.writer()?;
        Ok(self.noticed)
    }

    fn disk(&self) -> BoundedDisk {
        BoundedDisk::new(self.image.disk())
    }

    fn notice(&mut self, error: &Error) {
        self.noticed.0.push(without_numbers(&error.to_string()));
    }

    /// Whether only files that can be made again are damaged.
    fn is_only_derived(&self) -> bool {
        let is_derived = |name: &str| DERIVED.iter().any(|suffix| name.ends_with(suffix));
        self.image.changed(&self.sound.image).all(is_derived)
    }

    /// Whether the damage made another store of it, or a new one.
    fn is_another(&self, store: &EmbeddedStore) -> bool {
        let is_same = |id: EventId| id == self.sound.store_id;
        let format_is_sound = self.image.0.get("format") == self.sound.image.0.get("format");
        !format_is_sound && store.stat().is_ok_and(|stat| !is_same(stat.store_id))
    }

    /// Reads without writing; whether that ended with an error anywhere.
    fn reader(&mut self) -> Result<bool, Broken> {
        let disk = self.disk();
        let opened =
            EmbeddedStore::read_only_on(disk, TickingClock::default(), self.options.clone());
        let store = match self.opened(opened)? {
            None => return Ok(true),
            Some(store) if self.is_another(&store) => return Ok(false),
            Some(store) => store,
        };
        let has_error = self.read_everything(&store)?;
        store.close().map_err(|error| format!("a reader could not be closed: {error}"))?;
        Ok(has_error)
    }

    /// A store that does not open says that it is damaged, and is.
    fn opened(
        &mut self,
        opened: Result<EmbeddedStore, Error>,
    ) -> Result<Option<EmbeddedStore>, Broken> {
        match opened {
            Ok(store) => Ok(Some(store)),
            Err(error) => {
                let kinds = [ErrorKind::Corrupt, ErrorKind::Invalid, ErrorKind::NotFound];
                ensure!(kinds.contains(&error.kind()), "opening ended with {error:?}");
                ensure!(!self.is_only_derived(), "a store that lost nothing did not open: {error}");
                self.notice(&error);
                Ok(None)
            }
        }
    }

    /// Whether a read ended with an error.
    fn read_everything(&mut self, store: &EmbeddedStore) -> Result<bool, Broken> {
        let head = store.head().wait().map_err(|error| format!("no head: {error}"))?.0;
        ensure!(self.sound.commits.contains(&head), "{head} events: a part of a commit");
        let mut has_error = false;
        for query in self.queries() {
            has_error |= self.read(store, &query, head)?;
        }
        has_error |= self.find(store, head)?;
        has_error |= self.look_around(store, head, has_error)?;
        let fits = has_error || head >= self.at_least;
        ensure!(fits, "{head} events, {} must be there", self.at_least);
        let lost_nothing = has_error && self.is_only_derived();
        ensure!(!lost_nothing, "a store that lost nothing has errors: {:?}", self.noticed);
        Ok(has_error)
    }

    /// Everything both ways, and a few more.
    fn queries(&mut self) -> Vec<Query> {
        let mut queries = vec![Query::all(), Query::all().backward()];
        for _ in 0..6 {
            let query = self.query();
            let both = [query.clone(), query.backward()];
            queries.extend(both);
        }
        queries
    }

    fn query(&mut self) -> Query {
        let random = &mut self.random;
        let position = Position(random.below(self.sound.events.len() + 2) as u64);
        let (tag, number) = (["x", "y", "z"][random.below(3)], random.below(5));
        let stream = ["a-1", "a-2", "b-1", "a-1x", "c", "d"][random.below(6)];
        let kind = ["Opened", "Changed", "Never"][random.below(3)];
        let query = match random.below(8) {
            0 => Query::all(),
            1 => Query::category(["a", "b", "c"][random.below(3)]),
            2 => Query::of_kinds([kind]),
            3 => Query::tag(tag, number),
            4 => Query::tag(tag, number).or(Query::stream(stream).kinds([kind])),
            5 => Query::tag(tag, number).with_tag(format!("y:{}", random.below(4))),
            _ => Query::stream(stream),
        };
        match random.below(6) {
            0 => query.after(position),
            1 => query.up_to(position),
            2 => query.limit(random.below(5) as u64),
            3 if query.items.len() == 1 && query.items[0].stream.is_some() => {
                query.after_version(random.below(6) as u64).up_to_version(random.below(9) as u64)
            }
            4 => self.between_times(query),
            _ => query,
        }
    }

    fn between_times(&mut self, query: Query) -> Query {
        let times = [self.random.pick(&self.sound.events), self.random.pick(&self.sound.events)];
        match times.map(|event| event.map(Recorded::recorded_at)) {
            [Some(since), Some(until)] => query.since(since).until(until),
            _ => query,
        }
    }

    /// What a read of a whole store of so many events gives.
    fn wanted<'b>(&'b self, query: &Query, head: u64) -> Vec<&'b Recorded> {
        let events = self.sound.events[..head as usize].iter();
        let mut events = events.filter(|event| query.matches(event)).collect::<Vec<_>>();
        if query.direction == hitherto_store::Direction::Backward {
            events.reverse();
        }
        events.truncate(query.limit.map_or(usize::MAX, |limit| limit as usize));
        events
    }

    /// Whether the read ended with an error.
    fn read(&mut self, store: &EmbeddedStore, query: &Query, head: u64) -> Result<bool, Broken> {
        let wanted = self.wanted(query, head);
        let (found, error) = take(store.read(query.clone()), wanted.len() + 1);
        for (index, event) in found.iter().enumerate() {
            let wanted = wanted.get(index).copied();
            let is_right = wanted == Some(event);
            ensure!(is_right, "of {head} {query:?} gave {event:?}, not {wanted:?}");
        }
        let is_whole = error.is_some() || found.len() == wanted.len();
        ensure!(is_whole, "of {head} {query:?} gave {}, not {}", found.len(), wanted.len());
        if let Some(error) = &error {
            let lost_nothing = self.is_only_derived();
            ensure!(
                !lost_nothing,
                "nothing was lost, but of {head} {query:?} ended with {error:?}"
            );
            self.notice(error);
        }
        Ok(error.is_some())
    }

    /// Whether looking for an event by its id ended with an error.
    fn find(&mut self, store: &EmbeddedStore, head: u64) -> Result<bool, Broken> {
        let mut has_error = false;
        for _ in 0..4 {
            let Some(event) = self.random.pick(&self.sound.events) else { continue };
            match store.find(event.id()).wait() {
                Ok(Some(found)) => ensure!(found == *event, "{found:?} has the id of {event:?}"),
                Ok(None) => ensure!(event.position().0 > head, "{event:?} is not found"),
                Err(error) => {
                    self.notice(&error);
                    has_error = true;
                }
            }
        }
        let nobody = store.find(EventId::from_u128(7)).wait();
        ensure!(nobody.as_ref().map_or(true, Option::is_none), "{nobody:?} was never appended");
        Ok(has_error || nobody.is_err())
    }

    /// Numbers, streams and snapshots; whether one of them ended with an error.
    fn look_around(
        &mut self,
        store: &EmbeddedStore,
        head: u64,
        is_damaged: bool,
    ) -> Result<bool, Broken> {
        let (stat, streams) = (store.stat(), store.streams(None));
        for (key, _) in &self.sound.snapshots {
            let found = store.snapshots().and_then(|snapshots| snapshots.get(key));
            let was_put = |value: &Vec<u8>| {
                self.sound.snapshots.iter().any(|(other, put)| other == key && put == value)
            };
            ensure!(found.as_ref().is_none_or(was_put), "snapshot {key} is not what was put");
        }
        let (stat, streams) = match (stat, streams) {
            (Ok(stat), Ok(streams)) => (stat, streams),
            (stat, streams) => {
                for error in [stat.err(), streams.err()].iter().flatten() {
                    let lost_nothing = self.is_only_derived();
                    ensure!(!lost_nothing, "nothing was lost, but numbers ended with {error:?}");
                    self.notice(error);
                }
                return Ok(true);
            }
        };
        if !is_damaged {
            ensure!(stat.head.0 == head, "the head is {head}, not {}", stat.head);
            for stream in &streams {
                let query = Query::stream(stream.name.as_str());
                let version = self.wanted(&query, head).len() as u64;
                ensure!(stream.version == version, "{stream:?} has {version} events");
            }
            let events: u64 = streams.iter().map(|stream| stream.version).sum();
            let in_streams = &self.sound.events[..head as usize];
            let in_streams = in_streams.iter().filter(|event| event.stream().is_some()).count();
            ensure!(events == in_streams as u64, "{events} of {in_streams} events are in streams");
            ensure!(stat.streams == streams.len() as u64, "{stat:?} counts streams otherwise");
        }
        Ok(false)
    }

    fn verify(&mut self, has_error: bool) -> Result<(), Broken> {
        let disk = Arc::new(self.disk());
        match verify_disk(disk) {
            Ok(report) => {
                ensure!(!has_error || !report.damages.is_empty(), "verify did not notice it");
                let words = report.damages.iter().map(|damage| without_numbers(&damage.what));
                self.noticed.0.extend(words);
            }
            Err(error) => {
                ensure!(has_error, "verify ended with {error:?}, reading did not");
                self.notice(&error);
            }
        }
        Ok(())
    }

    /// Of a store that lost nothing, a repair saves everything; of another one what it can.
    fn repair(&mut self) -> Result<(), Broken> {
        if let Some(error) = salvage::check(self.sound, self.image)? {
            ensure!(!self.is_only_derived(), "a store that lost nothing is not repaired: {error}");
            self.notice(&error);
        }
        Ok(())
    }

    fn writer(&mut self) -> Result<(), Broken> {
        let (memory, clock) = (self.image.disk(), TickingClock::default());
        let disk = BoundedDisk::new(memory.clone());
        let opened = EmbeddedStore::on(disk, clock.clone(), self.options.clone());
        let store = match self.opened(opened)? {
            None => return Ok(()),
            Some(store) if self.is_another(&store) => return Ok(()),
            Some(store) => store,
        };
        let has_error = self.read_everything(&store)?;
        let head = store.head().wait().map_err(|error| format!("no head: {error}"))?.0;
        self.follow(&store, head, has_error)?;
        let appended = self.append(&store, head);
        if !has_error {
            let Some(appended) = appended? else { return Ok(()) };
            store.close().map_err(|error| format!("it could not be closed: {error}"))?;
            return self.reopen(&memory, &clock, head, &appended);
        }
        drop(store);
        // Whatever it did with a store that it could not read, it must open or say why.
        drop(EmbeddedStore::on(BoundedDisk::new(memory), clock, self.options.clone()));
        Ok(())
    }

    fn follow(&mut self, store: &EmbeddedStore, head: u64, damaged: bool) -> Result<(), Broken> {
        let query = self.query();
        let forward = Query { direction: hitherto_store::Direction::Forward, ..query };
        let mut events = store.follow(forward.clone());
        for wanted in self.wanted(&forward, head) {
            match events.next_within(NO_WAIT) {
                Some(Some(Ok(event))) => ensure!(event == *wanted, "{event:?} is not {wanted:?}"),
                Some(Some(Err(_))) if damaged => return Ok(()),
                other => return Err(format!("{forward:?} gave {other:?} and not {wanted:?}")),
            }
        }
        let next = events.next_within(NO_WAIT);
        let is_end = damaged || matches!(next, None | Some(None));
        ensure!(is_end, "{forward:?} gave {next:?} behind the end");
        Ok(())
    }

    /// Appends what fits, what does not, and what was appended before; what is new then. None if
    /// damage that nothing had come across so far was told of instead.
    fn append(
        &mut self,
        store: &EmbeddedStore,
        head: u64,
    ) -> Result<Option<Vec<Recorded>>, Broken> {
        let stream = ["a-1", "b-1", "new"][self.random.below(3)];
        let version = self.wanted(&Query::stream(stream), head).len() as u64;
        let event = |number| NewEvent::json("Added", "{}").id(EventId::from_u128(number));
        let to = |version| Append::to(stream).expect(ExpectedVersion::Exact(version));
        let wrong = store.append(to(version + 1).event(event(1)));
        let conflict = wrong.as_ref().err().and_then(Error::as_conflict);
        ensure!(
            matches!(conflict, Some(Conflict::WrongVersion { actual, .. }) if *actual == version),
            "{stream} at {version} took another version: {wrong:?}"
        );
        if !self.repeat(store, head)? {
            let now = store.head().wait().map_err(|error| format!("no head: {error}"))?.0;
            ensure!(now == head, "what was refused for damage was stored: {now} after {head}");
            return Ok(None);
        }
        let saved = store.append(to(version).event(event(2)).event(event(3)));
        let saved =
            saved.map_err(|error| format!("{stream} at {version} took nothing: {error}"))?;
        ensure!(saved.first_position.0 == head + 1, "{saved:?} after {head}");
        let added = store.read(Query::all().after(Position(head)));
        let added = added.collect::<Result<_, _>>();
        added.map(Some).map_err(|error| format!("just appended: {error}"))
    }

    /// What is there is not stored twice; false if it cannot be seen whether it is there. Only
    /// appends look into the table of ids: if a page of it is damaged, and the log behind it too,
    /// they are the first to come across that.
    fn repeat(&mut self, store: &EmbeddedStore, head: u64) -> Result<bool, Broken> {
        let number = self.random.below(self.sound.appends.len());
        let (append, last) = (self.sound.appends[number].clone(), self.sound.commits[number + 1]);
        if last <= head {
            let saved = store.append(append);
            if let Err(error) = &saved
                && error.kind() == ErrorKind::Corrupt
                && !self.is_only_derived()
            {
                self.notice(error);
                return Ok(false);
            }
            let is_repeated =
                saved.as_ref().is_ok_and(|saved| saved.repeated && saved.position.0 == last);
            ensure!(is_repeated, "what ends at {last} was stored again: {saved:?}");
        }
        Ok(true)
    }

    fn reopen(
        &mut self,
        disk: &MemoryDisk,
        clock: &TickingClock,
        head: u64,
        appended: &[Recorded],
    ) -> Result<(), Broken> {
        let disk = BoundedDisk::new(disk.clone());
        let store = EmbeddedStore::on(disk, clock.clone(), self.options.clone());
        let store = store.map_err(|error| format!("it did not open again: {error}"))?;
        let (found, error) = take(store.read(Query::all()), usize::MAX);
        let wanted = self.sound.events[..head as usize].iter().chain(appended);
        let is_whole = error.is_none() && found.iter().eq(wanted);
        ensure!(is_whole, "after {head} and 2 more, {} are there, {error:?}", found.len());
        Ok(())
    }
}

/// The same thing at another place is noticed in the same way.
pub(crate) fn without_numbers(words: &str) -> String {
    words.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}

/// The events up to an error, the end, or so many.
fn take(events: Events, limit: usize) -> (Vec<Recorded>, Option<Error>) {
    let mut found = Vec::new();
    for event in events.take(limit) {
        match event {
            Ok(event) => found.push(event),
            Err(error) => return (found, Some(error)),
        }
    }
    (found, None)
}
