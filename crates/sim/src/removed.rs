//! What was removed is looked for in everything that is on the disk: in files as they are, and in
//! compressed ones as whoever decompresses them sees it.

use std::collections::{HashMap, HashSet};

use hitherto_store::{Position, Recorded};

use crate::compressed::{is_compressed, uncompressed};
use crate::disk::SimDisk;
use crate::texts::{Word, words_in, words_of};

/// What scavenges have removed in a run.
#[derive(Default)]
pub(crate) struct Removed(HashMap<Word, Position>);

impl Removed {
    /// Takes in what a scavenge that ran to its end has removed: all that was hidden before.
    pub(crate) fn take(&mut self, hidden: &[Recorded]) {
        for event in hidden {
            self.0.extend(words_of(event).into_iter().map(|word| (word, event.position())));
        }
    }

    /// Nothing of it is in any file of a directory.
    pub(crate) fn is_gone_from(&self, directory: &SimDisk) -> Result<(), String> {
        look(directory, |place, word| match self.0.get(&word) {
            Some(position) => {
                Err(format!("event {position} was removed, and {place} has its text"))
            }
            None => Ok(()),
        })
    }
}

/// Whoever looks finds what is there: else it would say nothing that what is gone is not found.
pub(crate) fn is_found_in(directories: &[SimDisk], kept: &[Recorded]) -> Result<(), String> {
    let mut found = HashSet::new();
    for directory in directories {
        look(directory, |_, word| {
            found.insert(word);
            Ok(())
        })?;
    }
    let is_missing = |event: &&Recorded| words_of(event).iter().any(|word| !found.contains(word));
    match kept.iter().find(is_missing) {
        Some(event) => Err(format!("the text of {event:?} is in no file, and it was not removed")),
        None => Ok(()),
    }
}

/// Hands over each word that stands in the files of a directory, and where.
fn look(
    directory: &SimDisk,
    mut found: impl FnMut(&str, Word) -> Result<(), String>,
) -> Result<(), String> {
    for (name, bytes) in directory.contents() {
        words_in(&bytes).try_for_each(|word| found(&name, word))?;
        if is_compressed(&name) {
            let inside = uncompressed(&name, &bytes);
            let inside = inside.ok_or_else(|| format!("{name} cannot be decompressed"))?;
            let dictionary = format!("the dictionary of {name}");
            words_in(&inside.dictionary).try_for_each(|word| found(&dictionary, word))?;
            let log = format!("{name} decompressed");
            words_in(&inside.log).try_for_each(|word| found(&log, word))?;
            let gathered = format!("what {name} has twice");
            words_in(&inside.gathered).try_for_each(|word| found(&gathered, word))?;
        }
    }
    Ok(())
}
