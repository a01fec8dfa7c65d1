//! The whole run: a control that must be found, then recordings, each on what a power cut left of
//! the one before.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use hitherto_store::planted::PlantedBug;

use crate::disk::make_file_system;
use crate::program::run;
use crate::promise::Promise;
use crate::random::Random;
use crate::recording::Recording;
use crate::states::{Finding, States};
use crate::watch;
use crate::workload::{End, Work};
use crate::write_log::Entry;

const STATES_OF_RECORDING: usize = 84;
const STATES_OF_CONTROL: usize = 20;
/// Power cuts one after another, before a new disk is taken.
const GENERATIONS: usize = 3;
const APPENDS: u64 = 24;
/// After a power cut: one that is gone again, one that goes on.
const ENDS: [End; 2] = [End::Exit, End::Close];
const FINDINGS_SHOWN: usize = 5;

/// A directory to work in.
pub(crate) struct Lab {
    directory: PathBuf,
    /// A file system in memory: the lab writes and forgets gigabytes.
    memory: PathBuf,
}

/// A disk, and what was promised while it was written.
struct Start {
    disk: Vec<u8>,
    promised: Vec<Promise>,
}

/// What the states of some recordings showed.
#[derive(Default)]
struct Sum {
    recordings: usize,
    entries: usize,
    promises: usize,
    states: usize,
    findings: usize,
}

impl Lab {
    /// Takes a directory, which is made if it is not there.
    pub(crate) fn new(directory: &Path) -> Result<Self, String> {
        watch::begin();
        let memory = directory.join("memory");
        let failed = |error| format!("{} cannot be made: {error}", memory.display());
        std::fs::create_dir_all(&memory).map_err(failed)?;
        run(Command::new("mount").args(["-t", "tmpfs", "power"]).arg(&memory))?;
        Ok(Self { directory: directory.to_owned(), memory })
    }

    /// Looks at so many states, and at the control before.
    pub(crate) fn run(&self, states: usize, seed: u64) -> Result<(), String> {
        println!("power loss: {states} states from seed {seed}");
        self.control(seed)?;
        let started = Instant::now();
        let mut sum = Sum::default();
        let mut random = Random::new(seed);
        while sum.states < states {
            self.chain(&mut random, states, &mut sum)?;
        }
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "power loss: {} states of {} recordings ({} writes and flushes, {} promises) in \
             {seconds:.1} s, {:.1} states/s: {} of them had lost or damaged something",
            sum.states,
            sum.recordings,
            sum.entries - sum.promises,
            sum.promises,
            sum.states as f64 / seconds,
            sum.findings
        );
        if sum.findings == 0 { Ok(()) } else { Err("a promise was broken: see above".to_owned()) }
    }

    /// Looks again at a recording that was kept.
    pub(crate) fn again(&self, from: &Path, states: usize, seed: u64) -> Result<(), String> {
        let recording = Recording::kept(from)?;
        let findings = States::choose(&recording, states, seed).check_all(&self.memory)?;
        println!("power loss: {states} states of {} from seed {seed}", from.display());
        show(&findings);
        if findings.is_empty() { Ok(()) } else { Err("a promise was broken: see above".to_owned()) }
    }

    /// A store that acknowledges before it syncs must be found, or the lab shows nothing.
    fn control(&self, seed: u64) -> Result<(), String> {
        let bug = Some(PlantedBug::AcknowledgeBeforeSync);
        let recording = self.record(&self.new_disk(4096)?, 0, bug)?;
        let findings =
            States::choose(&recording, STATES_OF_CONTROL, seed).check_all(&self.memory)?;
        println!(
            "power loss: control: a store that acknowledges before it syncs was found in {} of \
             {STATES_OF_CONTROL} states",
            findings.len()
        );
        if findings.is_empty() {
            return Err("the control was not found: the lab is broken, and shows nothing".into());
        }
        Ok(())
    }

    /// Recordings on one disk: each begins with what a power cut left of the one before.
    fn chain(&self, random: &mut Random, states: usize, sum: &mut Sum) -> Result<(), String> {
        let block_bytes = if random.once_in(2) { 4096 } else { 1024 };
        let mut start = self.new_disk(block_bytes)?;
        for generation in 0..GENERATIONS {
            let count = STATES_OF_RECORDING.min(states - sum.states);
            if count == 0 {
                return Ok(());
            }
            let recording = self.record(&start, generation, None)?;
            let seed = random.number();
            let chosen = States::choose(&recording, count, seed);
            let findings = chosen.check_all(&self.memory)?;
            sum.add(&recording, count, &findings);
            if let Some(first) = findings.first() {
                self.report(&recording, &chosen, &findings, first.state, (count, seed))?;
                return Ok(()); // what such a state leads to shows nothing new
            }
            let (disk, promised) = chosen.disk(random.below(count));
            start = Start { disk, promised };
        }
        Ok(())
    }

    fn new_disk(&self, block_bytes: u32) -> Result<Start, String> {
        let disk = make_file_system(&self.memory.join("new.img"), block_bytes)?;
        Ok(Start { disk, promised: Vec::new() })
    }

    /// Processes work on the disk: one that is gone in the middle of its work, then others that go
    /// on.
    fn record(
        &self,
        start: &Start,
        generation: usize,
        bug: Option<PlantedBug>,
    ) -> Result<Recording, String> {
        let ends = if generation == 0 { &[End::Exit, End::Close, End::Close][..] } else { &ENDS };
        let works = |store: &Path, disk: &Path| {
            let work = |(index, &end): (usize, &End)| Work {
                store: store.to_owned(),
                disk: disk.to_owned(),
                round: (generation * 10 + index) as u64,
                appends: APPENDS,
                end,
                bug,
            };
            ends.iter().enumerate().map(work).collect()
        };
        watch::sign_of_life();
        Recording::make(&self.memory, start.disk.clone(), start.promised.clone(), works)
    }

    /// Says what was found, and keeps what is needed to look at it again.
    fn report(
        &self,
        recording: &Recording,
        chosen: &States<'_>,
        findings: &[Finding],
        state: usize,
        (count, seed): (usize, u64),
    ) -> Result<(), String> {
        let kept = self.directory.join(format!("found-{seed}"));
        let disk = chosen.disk(state).0;
        let saved = recording.keep(&self.memory, &kept);
        saved
            .and_then(|()| std::fs::write(kept.join("first-state.img"), disk))
            .map_err(|error| format!("{} cannot be written: {error}", kept.display()))?;
        show(findings);
        println!(
            "  kept; look again with `cargo xtask powerloss --again {} --states {count} --seed {seed}`",
            kept.display()
        );
        Ok(())
    }
}

impl Sum {
    fn add(&mut self, recording: &Recording, states: usize, findings: &[Finding]) {
        let is_promise = |entry: &&Entry| matches!(entry, Entry::Promise(_));
        self.recordings += 1;
        self.entries += recording.entries.len();
        self.promises += recording.entries.iter().filter(is_promise).count();
        self.states += states;
        self.findings += findings.len();
    }
}

fn show(findings: &[Finding]) {
    for finding in findings.iter().take(FINDINGS_SHOWN) {
        println!("  {finding}");
    }
    if findings.len() > FINDINGS_SHOWN {
        println!("  … and {} more", findings.len() - FINDINGS_SHOWN);
    }
}
