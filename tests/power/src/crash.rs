//! The disk as a power cut may leave it: what was flushed is there, the rest is lost, kept or torn.

use crate::disk::SECTOR_BYTES;
use crate::file_system::FileSystem;
use crate::random::Random;
use crate::recording::Recording;
use crate::write_log::Entry;

/// Walks through a recording, and knows at each entry what is on the medium for sure.
pub(crate) struct Medium<'recording> {
    recording: &'recording Recording,
    durable: Vec<u8>,
    /// Entries that no flush has followed so far.
    pending: Vec<&'recording Entry>,
    at: usize,
}

impl<'recording> Medium<'recording> {
    pub(crate) fn new(recording: &'recording Recording) -> Self {
        Self { recording, durable: recording.start.disk.clone(), pending: Vec::new(), at: 0 }
    }

    /// Goes on until before the entry of this number; never back.
    pub(crate) fn go_to(&mut self, cut: usize) {
        let durable = &mut self.durable;
        for entry in &self.recording.entries[self.at..cut] {
            match entry {
                Entry::Flush => self.pending.drain(..).for_each(|entry| apply(entry, durable)),
                Entry::Write { .. } | Entry::Discard { .. } => self.pending.push(entry),
                Entry::Said(_) => {}
            }
        }
        self.at = cut;
    }

    /// Whether there is anything that a power cut at this moment could take.
    pub(crate) fn is_uncertain(&self) -> bool {
        !self.pending.is_empty()
    }

    /// What a power cut at this moment may leave.
    pub(crate) fn after_power_cut(&self, random: &mut Random, disk: &mut Vec<u8>) -> Fate {
        disk.clone_from(&self.durable);
        let file_system = self.recording.start.kind.file_system;
        let fate = Fate::of(random, self.pending.len());
        for (index, entry) in self.pending.iter().enumerate() {
            match fate.of_write(index, random) {
                Survival::Kept => apply(entry, disk),
                Survival::Torn => tear(entry, disk, file_system, random),
                Survival::Lost => {}
            }
        }
        fate
    }
}

/// What becomes of writes that were not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// All are lost.
    Lost,
    /// All are there.
    Kept,
    /// As many are there; the one after them is torn, the others are lost.
    CutAfter(usize),
    /// Each has its own fate.
    Mixed,
    /// Nearly all are there, in spite of the few before them that are lost or torn.
    MostlyKept,
}

enum Survival {
    Lost,
    Kept,
    Torn,
}

impl Fate {
    fn of(random: &mut Random, writes: usize) -> Self {
        match random.below(8) {
            0 => Self::Lost,
            1 => Self::Kept,
            2 | 3 => Self::CutAfter(random.below(writes)),
            4 | 5 => Self::Mixed,
            _ => Self::MostlyKept,
        }
    }

    fn of_write(self, index: usize, random: &mut Random) -> Survival {
        match self {
            Self::Kept => Survival::Kept,
            Self::CutAfter(kept) if index < kept => Survival::Kept,
            Self::CutAfter(kept) if index == kept => Survival::Torn,
            Self::Lost | Self::CutAfter(_) => Survival::Lost,
            Self::MostlyKept if !random.once_in(8) => Survival::Kept,
            Self::Mixed | Self::MostlyKept => match random.below(3) {
                0 => Survival::Kept,
                1 => Survival::Torn,
                _ => Survival::Lost,
            },
        }
    }
}

fn apply(entry: &Entry, disk: &mut [u8]) {
    match entry {
        Entry::Write { offset, bytes } => {
            disk[*offset as usize..][..bytes.len()].copy_from_slice(bytes);
        }
        Entry::Discard { offset, length } => {
            disk[*offset as usize..][..*length as usize].fill(0);
        }
        Entry::Flush | Entry::Said(_) => {}
    }
}

/// Each sector is written or not; but those of the file system's superblock share one fate.
fn tear(entry: &Entry, disk: &mut [u8], file_system: &FileSystem, random: &mut Random) {
    let Entry::Write { offset, bytes } = entry else { return apply(entry, disk) };
    let FileSystem { sector_bytes, superblock, .. } = file_system;
    let mut is_written = random.once_in(2);
    for (index, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
        let at = *offset as usize + index * SECTOR_BYTES;
        let is_beginning = at == superblock.start || !superblock.contains(&at);
        if is_beginning && at.is_multiple_of(*sector_bytes) {
            is_written = random.once_in(2);
        }
        if is_written {
            disk[at..][..sector.len()].copy_from_slice(sector);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTORS: usize = 16;

    fn write(sector: usize, byte: u8) -> Entry {
        let offset = (sector * SECTOR_BYTES) as u64;
        Entry::Write { offset, bytes: vec![byte; 2 * SECTOR_BYTES] }
    }

    fn left(entries: Vec<Entry>, cut: usize) -> Vec<Vec<u8>> {
        left_of("ext4-ordered", entries, cut)
    }

    /// The disks that many power cuts at one moment leave, a byte for each sector.
    fn left_of(kind: &str, entries: Vec<Entry>, cut: usize) -> Vec<Vec<u8>> {
        let recording = Recording::of(kind, vec![0; SECTORS * SECTOR_BYTES], entries);
        let mut medium = Medium::new(&recording);
        medium.go_to(cut);
        let mut random = Random::new(1);
        let mut disk = Vec::new();
        let mut cut = || {
            medium.after_power_cut(&mut random, &mut disk);
            assert!(disk.chunks(SECTOR_BYTES).all(|sector| sector.iter().all(|b| *b == sector[0])));
            disk.iter().copied().step_by(SECTOR_BYTES).collect()
        };
        (0..200).map(|_| cut()).collect()
    }

    #[test]
    fn what_was_flushed_stays_and_what_comes_after_the_cut_is_not_there() {
        let disks = left(vec![write(0, 1), Entry::Flush, write(2, 2), write(4, 3)], 3);
        assert!(
            disks.iter().all(|disk| disk[..2] == [1, 1] && disk[4..].iter().all(|byte| *byte == 0))
        );
    }

    #[test]
    fn what_was_not_flushed_is_lost_kept_and_torn_in_every_way() {
        let disks = left(vec![write(0, 1), write(4, 2)], 2);
        for sectors in [[0, 0], [1, 0], [0, 1], [1, 1]] {
            assert!(disks.iter().any(|disk| disk[..2] == sectors), "{sectors:?} of the first");
        }
        assert!(disks.iter().any(|disk| disk[..8] == [0, 0, 0, 0, 2, 2, 0, 0]), "the second alone");
    }

    #[test]
    fn the_superblock_is_never_torn() {
        let disks = left(vec![write(2, 1)], 1);
        assert!(disks.iter().all(|disk| disk[2] == disk[3]));
        assert!(disks.iter().any(|disk| disk[2] == 0) && disks.iter().any(|disk| disk[2] == 1));
    }

    #[test]
    fn a_disk_under_xfs_tears_between_its_sectors_of_4096_bytes_and_nowhere_else() {
        let all = Entry::Write { offset: 0, bytes: vec![1; SECTORS * SECTOR_BYTES] };
        let disks = left_of("xfs", vec![all], 1);
        let is_whole = |half: &[u8]| half.iter().all(|byte| *byte == half[0]);
        assert!(disks.iter().all(|disk| is_whole(&disk[..8]) && is_whole(&disk[8..])));
        assert!(disks.iter().any(|disk| disk[0] != disk[8]));
    }
}
