//! Snapshots under a vault: sealed under a key that is destroyed with each subject that is
//! forgotten, because nobody can say what a folded state has in it.

use std::sync::Arc;

use hitherto_store::{Result, SnapshotCache};

use crate::keyring::{KeyRing, fill};
use crate::seal::{self, Place};
use crate::slot::{Id, Key};

const PART: u8 = 2;

/// A cache whose values are sealed. Without a key, which is made with the first personal value,
/// there is nothing to seal.
pub(crate) struct SealedSnapshots {
    pub(crate) cache: Arc<dyn SnapshotCache>,
    pub(crate) ring: Arc<KeyRing>,
}

fn place(vault: Id, key: Id, name: &str) -> Place<'_> {
    Place { vault, holder: name.as_bytes(), part: PART, number: 0, subject: "", key }
}

/// A byte that no JSON begins with, so that what was put before there was a key is not mistaken.
const SEALED: u8 = 0;

fn sealed((vault, id, key): &(Id, Id, Key), name: &str, value: &[u8]) -> Result<Vec<u8>> {
    let mut nonce = [0; 12]; // the same place is used again and again
    fill(&mut nonce)?;
    let sealed = seal::seal_with(key, &place(*vault, *id, name), nonce, value);
    Ok([&[SEALED][..], &sealed].concat())
}

impl SnapshotCache for SealedSnapshots {
    fn get(&self, name: &str) -> Option<Vec<u8>> {
        let bytes = self.cache.get(name)?;
        let Some((vault, id, key)) = self.ring.snapshot_key().ok()? else { return Some(bytes) };
        let (&first, bytes) = bytes.split_first()?;
        if first != SEALED {
            return None;
        }
        seal::open(&key, &place(vault, id, name), bytes)
    }

    fn put(&self, name: &str, value: &[u8]) -> Result<()> {
        match self.ring.snapshot_key()? {
            Some(key) => self.cache.put(name, &sealed(&key, name, value)?),
            None => self.cache.put(name, value),
        }
    }

    fn clear(&self) -> Result<()> {
        self.cache.clear()
    }
}
