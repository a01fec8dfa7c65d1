//! Which store is meant where a command lets it be left out.

use std::path::{Path, PathBuf};

use hitherto_store::{Error, Result};

/// Names the store for commands that can do without it as an argument.
const VARIABLE: &str = "HITHERTO_STORE";

/// Store and subject of `[STORE] SUBJECT`.
pub(crate) fn store_and(names: &[String]) -> Result<(PathBuf, &str)> {
    match names {
        [store, subject] => Ok((PathBuf::from(store), subject)),
        [subject] => Ok((store_left_out(subject)?, subject)),
        _ => unreachable!("the arguments are one or two names"),
    }
}

fn store_left_out(subject: &str) -> Result<PathBuf> {
    if let Some(store) = std::env::var_os(VARIABLE).filter(|store| !store.is_empty()) {
        return Ok(PathBuf::from(store));
    }
    let mut here = stores_in(Path::new("."));
    match (here.pop(), here.len()) {
        (Some(store), 0) => Ok(store),
        _ => Err(Error::invalid(format!(
            "in which store is {subject}? name its directory before it, or set {VARIABLE}"
        ))),
    }
}

fn stores_in(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| PathBuf::from(entry.file_name()));
    names.filter(|name| name.extension().is_some_and(|end| end == "hitherto")).collect()
}
