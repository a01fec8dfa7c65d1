//! The whole run: a control that must be found, then recordings, each on what a power cut left of
//! the one before.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use hitherto_store::planted::PlantedBug;

use crate::disk::make_file_system;
use crate::file_system::Kind;
use crate::program::run;
use crate::promise::Word;
use crate::random::Random;
use crate::recording::{Recording, Start};
use crate::states::{Checked, Finding, States};
use crate::watch;
use crate::workload::{End, Work};
use crate::write_log::Entry;

const STATES_OF_RECORDING: usize = 84;
/// A control is looked for in so many states, a few at a time.
const STATES_OF_CONTROL_MAX: usize = 480;
const STATES_OF_CONTROL: usize = 40;
/// Power cuts one after another, before a new disk is taken.
const GENERATIONS: usize = 3;
const APPENDS: u64 = 16;
/// How the processes on a new disk end, and those on one after a power cut.
const ENDS: [&[End]; 2] =
    [&[End::Exit, End::Unsynced, End::Close], &[End::Unsynced, End::Exit, End::Close]];
/// Each takes room on the disk, and so many tell enough.
const REPORTS_MAX: usize = 3;
const FINDINGS_SHOWN: usize = 5;

/// A directory to work in.
pub(crate) struct Lab {
    directory: PathBuf,
    /// A file system in memory: the lab writes and forgets gigabytes.
    memory: PathBuf,
}

