//! Which dictionary a file is compressed with: that of the file before it, as long as it does
//! about as well as one that is trained on the file itself.
//!
//! So the files of a store have few dictionaries, and whoever opens one of them mostly finds its
//! dictionary ready. And to train one takes longer than to compress a file of some megabytes.

use std::io;

use zstd_safe::{CCtx, CDict};

use super::BLOCK_BYTES;
use super::write::compress_block;
use crate::disk::DiskFile;

/// Measured on events of some 400 bytes: with a dictionary, level 3 gives a tenth more than level 1
/// and is decoded faster; higher levels are slower and give nothing.
pub(super) const LEVEL: i32 = 3;
/// The largest dictionary, and the largest part of a file that one may be.
const DICTIONARY_BYTES_MAX: u64 = 32 << 10;
const DICTIONARY_PART: u64 = 32;
/// Bytes of the log file that a dictionary is trained on.
const SAMPLES_BYTES: u64 = 1 << 20;
/// Bytes of it that dictionaries are tried on, and one block in so many that is kept for that: a
/// dictionary has parts of what it was trained on, and would look better there than it is.
const TRIAL_BYTES: u64 = 128 << 10;
const TRIAL_ONE_IN: u64 = 8;
/// A dictionary may cost this part more than another, for the sake of not being a new one.
/// Measured: nothing in files of 32 MiB, and some 6 % in files of 1 MiB, whose events have in
/// common when they happened.
const TOLERATED_PART: u64 = 12;
/// One file in so many has a dictionary trained in any case: events may have become so regular that
/// a new one pays, and nothing of that shows in how well the old one does.
const TRAINED_ONE_IN: u64 = 16;

/// What a file that was compressed before is an example of.
pub(crate) struct Example {
    pub(super) dictionary: Vec<u8>,
    /// Bytes of its log file, and those that its blocks take.
    pub(super) raw_bytes: u64,
    pub(super) packed_bytes: u64,
}

/// The dictionary for a log file; empty if there is too little of it to train one on.
pub(super) fn dictionary_for(
    (raw, number): (&dyn DiskFile, u64),
    before: Option<Example>,
) -> io::Result<Vec<u8>> {
    let raw_bytes = raw.len()?;
    let Some(before) = before else { return train(raw, raw_bytes) };
    let trial = Trial::of(raw, raw_bytes)?;
    let packed = trial.packed(&before.dictionary);
    let is_due = number.is_multiple_of(TRAINED_ONE_IN);
    if !is_due && before.has_size_for(raw_bytes) && trial.does_as_well(packed, &before) {
        return Ok(before.dictionary);
    }
    let trained = train(raw, raw_bytes)?;
    let costs =
        |packed, dictionary: &[u8]| trial.scaled(packed, raw_bytes) + dictionary.len() as u64;
    let cost = costs(packed, &before.dictionary);
    let trained_cost = costs(trial.packed(&trained), &trained);
    let is_tolerated = cost <= trained_cost + trained_cost / TOLERATED_PART;
    Ok(if is_tolerated { before.dictionary } else { trained })
}

impl Example {
    /// Whether its dictionary is about as large as one for a file of that size. That of a small
    /// file may do as well as it did there, and less well than a larger one.
    fn has_size_for(&self, raw_bytes: u64) -> bool {
        let (bytes, wanted) = (self.dictionary.len() as u64, dictionary_bytes(raw_bytes));
        (wanted / 2..=wanted).contains(&bytes)
    }
}

fn dictionary_bytes(raw_bytes: u64) -> u64 {
    DICTIONARY_BYTES_MAX.min(raw_bytes / DICTIONARY_PART)
}

/// A dictionary for the blocks of a file; none if there are too few of them.
fn train(raw: &dyn DiskFile, raw_bytes: u64) -> io::Result<Vec<u8>> {
    let samples = spread(raw, raw_bytes, SAMPLES_BYTES, |block| !is_for_trial(block))?;
    let sizes = vec![BLOCK_BYTES; samples.len() / BLOCK_BYTES];
    let mut dictionary = Vec::with_capacity(dictionary_bytes(raw_bytes) as usize);
    match zstd_safe::train_from_buffer(&mut dictionary, &samples, &sizes) {
        Ok(_) => Ok(dictionary),
        Err(_) => Ok(Vec::new()),
    }
}

/// Blocks that stand evenly over a file, so many bytes of them at most.
fn spread(
    raw: &dyn DiskFile,
    raw_bytes: u64,
    bytes: u64,
    is_wanted: impl Fn(u64) -> bool,
) -> io::Result<Vec<u8>> {
    let wanted = (0..raw_bytes / BLOCK_BYTES as u64).filter(|&block| is_wanted(block));
    let wanted: Vec<u64> = wanted.collect();
    let stride = wanted.len().div_ceil(bytes as usize / BLOCK_BYTES).max(1);
    let mut spread = Vec::with_capacity(bytes.min(raw_bytes) as usize);
    let mut block = [0; BLOCK_BYTES];
    for number in wanted.into_iter().step_by(stride) {
        if raw.read_at(&mut block, number * BLOCK_BYTES as u64)? == BLOCK_BYTES {
            spread.extend_from_slice(&block);
        }
    }
    Ok(spread)
}

fn is_for_trial(block: u64) -> bool {
    block % TRIAL_ONE_IN == TRIAL_ONE_IN - 1
}

/// Blocks of a log file that dictionaries are tried on.
struct Trial(Vec<u8>);

impl Trial {
    fn of(raw: &dyn DiskFile, raw_bytes: u64) -> io::Result<Self> {
        spread(raw, raw_bytes, TRIAL_BYTES, is_for_trial).map(Self)
    }

    /// Bytes that they take with a dictionary.
    fn packed(&self, dictionary: &[u8]) -> u64 {
        let (mut context, dictionary) = (CCtx::create(), CDict::create(dictionary, LEVEL));
        let mut packed = Vec::with_capacity(zstd_safe::compress_bound(BLOCK_BYTES));
        let blocks = self.0.chunks(BLOCK_BYTES);
        blocks
            .map(|block| compress_block(&mut context, &dictionary, block, &mut packed).len() as u64)
            .sum()
    }

    /// What that is for all of a file.
    fn scaled(&self, packed: u64, raw_bytes: u64) -> u64 {
        packed * raw_bytes / (self.0.len() as u64).max(1)
    }

    /// Whether a dictionary does here about as well as it did in the file that it is of.
    fn does_as_well(&self, packed: u64, before: &Example) -> bool {
        let then = before.packed_bytes;
        self.scaled(packed, before.raw_bytes) <= then + then / TOLERATED_PART
    }
}
