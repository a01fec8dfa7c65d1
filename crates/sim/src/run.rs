//! One run of the real store on a simulated disk, compared with the model after every crash.

use hitherto_store::{
    Append, EmbeddedStore, Error, ErrorKind, EventStore, Options, Position, Query, Recorded, Result,
};

use crate::bank::Bank;
use crate::clock::SimClock;
use crate::disk::SimDisk;
use crate::model::Model;
use crate::random::Random;

/// What a run does. Everything follows from it.
#[derive(Debug, Clone, Copy)]
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
    trace: Trace,
}

/// Small files, so that runs go through many of them.
fn options() -> Options {
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 8 << 10;
    options.log_file_bytes_max = 32 << 10;
    options.store_id = Some(hitherto_store::EventId::from_u128(7));
    options
}

impl Run {
    fn new(plan: Plan) -> Self {
        Self {
            plan,
            random: Random::new(plan.seed),
            disk: SimDisk::new(),
            clock: SimClock::default(),
            bank: Bank::new(plan.seed),
            model: Model::new(),
            open: None,
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

    /// Opens, works, and closes or not, until the power goes or enough was done.
    fn live(&mut self) -> Result<(), String> {
        let Some(store) = self.open_store()? else { return Ok(()) };
        if !self.compare(&store)? {
            return Ok(());
        }
        for _ in 0..self.random.below(self.plan.appends_max) {
            if self.random.once_in(15) {
                self.clock.jump(-100);
            }
            if self.random.once_in(10) {
                // A failed mark stops the writer, and shows with the next append.
                let _ = store.mark_idle();
            }
            if !self.append(&store)? {
                return Ok(());
            }
            if self.random.once_in(10) {
                self.compare(&store)?;
            }
        }
        if self.random.once_in(3) {
            // It fails when the power goes meanwhile.
            let _ = store.close();
        }
        Ok(())
    }

    /// The store; none if the power went while it opened.
    fn open_store(&self) -> Result<Option<EmbeddedStore>, String> {
        match EmbeddedStore::on(self.disk.clone(), self.clock.clone(), options()) {
            Ok(store) => Ok(Some(store)),
            Err(_) if self.disk.is_off() => Ok(None),
            Err(error) => Err(format!("it does not open: {error}")),
        }
    }

    /// One append, in the store and in the model; false if the power went.
    fn append(&mut self, store: &EmbeddedStore) -> Result<bool, String> {
        let head = Position(self.model.events().len() as u64);
        let model = self.model.clone();
        let append = self.bank.append(head, |stream| version_in(&model, stream));
        let answer = store.append(append.clone());
        if let Err(error) = &answer
            && matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Closed)
        {
            if !self.disk.is_off() {
                return Err(format!("it stopped without a reason: {error}"));
            }
            self.open = Some(append);
            return Ok(false);
        }
        let expected = self.model.append(append);
        self.count(answer.is_ok());
        same_answer(&answer, &expected).map(|()| true)
    }

    fn count(&mut self, is_accepted: bool) {
        if is_accepted {
            self.trace.acknowledged += 1;
        } else {
            self.trace.refused += 1;
        }
    }

    fn crash(&mut self) {
        self.trace.crashes += 1;
        let seed = self.random.number();
        let is_kill = self.random.once_in(4);
        self.disk = if is_kill { self.disk.after_kill() } else { self.disk.after_power_cut(seed) };
        self.trace.disk ^= self.disk.trace();
    }

    /// After the last crash everything must be there, and work.
    fn live_after_crash(&mut self) -> Result<(), String> {
        let store = self.open_store()?.ok_or("the power is on")?;
        self.compare(&store)?;
        self.append(&store)?;
        // What was served must survive a power cut right after it (the page cache may have served
        // it).
        drop(store);
        self.disk = self.disk.after_power_cut(self.plan.seed);
        let store = self.open_store()?.ok_or("the power is on")?;
        self.compare(&store)?;
        self.trace.disk ^= self.disk.trace();
        Ok(())
    }

    /// The store must hold what the model holds, and perhaps the append that the crash left open;
    /// false if the power went meanwhile.
    fn compare(&mut self, store: &EmbeddedStore) -> Result<bool, String> {
        let found = read(store, Query::all())?;
        if let Some(open) = self.open.take()
            && !self.settle(store, &open, found.len())?
        {
            self.open = Some(open);
            return Ok(false);
        }
        let found = read(store, Query::all())?;
        let expected = self.model.events();
        same_events("all events", &found, &expected)?;
        if Bank::total(&found) != 0 {
            return Err("money was made or lost: half a commit is there".to_owned());
        }
        for _ in 0..5 {
            let query = self.bank.query(Position(found.len() as u64), &found);
            let expected: Vec<_> = expected_of(&found, &query);
            same_events(&format!("{query:?}"), &read(store, query)?, &expected)?;
            let history = self.bank.history();
            let expected = expected_of(&found, &history);
            same_events(&format!("{history:?}"), &read(store, history)?, &expected)?;
        }
        Ok(true)
    }

    /// Whether it is there or not, repeating it gives the answer that it deserves; false if the
    /// power went meanwhile.
    fn settle(&self, store: &EmbeddedStore, open: &Append, found: usize) -> Result<bool, String> {
        let before = self.model.events().len();
        let answer = store.append(open.clone());
        if matches!(&answer, Err(error) if error.kind() == ErrorKind::Unavailable)
            && self.disk.is_off()
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

fn read(store: &EmbeddedStore, query: Query) -> Result<Vec<Recorded>, String> {
    store.read(query).collect::<Result<_, Error>>().map_err(|error| format!("reading: {error}"))
}

/// By a look at every event: the index must agree with it.
fn expected_of(all: &[Recorded], query: &Query) -> Vec<Recorded> {
    let mut found: Vec<_> = all.iter().filter(|event| query.matches(event)).cloned().collect();
    if query.direction == hitherto_store::Direction::Backward {
        found.reverse();
    }
    found.truncate(query.limit.map_or(usize::MAX, |limit| limit.try_into().unwrap_or(usize::MAX)));
    found
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

/// Everything but the time is compared, which the model takes from another clock.
fn same_events(what: &str, found: &[Recorded], expected: &[Recorded]) -> Result<(), String> {
    let key = |event: &Recorded| (event.position(), event.version(), event.to_new_event());
    let is_same = found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            key(found) == key(expected) && found.stream() == expected.stream()
        });
    if is_same {
        return Ok(());
    }
    let positions =
        |events: &[Recorded]| -> Vec<_> { events.iter().map(|event| event.position().0).collect() };
    Err(format!("{what}: found {:?}, expected {:?}", positions(found), positions(expected)))
}
