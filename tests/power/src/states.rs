//! Chooses moments of a recording, cuts the power there, and checks what is left.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::check::check;
use crate::crash::{Fate, Medium};
use crate::disk::Mounted;
use crate::file_system::Kind;
use crate::promise::{Promise, Word};
use crate::random::Random;
use crate::recording::Recording;
use crate::watch::sign_of_life;
use crate::write_log::Entry;

/// About as long a store takes to open.
const BEGINNING_ENTRIES: usize = 80;

/// A state in which something is wrong.
pub(crate) struct Finding {
    pub(crate) state: usize,
    what: String,
    cut: usize,
    fate: Fate,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { state, what, cut, fate } = self;
        write!(f, "state {state} (cut before entry {cut}, {fate:?}): {what}")
    }
}

/// What the states of a recording showed.
#[derive(Default)]
pub(crate) struct Checked {
    pub(crate) findings: Vec<Finding>,
    /// States in which the power cut could take something.
    pub(crate) uncertain: usize,
}

/// Moments of a recording, in their order.
pub(crate) struct States<'recording> {
    recording: &'recording Recording,
    seed: u64,
    cuts: Vec<usize>,
}

impl<'recording> States<'recording> {
    /// So many moments, as the seed wants them: any, those just after something was promised, and
    /// those at the beginning of a process, when a store is made or recovers.
    pub(crate) fn choose(recording: &'recording Recording, count: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let end = recording.entries.len();
        let promises = recording.places(|entry| matches!(entry, Entry::Said(Word::Promise(_))));
        let mut beginnings = recording.places(|entry| *entry == Entry::Said(Word::Beginning));
        beginnings.push(0);
        let mut cut = || match random.below(4) {
            0 => random.below(end + 1),
            1 | 2 if !promises.is_empty() => {
                promises[random.below(promises.len())] + 1 + random.below(3)
            }
            _ => beginnings[random.below(beginnings.len())] + random.below(BEGINNING_ENTRIES),
        };
        let mut cut = || cut().min(end);
        let mut cuts = (0..count).map(|_| cut()).collect::<Vec<_>>();
        cuts.sort_unstable();
        Self { recording, seed, cuts }
    }

    /// The disk of one state, what it was promised to hold, and how it came about.
    pub(crate) fn disk(&self, state: usize) -> (Vec<u8>, Vec<Promise>) {
        let mut medium = Medium::new(self.recording);
        let mut disk = Vec::new();
        self.cut(state, &mut medium, &mut disk);
        (disk, self.recording.promised_before(self.cuts[state]))
    }

    fn cut(&self, state: usize, medium: &mut Medium<'_>, disk: &mut Vec<u8>) -> Fate {
        medium.go_to(self.cuts[state]);
        // Each state has numbers of its own, so that all others may be left out.
        let mut random = Random::new(self.seed ^ Random::new(state as u64).number());
        medium.after_power_cut(&mut random, disk)
    }

    /// Checks all states, with more threads than cores: each waits for mounts half of its time.
    pub(crate) fn check_all(&self, directory: &Path) -> Result<Checked, String> {
        let threads =
            std::thread::available_parallelism().map_or(2, |cores| 2 * usize::from(cores));
        let share = self.cuts.len().div_ceil(threads).max(1);
        let shares = (0..self.cuts.len()).step_by(share);
        std::thread::scope(|scope| {
            let checking = shares.map(|first| {
                let last = (first + share).min(self.cuts.len());
                let place = Place::new(directory, first, self.recording.start.kind);
                scope.spawn(move || self.check_some(first..last, &place?))
            });
            let checking = checking.collect::<Vec<_>>();
            let mut sum = Checked::default();
            for thread in checking {
                let checked = thread.join().expect("a panic of the store is caught")?;
                sum.findings.extend(checked.findings);
                sum.uncertain += checked.uncertain;
            }
            Ok(sum)
        })
    }

    fn check_some(&self, states: std::ops::Range<usize>, place: &Place) -> Result<Checked, String> {
        let mut medium = Medium::new(self.recording);
        let mut disk = Vec::new();
        let mut checked = Checked::default();
        for state in states {
            let fate = self.cut(state, &mut medium, &mut disk);
            let cut = self.cuts[state];
            let promised = self.recording.promised_before(cut);
            if let Err(what) = place.check(&disk, &promised)? {
                checked.findings.push(Finding { state, what, cut, fate });
            }
            checked.uncertain += usize::from(medium.is_uncertain());
            sign_of_life();
        }
        Ok(checked)
    }
}

/// Where one thread mounts its disks.
struct Place {
    image: PathBuf,
    mount: PathBuf,
    kind: &'static Kind,
}

impl Place {
    fn new(directory: &Path, number: usize, kind: &'static Kind) -> Result<Self, String> {
        let mount = directory.join(format!("crashed-{number}"));
        let failed = |error| format!("{} cannot be made: {error}", mount.display());
        std::fs::create_dir_all(&mount).map_err(failed)?;
        Ok(Self { image: mount.with_extension("img"), mount, kind })
    }

    /// The outer error is one of the lab, the inner one is what it found.
    fn check(&self, disk: &[u8], promised: &[Promise]) -> Result<Result<(), String>, String> {
        let failed = |error| format!("{} cannot be written: {error}", self.image.display());
        // What is there is written over, which costs less than to begin anew.
        let mut image = File::options();
        let image = image.write(true).create(true).truncate(false).open(&self.image);
        image.and_then(|image| image.write_all_at(disk, 0)).map_err(failed)?;
        // What the file system does not survive itself is found as well, and kept to be looked at.
        let mounted = match Mounted::new(&self.image, &self.mount, self.kind) {
            Ok(mounted) => mounted,
            Err(error) => return Ok(Err(error)),
        };
        let checked = catch_unwind(AssertUnwindSafe(|| check(&mounted.store(), promised)));
        mounted.unmount()?;
        Ok(checked.unwrap_or_else(|_| Err("the store panicked: see above".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SECTOR_BYTES;

    fn recording() -> Recording {
        let write = |offset: u64| Entry::Write { offset, bytes: vec![7; 4 * SECTOR_BYTES] };
        let entries = (0..40).map(|number| match number % 10 {
            9 => Entry::Flush,
            _ => write(number * SECTOR_BYTES as u64),
        });
        Recording::of("ext4-ordered", vec![0; 64 * SECTOR_BYTES], entries.collect())
    }

    #[test]
    fn one_seed_chooses_the_same_states_of_a_recording_again() {
        let recording = recording();
        let (once, again) = (States::choose(&recording, 30, 1), States::choose(&recording, 30, 1));
        assert_eq!(once.cuts, again.cuts);
        assert!((0..30).all(|state| once.disk(state) == again.disk(state)));
    }

    #[test]
    fn another_seed_chooses_others() {
        let recording = recording();
        let (one, other) = (States::choose(&recording, 30, 1), States::choose(&recording, 30, 2));
        assert_ne!(one.cuts, other.cuts);
    }
}
