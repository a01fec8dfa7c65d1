//! The dictionaries of compressed files: each file has its own copy on disk, and files with equal
//! ones share one that is ready to decode in memory.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, PoisonError, Weak};

use zstd_safe::DDict;

use super::{Header, damaged};
use crate::disk::DiskFile;
use crate::page;
use crate::planted::checksum_fits;
use crate::sync::Mutex;

/// What a dictionary is known by: its BLAKE3.
pub(super) type DictionaryHash = [u8; 32];

/// The dictionaries of a store's files that are open.
#[derive(Default)]
pub(crate) struct Dictionaries {
    in_use: Mutex<HashMap<DictionaryHash, Weak<DDict<'static>>>>,
}

impl Dictionaries {
    /// The dictionary of a file: its own copy is read only if no other file that is open has the
    /// same.
    pub(super) fn of(
        &self,
        file: &dyn DiskFile,
        header: &Header,
    ) -> io::Result<Arc<DDict<'static>>> {
        if let Some(dictionary) = self.find(header.dictionary_hash) {
            return Ok(dictionary);
        }
        let dictionary = DDict::try_create(&read(file, header)?);
        let dictionary = Arc::new(dictionary.ok_or_else(|| damaged("its dictionary"))?);
        self.keep(header.dictionary_hash, &dictionary);
        Ok(dictionary)
    }

    fn find(&self, hash: DictionaryHash) -> Option<Arc<DDict<'static>>> {
        let in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        in_use.get(&hash)?.upgrade()
    }

    fn keep(&self, hash: DictionaryHash, dictionary: &Arc<DDict<'static>>) {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        in_use.retain(|_, dictionary| dictionary.strong_count() > 0);
        in_use.insert(hash, Arc::downgrade(dictionary));
    }
}

pub(super) fn hash_of(dictionary: &[u8]) -> DictionaryHash {
    *blake3::hash(dictionary).as_bytes()
}

/// A file's own copy of its dictionary, if that is the one that its header names.
pub(super) fn read(file: &dyn DiskFile, header: &Header) -> io::Result<Vec<u8>> {
    let dictionary = page::read_across(file, header.nonce, header.dictionary_pages())?;
    let mut dictionary = dictionary.ok_or_else(|| damaged("its dictionary"))?;
    dictionary.truncate(header.dictionary_bytes as usize);
    if checksum_fits(header.dictionary_hash, hash_of(&dictionary)) {
        Ok(dictionary)
    } else {
        Err(damaged("its dictionary is not the one that its header names"))
    }
}
