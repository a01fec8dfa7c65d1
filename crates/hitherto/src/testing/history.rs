//! Real samples of every version of every kind, kept for ever: what was stored once can always be
//! read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::through_bytes;
use crate::event::{Event, Kind};

/// With this variable set, missing samples are written from the events given.
const WRITE: &str = "HITHERTO_WRITE_HISTORY";

/// Reads all samples in a folder as today's type, and sees that there is one of each kind and
/// version, and of each older name.
///
/// A sample is a file `Name.v1.json` with the JSON as it was stored. With the variable
/// `HITHERTO_WRITE_HISTORY` set, those of today's names and versions that are missing are written
/// from `examples`; older ones are there already, because they were written when they were today's.
/// What is there is never overwritten.
///
/// A kind that was removed from the type fails the check by the sample it leaves behind: keep the
/// kind, and say that it is deprecated.
///
/// # Panics
/// If a sample cannot be read, or is missing; with what to do.
#[track_caller]
pub fn check_history<E: Event>(folder: impl AsRef<Path>, examples: impl IntoIterator<Item = E>) {
    let folder = folder.as_ref();
    if std::env::var_os(WRITE).is_some() {
        examples.into_iter().for_each(|example| write_if_missing(folder, &example));
    }
    let samples = samples_in(folder);
    for ((name, version), path) in &samples {
        read_sample::<E>(path, name, *version);
    }
    let has = |name: &str, version| samples.contains_key(&(name.to_owned(), version));
    let missing: Vec<_> = E::kinds().into_iter().flat_map(|kind| missing_of(kind, has)).collect();
    assert!(
        missing.is_empty(),
        "these samples are missing in {}: {missing:?}; set {WRITE}=1 once to write those of today's \
         versions, and take older ones from a store or from the history of the project",
        folder.display()
    );
}

/// Today's name at every version, and each older name at one at least: nobody knows any more at
/// which it was.
fn missing_of(kind: &Kind, has: impl Fn(&str, u16) -> bool) -> Vec<String> {
    let versions = 1..=kind.version;
    let today = versions.clone().filter(|&version| !has(kind.name, version));
    let older = kind.was.iter().filter(|name| !versions.clone().any(|version| has(name, version)));
    let today = today.map(|version| file_name(kind.name, version));
    today.chain(older.map(|name| file_name(name, 1))).collect()
}

fn file_name(name: &str, version: u16) -> String {
    format!("{name}.v{version}.json")
}

/// The samples that are there, by name and version.
#[track_caller]
fn samples_in(folder: &Path) -> BTreeMap<(String, u16), PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    paths.map(|path| (name_and_version(&path), path)).collect()
}

#[track_caller]
fn name_and_version(path: &Path) -> (String, u16) {
    let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let parts = file.strip_suffix(".json").and_then(|stem| stem.rsplit_once(".v"));
    let parts = parts.and_then(|(name, version)| Some((name.to_owned(), version.parse().ok()?)));
    parts.unwrap_or_else(|| panic!("{} is no sample: name it Name.v1.json", path.display()))
}

#[track_caller]
fn write_if_missing<E: Event>(folder: &Path, example: &E) {
    let path = folder.join(file_name(example.kind().name, example.kind().version));
    if path.exists() {
        return;
    }
    let bytes = example.encode().expect("the example can be written as JSON");
    std::fs::create_dir_all(folder).expect("the folder can be made");
    std::fs::write(path, bytes).expect("the sample can be written");
}

/// Reads a sample, and sees that what came out can be stored and read again as today's.
#[track_caller]
fn read_sample<E: Event>(path: &Path, name: &str, version: u16) {
    let bytes = std::fs::read(path).expect("the sample is there");
    match E::decode(name, version, &bytes) {
        Ok(event) => drop(through_bytes(&event)),
        Err(error) => panic!(
            "{} cannot be read any more: {error}; what was stored once must be read for ever: keep the \
             kind, and say what it `was`, `from` what it comes, or that it is `deprecated`",
            path.display()
        ),
    }
}