/// What the states of some recordings showed.
#[derive(Default)]
struct Sum {
    recordings: usize,
    writes: usize,
    promises: usize,
    states: usize,
    uncertain: usize,
    findings: usize,
    /// Recordings that were kept because of what was found in them.
    reports: usize,
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
    pub(crate) fn run(&self, file_system: &str, states: usize, seed: u64) -> Result<(), String> {
        println!("power loss: {states} states of {file_system} from seed {seed}");
        let kinds = Kind::of(file_system)?;
        let late = (PlantedBug::AcknowledgeBeforeSync, "acknowledges before it syncs");
        let nameless = (PlantedBug::SkipDirectorySync, "does not sync the names of files");
        self.control(kinds[0], late, seed)?;
        if kinds[0].file_system.forgets_names {
            self.control(kinds[0], nameless, seed)?;
        }
        let started = Instant::now();
        let mut sum = Sum::default();
        let mut random = Random::new(seed);
        for kind in kinds.into_iter().cycle() {
            if sum.states == states || sum.reports == REPORTS_MAX {
                break;
            }
            self.chain(kind, &mut random, states, &mut sum)?;
        }
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "power loss: {sum} in {seconds:.1} s, {:.1} states/s",
            sum.states as f64 / seconds
        );
        if sum.findings == 0 { Ok(()) } else { Err("a promise was broken: see above".to_owned()) }
    }

    /// Looks again at a recording that was kept.
    pub(crate) fn again(&self, from: &Path, states: usize, seed: u64) -> Result<(), String> {
        let recording = Recording::kept(from)?;
        let findings = States::choose(&recording, states, seed).check_all(&self.memory)?.findings;
        println!("power loss: {states} states of {} from seed {seed}", from.display());
        show(&findings);
        if findings.is_empty() { Ok(()) } else { Err("a promise was broken: see above".to_owned()) }
    }

    /// A store with a known bug must be found, or the lab shows nothing.
    fn control(
        &self,
        kind: &'static Kind,
        (bug, what): (PlantedBug, &str),
        seed: u64,
    ) -> Result<(), String> {
        let recording = self.record(&self.new_disk(kind)?, 0, Some(bug))?;
        let mut random = Random::new(seed);
        let mut states = 0;
        while states < STATES_OF_CONTROL_MAX {
            let chosen = States::choose(&recording, STATES_OF_CONTROL, random.number());
            let found = chosen.check_all(&self.memory)?.findings.len();
            states += STATES_OF_CONTROL;
            if found > 0 {
                println!(
                    "power loss: control: a store that {what} was found in {found} of {states} states"
                );
                return Ok(());
            }
        }
        Err(format!(
            "power loss: control: a store that {what} was NOT found in {states} states: the lab is \
             broken, and shows nothing"
        ))
    }

    /// Recordings on one disk: each begins with what a power cut left of the one before.
    fn chain(
        &self,
        kind: &'static Kind,
        random: &mut Random,
        states: usize,
        sum: &mut Sum,
    ) -> Result<(), String> {
        let mut start = self.new_disk(kind)?;
        for generation in 0..GENERATIONS {
            let count = STATES_OF_RECORDING.min(states - sum.states);
            if count == 0 {
                return Ok(());
            }
            let recording = self.record(&start, generation, None);
            let recording = recording.map_err(|error| self.keep_start(&start, &error))?;
            let seed = random.number();
            let chosen = States::choose(&recording, count, seed);
            let checked = chosen.check_all(&self.memory)?;
            sum.add(&recording, count, &checked);
            if !checked.findings.is_empty() {
                self.report(&recording, &chosen, &checked.findings, (count, seed))?;
                sum.reports += 1;
                return Ok(()); // what such a state leads to shows nothing new
            }
            let (disk, promised) = chosen.disk(random.below(count));
            start = Start { kind, disk, promised };
        }
        Ok(())
    }

    /// A store that is well after a power cut, and yet cannot be worked with.
    fn keep_start(&self, start: &Start, error: &str) -> String {
        let kept = self.directory.join("found-before-a-failure.img");
        match std::fs::write(&kept, &start.disk) {
            Ok(()) => format!("{error}\nthe disk as it was before is kept: {}", kept.display()),
            Err(_) => error.to_owned(), // what was wrong first counts
        }
    }

    fn new_disk(&self, kind: &'static Kind) -> Result<Start, String> {
        let disk = make_file_system(&self.memory.join("new.img"), kind)?;
        Ok(Start { kind, disk, promised: Vec::new() })
    }

    /// Processes work on the disk: one that is gone in the middle of its work, then others that go
    /// on.
    fn record(
        &self,
        start: &Start,
        generation: usize,
        bug: Option<PlantedBug>,
    ) -> Result<Recording, String> {
        let ends = ENDS[generation.min(1)];
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
        Recording::make(&self.memory, start.clone(), works)
    }

    /// Says what was found, and keeps what is needed to look at it again.
    fn report(
        &self,
        recording: &Recording,
        chosen: &States<'_>,
        findings: &[Finding],
        (count, seed): (usize, u64),
    ) -> Result<(), String> {
        let kept = self.directory.join(format!("found-{seed}"));
        let disk = chosen.disk(findings[0].state).0;
        let saved = recording.keep(&self.memory, &kept);
        saved
            .and_then(|()| std::fs::write(kept.join("first-state.img"), disk))
            .map_err(|error| format!("{} cannot be written: {error}", kept.display()))?;
        show(findings);
        println!(
            "  kept; look again with `cargo xtask powerloss {count} --again {} --seed {seed}`",
            kept.display()
        );
        Ok(())
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recordings, writes, promises, states, uncertain, findings, .. } = self;
        write!(
            f,
            "{findings} of {states} states had lost or damaged something; {uncertain} of them could \
             have, of {recordings} recordings with {writes} writes and flushes and {promises} promises"
        )
    }
}

impl Sum {
    fn add(&mut self, recording: &Recording, states: usize, checked: &Checked) {
        self.recordings += 1;
        self.writes += recording.places(|entry| !matches!(entry, Entry::Said(_))).len();
        self.promises +=
            recording.places(|entry| matches!(entry, Entry::Said(Word::Promise(_)))).len();
        self.states += states;
        self.uncertain += checked.uncertain;
        self.findings += checked.findings.len();
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
