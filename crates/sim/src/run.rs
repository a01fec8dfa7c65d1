//! One run of the real store on a simulated disk, compared with the model after every crash.

use hitherto_store::{
    Append, Digest, EmbeddedStore, ErrorKind, EventStore, Position, Query, Recorded, Result,
};

use crate::backups::{self, Backups};
use crate::bank::Bank;
use crate::clock::SimClock;
use crate::cold::{self, ColdArchive};
use crate::decision::Decision;
use crate::disk::SimDisk;
use crate::faults::Operation;
use crate::followers::{Followers, Stopped};
use crate::model::Model;
use crate::options::{larger_files, small_files};
use crate::random::Random;
use crate::removed::{self, Removed};
use crate::rot;

/// What a run does. Everything follows from it.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a circumstance of its own")]
pub struct Plan {
    /// The seed of everything random.
    pub seed: u64,
    /// How often the power goes, or the process is killed.
    pub crashes: u32,
    /// After how many disk operations at the latest, each time; 0 for none but a last power cut at
    /// rest.
    pub operations_max: u64,
    /// How many appends at the most between two crashes.
    pub appends_max: u64,
    /// What fails now and then, once or from then on, besides the power.
    pub faults: &'static [Operation],
    /// Whether the room on the disk ends now and then.
    pub is_small: bool,
    /// Whether some crashes only end the process, so that the cache is still there.
    pub has_kills: bool,
    /// Whether reads bring fewer bytes than are there now and then.
    pub has_short_reads: bool,
    /// Whether log files are so large that dictionaries are made for them.
    pub has_dictionaries: bool,
}

impl Plan {
    /// Power cuts and kills on a sound disk.
    pub const fn of_crashes(
        seed: u64,
        crashes: u32,
        operations_max: u64,
        appends_max: u64,
    ) -> Self {
        Self {
            seed,
            crashes,
            operations_max,
            appends_max,
            faults: &[],
            is_small: false,
            has_kills: true,
            has_short_reads: true,
            has_dictionaries: false,
        }
    }
}

/// A plan with a bit of everything, which depends on the seed alone.
pub fn fresh_plan(seed: u64) -> Plan {
    use Operation::{Names, Read, Sync, Write};
    let plan = Plan::of_crashes(seed, 8, 30 + seed % 300, 90);
    let has_short_reads = (seed / 4).is_multiple_of(2);
    let plan = Plan { has_short_reads, has_dictionaries: seed % 32 >= 24, ..plan };
    match seed % 4 {
        0 => plan,
        1 => Plan { faults: &[Read, Write, Names], operations_max: 10_000, ..plan },
        2 => Plan { is_small: true, ..plan },
        // A process that goes on after a failed sync, without a power cut, is a story of its own:
        // see `every_failing_operation.rs`.
        _ => Plan { faults: &[Read, Write, Sync, Names], has_kills: false, ..plan },
    }
}

/// What happened in a run, in numbers: the same for the same plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trace {
    /// A hash of everything that was done on the disk.
    pub disk: u64,
    /// How many appends were acknowledged.
    pub acknowledged: u64,
    /// How many were refused.
    pub refused: u64,
    /// How many crashes there were.
    pub crashes: u32,
    /// How many index files, and how many compressed log files, the disk had at the crashes.
    pub index_files: u64,
    /// See there.
    pub compressed_files: u64,
    /// How many events were removed from their files.
    pub removed_events: u64,
    /// How many files were moved to the archive.
    pub archived_files: u64,
    /// How many backups were taken.
    pub backups: u64,
    /// How many events were given to followers.
    pub followed_events: u64,
    /// Whether the bits that rotted at the end were noticed.
    pub is_rot_noticed: bool,
}

/// A promise that was broken.
#[derive(Debug)]
pub struct Failure {
    /// The plan that shows it again.
    pub plan: Plan,
    /// What was promised, and what happened.
    pub what: String,
}

/// Runs a plan.
///
/// # Errors
/// The first promise that was broken.
pub fn run(plan: Plan) -> Result<Trace, Box<Failure>> {
    let mut run = Run::new(plan);
    run.play().map_err(|what| Box::new(Failure { plan, what }))?;
    Ok(run.trace)
}

