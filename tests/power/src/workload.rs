//! The process on the disk whose power is cut: appends from several threads, follows, and bears
//! witness to all it is promised.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use hitherto_store::planted::{PlantedBug, plant};
use hitherto_store::{
    Append, Conflict, EmbeddedStore, EventStore, Events, NewEvent, Position, Query, Recorded,
    Result, Saved,
};

use crate::load::{KIND, Key, NUMBER_OF_MANY, THREADS, Way, boundary, options, own_stream};
use crate::promise::{Promise, Witness};

/// Appends, but says nothing.
const SILENT_THREAD: u64 = THREADS + 1;
const APPENDS_OF_SNAPSHOT: u64 = 4;

/// Events that were there before and are read again: of what the process before left, a power cut
/// must not take back what was seen.
const TAIL: u64 = 100;

/// How a process ends that was not cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It closes the store.
    Close,
    /// It is gone in the middle of its work.
    Exit,
    /// It is gone between the write and the sync of an append that many events belong to, so that
    /// they stand in the page cache only. Nobody was promised anything about them so far.
    Unsynced,
}

/// What one process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) store: PathBuf,
    /// The disk that the file system lies on.
    pub(crate) disk: PathBuf,
    pub(crate) round: u64,
    /// Appends of each thread.
    pub(crate) appends: u64,
    pub(crate) end: End,
    pub(crate) bug: Option<PlantedBug>,
}

impl Work {
    pub(crate) fn to_arguments(&self) -> [String; 6] {
        let path = |path: &Path| path.display().to_string();
        let bug = match self.bug {
            Some(PlantedBug::AcknowledgeBeforeSync) => "acknowledge-before-sync",
            Some(PlantedBug::SkipDirectorySync) => "skip-directory-sync",
            _ => "no-bug",
        };
        let end = match self.end {
            End::Close => "close",
            End::Exit => "exit",
            End::Unsynced => "unsynced",
        };
        let numbers = (self.round.to_string(), self.appends.to_string());
        [path(&self.store), path(&self.disk), numbers.0, numbers.1, end.into(), bug.into()]
    }

    pub(crate) fn from_arguments(arguments: &[String]) -> Option<Self> {
        let [store, disk, round, appends, end, bug] = arguments else { return None };
        Some(Self {
            store: store.into(),
            disk: disk.into(),
            round: u64::from_str(round).ok()?,
            appends: u64::from_str(appends).ok()?,
            end: match end.as_str() {
                "close" => End::Close,
                "exit" => End::Exit,
                "unsynced" => End::Unsynced,
                _ => return None,
            },
            bug: match bug.as_str() {
                "acknowledge-before-sync" => Some(PlantedBug::AcknowledgeBeforeSync),
                "skip-directory-sync" => Some(PlantedBug::SkipDirectorySync),
                _ => None,
            },
        })
    }

    /// Does it.
    pub(crate) fn run(&self) -> Result<()> {
        plant(self.bug);
        let store = self.open()?;
        let head = store.head().wait()?;
        let tail = Position(head.0.saturating_sub(TAIL));
        self.witness_commits(store.read(Query::all().after(tail)), tail > Position::START);
        let followed = store.follow(Query::all().after(head));
        std::thread::scope(|scope| {
            scope.spawn(|| self.witness_commits(followed, false));
            let appending = (0..THREADS).map(|thread| {
                let store = &store;
                scope.spawn(move || self.append_from(store, thread))
            });
            for thread in appending.collect::<Vec<_>>() {
                thread.join().expect("nobody else appends here, so every append is accepted");
            }
            store.clone().close()
        })?;
        if self.end == End::Unsynced { self.leave_unsynced() } else { Ok(()) }
    }

    fn open(&self) -> Result<EmbeddedStore> {
        let mut options = options(self.round);
        // A bug is planted in threads, and only in those that are known here.
        options.background = self.bug.is_none();
        EmbeddedStore::open_with(&self.store, options)
    }

    /// Opened once more, so that nobody follows.
    fn leave_unsynced(&self) -> Result<()> {
        let store = self.open()?;
        let key = Key { round: self.round, thread: SILENT_THREAD, number: NUMBER_OF_MANY };
        let version = last(&store, Query::stream(own_stream(SILENT_THREAD)));
        let version = version.as_ref().map_or(0, Recorded::version);
        plant(Some(PlantedBug::AcknowledgeBeforeSync));
        store.append(key.append(version, Position::START))?;
        std::process::exit(0)
    }

