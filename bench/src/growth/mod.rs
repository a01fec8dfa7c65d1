//! Growth: one store of ours from its first million events to its last, measured at each step.
//!
//! Reads come before appends at each step, so that they always see what the filling left.

mod filling;
mod life;
mod table;

use std::error::Error;
use std::time::Instant;

use hitherto_store::{EmbeddedStore, Position, Query};

use crate::hitherto::{self, Hitherto};
use crate::machine;
use crate::measure::{Measured, run_for};
use crate::peers::{Choice, Peer, Selection, writer};
use crate::place::Place;
use crate::probe::{self, Then};
use crate::sample::RARE_KIND;
use crate::settings::Settings;
use crate::table::grouped;
use crate::w8::deciding;
use life::{Life, STREAM_EVENTS, TAGGED_EVENTS};

pub(crate) use filling::Filling;
pub(crate) use table::Growth;
use table::{Step, Wanted};

const STEPS: [u64; 5] = [1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000];
const NAMES: usize = 20_000;
/// What a store may take if nothing else is said.
const MEMORY_MIB: f64 = 64.0;

pub(crate) fn run(settings: &Settings) -> Result<Growth, Box<dyn Error>> {
    let place = Place::fresh(&settings.directory, "growth")?;
    let steps = steps(settings.grown_events());
    let mut growing = Growing { settings, place, window: steps[0], life: Life::new(steps[0]) };
    let mut growth = Growth::default();
    for number in 1..=steps.len() {
        growth.steps.push(growing.step(&steps[..number])?);
        eprintln!("grown to {} events", grouped(steps[number - 1] as f64));
    }
    Ok(growth)
}

/// Where it stops and is measured; a small store has two steps too.
fn steps(events: u64) -> Vec<u64> {
    let mut steps = STEPS.into_iter().filter(|step| *step < events).collect::<Vec<_>>();
    if steps.is_empty() {
        steps.push((events / 10).max(100));
    }
    steps.push(events);
    steps
}

/// The store that grows.
struct Growing<'a> {
    settings: &'a Settings,
    place: Place,
    /// How many of the last events a filtered read looks at.
    window: u64,
    life: Life,
}