struct Run {
    plan: Plan,
    random: Random,
    disk: SimDisk,
    clock: SimClock,
    bank: Bank,
    model: Model,
    /// The append whose outcome the crash left open.
    open: Option<Append>,
    /// Or the decision.
    undecided: Option<Decision>,
    /// A digest of history that was noted, and must not change.
    noted: Option<(Position, Digest)>,
    backups: Backups,
    followers: Followers,
    removed: Removed,
    trace: Trace,
}

impl Run {
    fn new(plan: Plan) -> Self {
        let (clock, disk) = (SimClock::default(), SimDisk::new());
        if plan.has_short_reads {
            disk.read_in_parts(plan.seed);
        }
        Self {
            plan,
            random: Random::new(plan.seed),
            disk,
            bank: Bank::new(plan.seed),
            model: Model::new(clock.clone()),
            clock,
            open: None,
            undecided: None,
            noted: None,
            backups: Backups::default(),
            followers: Followers::new(plan.seed),
            removed: Removed::default(),
            trace: Trace::default(),
        }
    }

    fn play(&mut self) -> Result<(), String> {
        for _ in 0..self.plan.crashes {
            if self.plan.operations_max > 0 {
                let operation = 1 + self.random.below(self.plan.operations_max);
                self.disk.cut_power_at(self.disk.operations() + operation);
            }
            self.live()?;
            self.crash();
        }
        self.live_after_crash()
    }

    /// Opens, works, and closes or not, until the disk fails or enough was done.
    fn live(&mut self) -> Result<(), String> {
        if self.random.once_in(3) {
            self.plan_fault();
        }
        let Some(store) = self.open_store()? else { return Ok(()) };
        if !self.compare(&store)? {
            return Ok(());
        }
        if self.random.once_in(3) {
            self.backups.check(&store, &self.disk, &self.clock)?;
        }
        self.followers.settle(&self.model)?;
        let went_well = self.work(&store)?;
        if went_well && self.random.once_in(3) {
            // It fails when the disk does.
            let _ = store.close();
        }
        Ok(())
    }