    fn append_from(&self, store: &EmbeddedStore, thread: u64) {
        plant(self.bug);
        let mut witness = self.witness(thread);
        let own = last(store, Query::stream(own_stream(thread)));
        let mut version = own.as_ref().map_or(0, Recorded::version);
        let mut seen = last_position(store, boundary(thread));
        if let Some(promise) = own.map(|event| repeat(store, &event)) {
            witness.promise(promise).expect("the disk takes the promise");
        }
        for number in 0..self.appends {
            let key = Key { round: self.round, thread, number };
            let saved = append(store, key, version, seen).expect("nobody else appends here");
            match key.way() {
                Way::Condition => seen = saved.position,
                Way::Twice => {}
                _ => version = saved.versions[0],
            }
            let promise = Promise { key, position: saved.first_position };
            witness.promise(promise).expect("the disk takes the promise");
            if number.is_multiple_of(APPENDS_OF_SNAPSHOT) {
                keep_snapshot(store, key);
            }
            if let Some(promise) = refusal(store, (thread + 1) % THREADS) {
                witness.promise(promise).expect("the disk takes the promise");
            }
        }
        if self.end == End::Exit {
            std::process::exit(0); // while the others go on
        }
    }

    /// What was read must survive, too.
    fn witness_commits(&self, events: Events, may_begin_inside: bool) {
        let mut witness = self.witness(THREADS);
        let mut last = None;
        for event in events {
            let Ok(event) = event else { return }; // the store was closed
            let key = Key::of(&event).expect("every event names its append");
            let may_be_inside = last.is_none() && may_begin_inside;
            if last.replace(key) != Some(key) && !may_be_inside {
                let promise = Promise { key, position: event.position() };
                witness.promise(promise).expect("the disk takes the promise");
            }
        }
    }

    fn witness(&self, voice: u64) -> Witness {
        Witness::new(&self.disk, voice).expect("the disk can be opened for direct writes")
    }
}

fn append(store: &EmbeddedStore, key: Key, version: u64, seen: Position) -> Result<Saved> {
    let saved = store.append(key.append(version, seen))?;
    assert!(!saved.repeated, "{key} was never appended before");
    if key.way() == Way::Twice {
        let repeated = store.append(key.append(version, seen))?;
        assert!(repeated.repeated, "{key} was appended a moment ago");
        assert_eq!(repeated.first_position, saved.first_position, "{key} is stored once");
    }
    Ok(saved)
}

fn keep_snapshot(store: &EmbeddedStore, key: Key) {
    let snapshots = store.snapshots().expect("an embedded store has a place for snapshots");
    let put = snapshots.put(own_stream(key.thread).as_str(), &key.snapshot());
    put.expect("the disk has room");
}

/// What a refusal is based on must survive, too: an append that what this thread did forbids, and
/// the reason that it is refused for.
fn refusal(store: &EmbeddedStore, thread: u64) -> Option<Promise> {
    if last_position(store, boundary(thread)) == Position::START {
        return None; // it might be accepted
    }
    let event = NewEvent::json(KIND, "never stored");
    let append = Append::without_stream().event(event);
    let refused = store.append(append.unless(boundary(thread), Position::START));
    let refused = refused.expect_err("the condition does not hold");
    let Some(&Conflict::ConditionFailed { position }) = refused.as_conflict() else {
        panic!("the condition does not hold, and nothing else is wrong: {refused}");
    };
    let reason = Query::all().after(Position(position.0 - 1)).limit(1);
    let reason = store.read(reason).next().expect("what a refusal names can be read");
    let reason = reason.expect("the store is well");
    let key = Key::of(&reason).expect("every event names its append");
    Some(Promise { key, position })
}

/// What a process before this one appended is known, whether it was told so or not.
fn repeat(store: &EmbeddedStore, event: &Recorded) -> Promise {
    let key = Key::of(event).expect("every event names its append");
    let repeated = store.append(key.append(0, Position::START)).expect("it is the same append");
    assert!(repeated.repeated, "{key} is there already");
    Promise { key, position: repeated.first_position }
}

fn last_position(store: &EmbeddedStore, query: Query) -> Position {
    last(store, query).map_or(Position::START, |event| event.position())
}

/// The last event that matches.
fn last(store: &EmbeddedStore, query: Query) -> Option<Recorded> {
    let last = store.read(query.backward().limit(1)).next();
    last.map(|event| event.expect("the store is well"))
}