impl Growing<'_> {
    /// The last of these sizes.
    fn step(&mut self, sizes: &[u64]) -> Result<Step, Box<dyn Error>> {
        let mut step = Step::new(sizes[sizes.len() - 1]);
        self.fill(sizes, &mut step)?;
        let store = EmbeddedStore::open_with(self.place.path(), self.settings.growth_options())?;
        let rest = machine::wait_until_idle()?.as_secs_f64();
        step.add("until its background work was done, s", rest, Wanted::Nothing);
        let syncs = machine::syncs_a_second(&self.settings.directory)?;
        step.add("the disk itself, syncs/s", syncs, Wanted::Nothing);
        self.read(&store, &mut step)?;
        self.append(&store, &mut step);
        let head = store.stat()?.head.0;
        let started = Instant::now();
        store.close()?;
        let closing = started.elapsed();
        step.add("closing, ms", closing.as_secs_f64() * 1000.0, Wanted::Nothing);
        self.reopen(head, &mut step)?;
        let disk = self.place.allocated_bytes()? as f64 / head as f64;
        step.add("disk, bytes/event", disk, Wanted::Nothing);
        Ok(step)
    }

    fn fill(&mut self, sizes: &[u64], step: &mut Step) -> Result<(), Box<dyn Error>> {
        let filled = Filling::of(sizes, self.settings).ask(self.place.path())?;
        filling::fill(&mut self.life, step.events, |_| Ok(()))?;
        let rate = filled.events_a_second;
        step.add("filling, up to 1,000 events a commit, events/s", rate, Wanted::Nothing);
        let memory = Wanted::AtMost(MEMORY_MIB);
        step.add("memory of its own while it is filled, at most, MiB", filled.most_mib, memory);
        step.add("memory of its own after filling, MiB", filled.after_mib, memory);
        Ok(())
    }

    /// Every read, in turns; the median of the rounds.
    fn read(&mut self, store: &EmbeddedStore, step: &mut Step) -> Result<(), Box<dyn Error>> {
        let head = store.stat()?.head.0;
        let after = Position(head.saturating_sub(self.window));
        let kind = || Query::of_kinds([RARE_KIND]).after(after);
        let tags = self.life.tags();
        let mut tag = tags.into_iter().cycle();
        let mut rare = || Query::all().with_tag(tag.next().expect("there are tags without end"));
        let (any, recent) = (self.life.closed(NAMES), self.life.recently_closed(NAMES));
        let matching = hitherto::read(store, kind())?;
        self.first_loads(store, &any, step)?;
        // From here on caches are warm, as everywhere: all of these were loaded before.
        load_all(store, any.iter().chain(&recent))?;
        let mut rounds = Rounds::default();
        for _ in 0..self.settings.growth_rounds() {
            let (loads, _) = self.load(store, &any)?;
            rounds.add("load of a stream of any age (W4), loads/s", loads.rate, Wanted::Steady);
            let (loads, _) = self.load(store, &recent)?;
            rounds.add("load of a recent stream (W4), loads/s", loads.rate, Wanted::Steady);
            let read = self.repeat(|| {
                assert_eq!(hitherto::read(store, kind()).expect("the store is well"), matching);
            });
            let replayed = read.rate * matching as f64;
            rounds.add("replay of 1 % of the newest events, events/s", replayed, Wanted::Nothing);
            let read = self.repeat(|| {
                let found = hitherto::read(store, rare()).expect("the store is well");
                assert_eq!(found, TAGGED_EVENTS);
            });
            let name = "read of a rare tag in everything, 10 events, reads/s";
            rounds.add(name, read.rate, Wanted::Nothing);
        }
        rounds.finish(step);
        Ok(())
    }

    /// Loads of streams that nobody has loaded for long, and what of them comes from the disk.
    fn first_loads(
        &self,
        store: &EmbeddedStore,
        names: &[String],
        step: &mut Step,
    ) -> Result<(), Box<dyn Error>> {
        let before = machine::bytes_read_from_disk()?;
        let (loads, count) = self.load(store, names)?;
        let read = (machine::bytes_read_from_disk()? - before) as f64 / 1024.0 / count as f64;
        step.add("first load of a stream of any age, loads/s", loads.rate, Wanted::Nothing);
        let name = "of that, not in the page cache but read from the disk, KiB/load";
        step.add(name, read, Wanted::Nothing);
        Ok(())
    }

    fn repeat(&self, work: impl FnMut() + Send) -> Measured {
        run_for(self.settings.duration(), 1, vec![work])
    }

    /// Loads streams, and says how many.
    fn load(
        &self,
        store: &EmbeddedStore,
        names: &[String],
    ) -> Result<(Measured, u64), Box<dyn Error>> {
        let mut reader = Hitherto::from(store.clone()).reader()?;
        let (mut names, mut count) = (names.iter().cycle(), 0);
        let measured = self.repeat(|| {
            let name = names.next().expect("there are names without end");
            let read = reader.read(Selection::Stream(name)).expect("the store is well");
            assert_eq!(read, STREAM_EVENTS);
            count += 1;
        });
        Ok((measured, count))
    }

    /// Every sort of append, in turns; the median of the rounds.
    fn append(&self, store: &EmbeddedStore, step: &mut Step) {
        let peer = Hitherto::from(store.clone());
        let mut rounds = Rounds::default();
        for round in 0..self.settings.growth_rounds() {
            let names = format!("step{}-{round}", step.events);
            for (writers, versions, conditions) in [
                (1, "append, 1 writer (W1), events/s", "conditions, 1 writer (W8), events/s"),
                (16, "append, 16 writers (W2), events/s", "conditions, 16 writers (W8), events/s"),
            ] {
                let name = |number| format!("{names}-{writers}-{number}");
                let one = |number| writer(&peer, name(number), 1);
                let workers = (0..writers).map(one).collect();
                let rate = run_for(self.settings.duration(), 1, workers).rate;
                rounds.add(versions, rate, Wanted::Steady);
                let one = |number| deciding(&peer, &name(number));
                let workers = (0..writers).map(one).collect();
                let rate = run_for(self.settings.duration(), 1, workers).rate;
                rounds.add(conditions, rate, Wanted::Steady);
            }
        }
        rounds.finish(step);
    }

    /// In processes of their own, as after a restart of the program.
    fn reopen(&self, events: u64, step: &mut Step) -> Result<(), Box<dyn Error>> {
        let mut found = Vec::new();
        for _ in 0..self.settings.growth_rounds() {
            found.push(probe::ask(Choice::Hitherto, self.place.path(), Then::Work { events })?);
        }
        found.sort_by(|a, b| a.first_read_ms.total_cmp(&b.first_read_ms));
        let found = found[found.len() / 2];
        let first_read = Wanted::AtMost(if events > 1_000_000 { 50.0 } else { 5.0 });
        step.add("from start to the first read, ms", found.first_read_ms, first_read);
        let memory = Wanted::AtMost(MEMORY_MIB);
        step.add("memory of its own, open and after one read, MiB", found.opened.own_mib, memory);
        step.add("memory of its own after some work, MiB", found.then.own_mib, memory);
        let resident = found.then.resident_mib;
        step.add("memory with mapped files after some work, MiB", resident, Wanted::Nothing);
        Ok(())
    }
}

/// Loads each of these streams once.
fn load_all<'name>(
    store: &EmbeddedStore,
    names: impl Iterator<Item = &'name String>,
) -> Result<(), Box<dyn Error>> {
    let mut reader = Hitherto::from(store.clone()).reader()?;
    for name in names {
        assert_eq!(reader.read(Selection::Stream(name))?, STREAM_EVENTS);
    }
    Ok(())
}

/// Figures by their names, each once in a round.
#[derive(Default)]
struct Rounds(Vec<(&'static str, Vec<f64>, Wanted)>);

impl Rounds {
    fn add(&mut self, name: &'static str, figure: f64, wanted: Wanted) {
        match self.0.iter_mut().find(|(other, ..)| *other == name) {
            Some((_, figures, _)) => figures.push(figure),
            None => self.0.push((name, vec![figure], wanted)),
        }
    }

    fn finish(self, step: &mut Step) {
        for (name, mut figures, wanted) in self.0 {
            figures.sort_by(f64::total_cmp);
            step.add(name, figures[figures.len() / 2], wanted);
        }
    }
}