    /// Works with a store that is open; false if the disk failed.
    fn work(&mut self, store: &EmbeddedStore) -> Result<bool, String> {
        for _ in 0..self.random.below(self.plan.appends_max) {
            let goes_on = self.step(store)?;
            self.follow(store)?;
            if !goes_on {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// An append, and what else may happen; false if the disk failed.
    fn step(&mut self, store: &EmbeddedStore) -> Result<bool, String> {
        self.disturb(store);
        Ok((!self.random.once_in(9) || self.decide(store)?)
            && (!self.random.once_in(9) || self.care(store)?)
            && self.append(store)?
            && (!self.random.once_in(10) || self.compare(store)?))
    }

    /// Followers are given what is there; what they are given of an append that failed must stay.
    fn follow(&mut self, store: &EmbeddedStore) -> Result<(), String> {
        if let Some(undecided) = &self.undecided {
            self.followers.forgive(&self.model, undecided);
        }
        match self.followers.look(store, &self.model) {
            Ok(()) if self.followers.are_ahead() && !self.is_excused() => {
                Err("a follower was given what is not acknowledged".to_owned())
            }
            Err(Stopped::ByError(error))
                if self.is_excused() && error.kind() == ErrorKind::Unavailable =>
            {
                self.followers.stop();
                Ok(())
            }
            Err(Stopped::ByError(error)) => Err(format!("following: {error}")),
            Err(Stopped::Broken(what)) => Err(what),
            Ok(()) => Ok(()),
        }
    }

    /// What may happen between two appends: time goes on or back, a mark is written, a fault is
    /// near.
    fn disturb(&mut self, store: &EmbeddedStore) {
        self.clock.jump(if self.random.once_in(15) { -100 } else { 1 });
        if self.random.once_in(10) {
            // A failed mark stops the writer, and shows with the next append.
            let _ = store.mark_idle();
        }
        if self.random.once_in(20) {
            self.plan_fault();
        }
    }

    fn plan_fault(&mut self) {
        if self.plan.is_small && self.random.once_in(3) {
            let room = self.random.below(40_000);
            self.disk.set_capacity(Some(self.disk.used_bytes() + room));
        }
        let which = self.random.below(self.plan.faults.len() as u64);
        let Some(&operation) = self.plan.faults.get(which as usize) else { return };
        let from_now = 1 + self.random.below(8);
        if self.random.once_in(2) {
            self.disk.fail_once(operation, from_now);
        } else {
            self.disk.fail_from(operation, from_now);
        }
    }

    /// Whether the store may fail now.
    fn is_excused(&self) -> bool {
        self.disk.is_off() || self.disk.has_failed()
    }

    /// The store; none if the disk failed while it opened.
    fn open_store(&self) -> Result<Option<EmbeddedStore>, String> {
        ColdArchive::install(&self.disk);
        let options = if self.plan.has_dictionaries { larger_files() } else { small_files() };
        match EmbeddedStore::on(self.disk.clone(), self.clock.clone(), options) {
            Ok(store) => Ok(Some(store)),
            Err(error) if self.is_excused() && error.kind() == ErrorKind::Unavailable => Ok(None),
            Err(error) => Err(format!("it does not open: {error}")),
        }
    }

    /// One append, in the store and in the model; false if the disk failed.
    fn append(&mut self, store: &EmbeddedStore) -> Result<bool, String> {
        let head = Position(self.model.events().len() as u64);
        let model = self.model.clone();
        let append = self.bank.append(head, |stream| version_in(&model, stream));
        let answer = store.append(append.clone());
        if let Err(error) = &answer
            && matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Closed)
        {
            if !self.is_excused() {
                return Err(format!("it stopped without a reason: {error}"));
            }
            self.open = Some(append);
            return Ok(false);
        }
        let expected = self.model.append(append);
        self.count(answer.is_ok());
        same_answer(&answer, &expected).map(|()| true)
    }

    /// A decision about what is kept, in the store and in the model; false if the disk failed.
    fn decide(&mut self, store: &EmbeddedStore) -> Result<bool, String> {
        let model = self.model.clone();
        let decision = self.bank.about_notes(|stream| version_in(&model, stream));
        let is_refused = self.model.refuses(&decision);
        let answer = decision.ask(store);
        self.undecided = Some(decision);
        match answer {
            Ok(_) if !is_refused => self.learn_facts(store),
            Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Closed) => {
                if self.is_excused() {
                    Ok(false)
                } else {
                    Err(format!("no reason: {error}"))
                }
            }
            Err(_) if is_refused => {
                self.undecided = None;
                Ok(true)
            }
            answer => Err(format!("{:?} is answered {answer:?}", self.undecided)),
        }
    }

    /// What an operator does now and then; false if the disk failed.
    fn care(&mut self, store: &EmbeddedStore) -> Result<bool, String> {
        match self.random.below(6) {
            0 | 1 => self.archive(store),
            2 => self.back_up(store),
            _ => self.scavenge(store),
        }
    }

    /// Moves old files to the archive, or all that may go there; false if the disk failed.
    fn archive(&mut self, store: &EmbeddedStore) -> Result<bool, String> {
        let keep_bytes = if self.random.once_in(3) { 4 << 10 } else { 0 };
        match store.archive(&ColdArchive::install(&self.disk), keep_bytes) {
            Ok(archived) => {
                self.trace.archived_files += archived.files;
                self.removed.is_gone_from(&self.disk.directory(cold::DIRECTORY))?;
                Ok(true)
            }
            Err(error) if self.is_excused() && error.kind() == ErrorKind::Unavailable => Ok(false),
            Err(error) => Err(format!("archiving: {error}")),
        }
    }

    /// A backup that the disk does not let through stops nobody.
    fn back_up(&mut self, store: &EmbeddedStore) -> Result<bool, String> {
        let is_taken = self.backups.take(store, &self.disk, &self.model)?;
        self.trace.backups += u64::from(is_taken);
        if is_taken {
            self.removed.is_gone_from(&self.disk.directory(backups::DIRECTORY))?;
        }
        Ok(true)
    }

    /// Afterwards nothing of what was hidden is left; false if the disk failed.
    fn scavenge(&mut self, store: &EmbeddedStore) -> Result<bool, String> {
        match store.scavenge() {
            Ok(scavenged) => {
                self.trace.removed_events += scavenged.events;
                // Time may go on with the fact of the scavenge, and hide more than it removed.
                self.removed.take(&self.model.removed());
                self.removed.is_gone_from(&self.disk)?;
                self.learn_facts(store)
            }
            Err(error) if self.is_excused() && error.kind() != ErrorKind::Corrupt => Ok(false),
            Err(error) => Err(format!("scavenging: {error}")),
        }
    }

    /// Takes facts that the store has appended into the model; false if the disk failed.
    fn learn_facts(&mut self, store: &EmbeddedStore) -> Result<bool, String> {
        let known = Position(self.model.events().len() as u64);
        let facts = Query::stream("$retention").after(known);
        let Some(facts) = self.read(store, facts)? else { return Ok(false) };
        for fact in facts {
            let is_scavenge = fact.kind() == "$ScavengeBegun";
            let decision = if is_scavenge { None } else { self.undecided.take() };
            if decision.is_none() && !is_scavenge {
                return Err(format!("{fact:?} was never decided"));
            }
            self.model.decide(decision.as_ref(), fact);
        }
        self.undecided = None;
        Ok(true)
    }

    /// Whatever is removed, the digest of what was stays; false if the disk failed.
    fn check_digest(&mut self, store: &EmbeddedStore) -> Result<bool, String> {
        let head = Position(self.model.events().len() as u64);
        let (at, noted) = match self.noted {
            Some((at, digest)) => (at, Some(digest)),
            None => (head, None),
        };
        let digest = match store.digest(at) {
            Ok(digest) => digest,
            Err(_) if self.is_excused() => return Ok(false),
            Err(error) => return Err(format!("digest: {error}")),
        };
        if noted.is_some_and(|noted| noted != digest) {
            return Err(format!("the digest at {at} is another one"));
        }
        self.noted = if self.random.once_in(6) { None } else { Some((at, digest)) };
        Ok(true)
    }

    fn count(&mut self, is_accepted: bool) {
        if is_accepted {
            self.trace.acknowledged += 1;
        } else {
            self.trace.refused += 1;
        }
    }

    fn crash(&mut self) {
        self.followers.stop();
        self.trace.crashes += 1;
        self.count_files();
        let seed = self.random.number();
        let is_kill = self.plan.has_kills && self.random.once_in(4);
        self.disk = if is_kill { self.disk.after_kill() } else { self.disk.after_power_cut(seed) };
        if self.random.once_in(2) {
            self.disk.set_capacity(None);
        }
        self.trace.disk ^= self.disk.trace();
    }

    /// What upkeep did, so that a run in which it did nothing can be told.
    fn count_files(&mut self) {
        let names = hitherto_store::Disk::list(&self.disk).unwrap_or_default();
        let count = |end: &str| names.iter().filter(|name| name.ends_with(end)).count() as u64;
        self.trace.index_files += count(".idx");
        self.trace.compressed_files += count(".zlog");
    }

    /// After the last crash everything must be there, and work.
    fn live_after_crash(&mut self) -> Result<(), String> {
        self.disk.set_capacity(None);
        let store = self.open_store()?.ok_or("the disk is well")?;
        self.compare(&store)?;
        self.followers.settle(&self.model)?;
        self.follow(&store)?;
        self.trace.followed_events = self.followers.given();
        self.backups.check(&store, &self.disk, &self.clock)?;
        if self.random.once_in(2) {
            self.append(&store)?;
            self.back_up(&store)?;
            self.backups.check(&store, &self.disk, &self.clock)?;
        }
        if self.random.once_in(2) {
            store.close().map_err(|error| format!("it does not close: {error}"))?;
        }
        // What was served must survive a power cut right after it (the page cache may have served
        // it).
        self.disk = self.disk.after_power_cut(self.plan.seed);
        let store = self.open_store()?.ok_or("the disk is well")?;
        self.compare(&store)?;
        self.look_for_removed()?;
        self.trace.disk ^= self.disk.trace();
        store.close().map_err(|error| format!("it does not close: {error}"))?;
        let rotten = self.disk.after_kill();
        self.trace.is_rot_noticed = rot::check(&rotten, &self.clock, &self.model, self.plan.seed)?;
        Ok(())
    }

    /// What was removed once did not come back, and all that is kept is found where it stands.
    fn look_for_removed(&self) -> Result<(), String> {
        self.removed.is_gone_from(&self.disk)?;
        let archive = self.disk.directory(cold::DIRECTORY);
        removed::is_found_in(&[self.disk.clone(), archive], &self.model.kept())
    }

    /// The store must hold what the model holds, and perhaps the append that the crash left open;
    /// false if the disk failed meanwhile.
    fn compare(&mut self, store: &EmbeddedStore) -> Result<bool, String> {
        if let Some(open) = self.open.take()
            && !self.settle(store, &open)?
        {
            self.open = Some(open);
            return Ok(false);
        }
        if !self.learn_facts(store)? || !self.check_digest(store)? {
            return Ok(false);
        }
        let Some(found) = self.read(store, Query::all())? else { return Ok(false) };
        same_events("all events", &found, &self.model.kept())?;
        if Bank::total(&found) != 0 {
            return Err("money was made or lost: half a commit is there".to_owned());
        }
        self.compare_queries(store, &found)
    }

    /// Every index must agree with the model's look at every event.
    fn compare_queries(&mut self, store: &EmbeddedStore, all: &[Recorded]) -> Result<bool, String> {
        for _ in 0..5 {
            let query = self.bank.query(Position(all.len() as u64), all);
            for query in [query, self.bank.history()] {
                let Some(found) = self.read(store, query.clone())? else { return Ok(false) };
                let expected: Result<Vec<_>> = self.model.read(query.clone()).collect();
                let expected = expected.expect("the model reads every query of the bank");
                same_events(&format!("{query:?}"), &found, &expected)?;
            }
        }
        let Some(one) = all.get(self.random.below(all.len() as u64) as usize) else {
            return Ok(true);
        };
        match store.find(one.id()).wait() {
            Ok(Some(found)) if found == *one => Ok(true),
            Err(_) if self.is_excused() => Ok(false),
            other => Err(format!("event {} is found as {other:?}", one.position())),
        }
    }

    /// What a query finds; none if the disk failed meanwhile.
    fn read(&self, store: &EmbeddedStore, query: Query) -> Result<Option<Vec<Recorded>>, String> {
        match store.read(query).collect::<Result<_>>() {
            Ok(found) => Ok(Some(found)),
            Err(error) if self.is_excused() && error.kind() == ErrorKind::Unavailable => Ok(None),
            Err(error) => Err(format!("reading: {error}")),
        }
    }

    /// Whether it is there or not, repeating it gives the answer that it deserves; false if the
    /// disk failed meanwhile.
    fn settle(&self, store: &EmbeddedStore, open: &Append) -> Result<bool, String> {
        let before = self.model.events().len() as u64;
        let found = store.head().wait().map_err(|error| format!("the head: {error}"))?.0;
        let answer = store.append(open.clone());
        if matches!(&answer, Err(error) if error.kind() == ErrorKind::Unavailable)
            && self.is_excused()
        {
            return Ok(false);
        }
        let expected = self.model.append(open.clone());
        let is_there = found > before;
        if is_there && !answer.as_ref().is_ok_and(|saved| saved.repeated) {
            return Err(format!("an append is there, and its repeat is answered {answer:?}"));
        }
        match (&answer, &expected) {
            (Ok(answer), Ok(expected)) if answer.position == expected.position => Ok(true),
            (Err(answer), Err(expected)) if answer.kind() == expected.kind() => Ok(true),
            _ => Err(format!("repeated: {answer:?}, expected: {expected:?}")),
        }
    }
}

fn version_in(model: &Model, stream: &str) -> u64 {
    let events = model.events();
    events.iter().filter(|event| event.stream() == Some(stream)).count() as u64
}

fn same_answer(
    answer: &Result<hitherto_store::Saved>,
    expected: &Result<hitherto_store::Saved>,
) -> Result<(), String> {
    let is_same = match (answer, expected) {
        (Ok(answer), Ok(expected)) => answer == expected,
        (Err(answer), Err(expected)) => {
            answer.kind() == expected.kind() && answer.as_conflict() == expected.as_conflict()
        }
        _ => false,
    };
    if is_same { Ok(()) } else { Err(format!("answered {answer:?}, expected {expected:?}")) }
}

fn same_events(what: &str, found: &[Recorded], expected: &[Recorded]) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let differs = found.iter().zip(expected).find(|(found, expected)| found != expected);
    let (found, expected) = (found.len(), expected.len());
    Err(format!(
        "{found} events were found, {expected} expected, the first to differ are {differs:?}: {what}"
    ))
}
