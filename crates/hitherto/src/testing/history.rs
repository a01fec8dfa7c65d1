//! Real samples of every version of every kind, kept for ever: what was stored once can always be
//! read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::event::{Event, Kind};

/// With this variable set, missing samples are written from the events given.
const WRITE: &str = "HITHERTO_WRITE_HISTORY";

/// Reads all samples in a folder as today's type, and sees that there is one of each kind at every
/// version, and one at least under each of its older names.
///
/// A sample is a file `Name.v1.json` with the JSON as it was stored. With the variable
/// `HITHERTO_WRITE_HISTORY` set, those of today's names and versions that are missing are written
/// from
/// `examples`; older ones are there already, because they were written when they were today's. What
/// is there is never overwritten.
///
/// # Panics
/// If a sample cannot be read, or is missing; with what to do.
#[track_caller]
pub fn check_history<E: Event>(folder: impl AsRef<Path>, examples: impl IntoIterator<Item = E>) {
    let folder = folder.as_ref();
    let examples = examples.into_iter();
    let today: BTreeMap<_, _> = examples.map(|event| (event.kind().name, event)).collect();
    let mut missing = Vec::new();
    for kind in E::kinds() {
        write_if_wanted(&sample_path(folder, kind.name, kind.version), today.get(kind.name));
        for (name, version) in shapes_of(kind) {
            let path = sample_path(folder, name, version);
            if path.exists() { read_sample::<E>(&path, name, version) } else { missing.push(path) }
        }
        missing.extend(kind.was.iter().filter_map(|name| check_old_name::<E>(folder, kind, name)));
    }
    assert!(
        missing.is_empty(),
        "these samples are missing: {missing:?}; set {WRITE}=1 once to write those of today's versions, \
         and take older ones from a store or from the history of the project"
    );
}

/// Reads the samples under an older name; the path where one should be if there is none.
#[track_caller]
fn check_old_name<E: Event>(folder: &Path, kind: &Kind, name: &str) -> Option<PathBuf> {
    let mut is_kept = false;
    for version in 1..=kind.version {
        let path = sample_path(folder, name, version);
        if path.exists() {
            read_sample::<E>(&path, name, version);
            is_kept = true;
        }
    }
    (!is_kept).then(|| sample_path(folder, name, 1))
}

/// Today's name at every version.
fn shapes_of(kind: &Kind) -> impl Iterator<Item = (&'static str, u16)> + use<> {
    std::iter::repeat(kind.name).zip(1..=kind.version)
}

fn sample_path(folder: &Path, name: &str, version: u16) -> PathBuf {
    folder.join(format!("{name}.v{version}.json"))
}

#[track_caller]
fn write_if_wanted<E: Event>(path: &Path, example: Option<&E>) {
    let Some(example) = example.filter(|_| std::env::var_os(WRITE).is_some() && !path.exists())
    else {
        return;
    };
    let bytes = example.encode().expect("the example can be written as JSON");
    std::fs::create_dir_all(path.parent().expect("a sample is in a folder"))
        .expect("it can be made");
    std::fs::write(path, bytes).expect("the sample can be written");
}

#[track_caller]
fn read_sample<E: Event>(path: &Path, name: &str, version: u16) {
    let bytes = std::fs::read(path).expect("the sample is there");
    if let Err(error) = E::decode(name, version, &bytes) {
        panic!("{} cannot be read any more: {error}", path.display());
    }
}
