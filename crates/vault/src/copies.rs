//! Files of keys without a store: what is in one, and a copy of it.

use std::path::Path;

use hitherto_store::{Error, Result};

use crate::key_file::KeyFile;
use crate::keyring::KeyRing;
use crate::place::Place;
use crate::vault::Subject;

/// Everybody whose keys are, or were, in a file of keys.
///
/// # Errors
/// `NotFound` if there is no such file; `Invalid` if it is another file; `Corrupt` if it is
/// damaged.
pub fn subjects(keys: impl AsRef<Path>) -> Result<Vec<Subject>> {
    let place = Place::at(keys.as_ref())?;
    drop(KeyFile::open(&place)?);
    let subjects = KeyRing::open(place)?.subjects()?.into_iter();
    Ok(subjects.map(|(name, has_key)| Subject { name, is_forgotten: !has_key }).collect())
}

/// Copies a file of keys, also while a vault uses it, reads the copy, and says how many subjects it
/// has. Keep it apart from the backups of the store: the two together are the data in the clear.
///
/// # Errors
/// As [`subjects`]; `Invalid` if the copy's name is taken; `Unavailable` if it cannot be written.
pub fn backup_keys(keys: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<usize> {
    let (keys, to) = (keys.as_ref(), to.as_ref());
    if to.exists() {
        return Err(Error::invalid(format!(
            "{} exists, and nothing was changed: choose another name for the copy",
            to.display()
        )));
    }
    let place = Place::at(keys)?;
    let vault = KeyFile::open(&place)?.vault;
    let ring = KeyRing::open(place)?;
    KeyFile::create(&Place::at(to)?, vault, &ring.slots()?)?;
    let copied = subjects(to)?;
    if copied != subjects(keys)? {
        let _ = std::fs::remove_file(to);
        return Err(Error::unavailable("the keys changed while they were copied: copy them again"));
    }
    Ok(copied.len())
}
