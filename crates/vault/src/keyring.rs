//! The keys of a vault in memory: found by subject and by id, kept equal to the file, and given out
//! only as long as the file has them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hitherto_store::{Error, Result};
use zeroize::Zeroizing;

use crate::key_file::{KeyFile, News};
use crate::slot::{Id, Key, SUBJECT_BYTES_MAX, Slot};

/// The keys of one file, which is made when the first key is.
pub(crate) struct KeyRing {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: Option<KeyFile>,
    keys: HashMap<Id, Entry>,
    /// The key that each subject's values are sealed under now.
    live: HashMap<String, Id>,
    snapshots: Option<(Id, Key)>,
    /// How often keys were destroyed.
    forgettings: u64,
}

struct Entry {
    subject: String,
    /// None if it was destroyed.
    key: Option<Key>,
}

/// What is known of a key.
pub(crate) enum Found {
    Key(Key),
    Destroyed,
    Unknown,
}

impl KeyRing {
    /// The keys of the file at this path, if it is there yet.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let ring = Self { path: path.to_owned(), state: Mutex::default() };
        drop(ring.look()?);
        Ok(ring)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The id of the vault, if its file is there.
    pub(crate) fn vault(&self) -> Result<Option<Id>> {
        Ok(self.look()?.file.as_ref().map(|file| file.vault))
    }

    /// The id of the vault, whose file is created if it is not there.
    pub(crate) fn create(&self) -> Result<Id> {
        if let Some(vault) = self.vault()? {
            return Ok(vault);
        }
        let lock = KeyFile::lock(&self.path)?;
        if self.vault()?.is_none() {
            let snapshots = Slot::Snapshots { id: random_id()?, key: random_key()? };
            KeyFile::create(&self.path, random_id()?, &[snapshots])?;
        }
        drop(lock);
        let vault = self.vault()?;
        vault.ok_or_else(|| Error::unavailable(format!("{} was removed", self.path.display())))
    }

    /// Whether there are keys of subjects, destroyed ones among them.
    pub(crate) fn is_used(&self) -> Result<bool> {
        Ok(!self.look()?.keys.is_empty())
    }

    /// The key that what is personal to a subject is sealed under, made if there is none.
    pub(crate) fn key_of(&self, subject: &str) -> Result<(Id, Key)> {
        check_subject(subject)?;
        if let Some(found) = self.look()?.live_key(subject) {
            return Ok(found);
        }
        let lock = KeyFile::lock(&self.path)?;
        let mut state = self.look()?; // somebody else may have made one meanwhile
        if let Some(found) = state.live_key(subject) {
            return Ok(found);
        }
        let (id, key) = (random_id()?, random_key()?);
        let slot = Slot::Key { id, subject: subject.to_owned(), key: key.clone() };
        state.file()?.add(&lock, &slot)?;
        state.take_in(slot);
        Ok((id, key))
    }

    /// The key with this id.
    pub(crate) fn find(&self, id: Id) -> Result<Found> {
        let state = self.look()?;
        Ok(match state.keys.get(&id) {
            None => Found::Unknown,
            Some(Entry { key: None, .. }) => Found::Destroyed,
            Some(Entry { key: Some(key), .. }) => Found::Key(key.clone()),
        })
    }

    /// The key that snapshots are sealed under, if there is one.
    pub(crate) fn snapshot_key(&self) -> Result<Option<(Id, Id, Key)>> {
        let state = self.look()?;
        let vault = state.file.as_ref().map(|file| file.vault);
        Ok(vault.zip(state.snapshots.clone()).map(|(vault, (id, key))| (vault, id, key)))
    }

    /// How often keys were destroyed since the vault was opened, by whomever.
    pub(crate) fn forgettings(&self) -> u64 {
        match self.look() {
            Ok(state) => state.forgettings,
            // What was kept may not be used while it cannot be told.
            Err(_) => u64::MAX,
        }
    }

    /// Each subject, and whether it has a key.
    pub(crate) fn subjects(&self) -> Result<Vec<(String, bool)>> {
        let state = self.look()?;
        let mut subjects: HashMap<String, bool> = HashMap::new();
        for entry in state.keys.values() {
            *subjects.entry(entry.subject.clone()).or_default() |= entry.key.is_some();
        }
        let mut subjects: Vec<_> = subjects.into_iter().collect();
        subjects.sort();
        Ok(subjects)
    }

    /// All slots, as a copy of the file has them.
    pub(crate) fn slots(&self) -> Result<Vec<Slot>> {
        let state = self.look()?;
        let mut slots = state.slots_without(&[])?;
        if let Some((id, key)) = state.snapshots.clone() {
            slots[0] = Slot::Snapshots { id, key };
        }
        Ok(slots)
    }

    /// The keys of a subject, destroyed ones among them.
    pub(crate) fn ids_of(&self, subject: &str) -> Result<Vec<Id>> {
        let state = self.look()?;
        let keys = state.keys.iter().filter(|(_, entry)| entry.subject == subject);
        Ok(keys.map(|(&id, _)| id).collect())
    }

    /// All keys that were destroyed, with their subjects.
    pub(crate) fn destroyed(&self) -> Result<Vec<(Id, String)>> {
        let state = self.look()?;
        let destroyed = state.keys.iter().filter(|(_, entry)| entry.key.is_none());
        Ok(destroyed.map(|(&id, entry)| (id, entry.subject.clone())).collect())
    }

    /// Destroys keys, those that are not in the file at all among them: they will not come back.
    pub(crate) fn destroy(&self, keys: &[(Id, String)]) -> Result<()> {
        if self.look()?.are_destroyed(keys) {
            return Ok(());
        }
        let lock = KeyFile::lock(&self.path)?;
        let mut state = self.look()?;
        if state.are_destroyed(keys) {
            return Ok(());
        }
        let slots = state.slots_without(keys)?;
        state.file()?.rewrite(&lock, &slots)?;
        state.replace_all(slots);
        Ok(())
    }

    /// Treats keys as destroyed, whatever the file says: for who may not write to it.
    pub(crate) fn disregard(&self, keys: Vec<(Id, String)>) -> Result<()> {
        let mut state = self.look()?;
        for (id, subject) in keys {
            state.take_in(Slot::Destroyed { id, subject });
        }
        Ok(())
    }

    /// Takes in what is new in the file.
    fn look(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.file.is_none() && self.path.exists() {
            state.file = Some(KeyFile::open(&self.path)?);
        }
        let Some(file) = &mut state.file else { return Ok(state) };
        match file.look()? {
            None => {}
            Some(News::More(slots)) => slots.into_iter().for_each(|slot| state.take_in(slot)),
            Some(News::Another(slots)) => state.replace_all(slots),
        }
        Ok(state)
    }
}

impl State {
    fn file(&mut self) -> Result<&mut KeyFile> {
        self.file.as_mut().ok_or_else(|| Error::not_found("there are no keys yet"))
    }

    fn live_key(&self, subject: &str) -> Option<(Id, Key)> {
        let id = *self.live.get(subject)?;
        Some((id, self.keys.get(&id)?.key.clone()?))
    }

    fn are_destroyed(&self, keys: &[(Id, String)]) -> bool {
        keys.iter().all(|(id, _)| self.keys.get(id).is_some_and(|entry| entry.key.is_none()))
    }

    fn take_in(&mut self, slot: Slot) {
        match slot {
            Slot::Key { id, subject, key } => {
                self.live.insert(subject.clone(), id);
                self.keys.insert(id, Entry { subject, key: Some(key) });
            }
            Slot::Destroyed { id, subject } => {
                if self.live.get(&subject) == Some(&id) {
                    self.live.remove(&subject);
                }
                self.keys.insert(id, Entry { subject, key: None });
            }
            Slot::Snapshots { id, key } => self.snapshots = Some((id, key)),
        }
    }

    /// What was destroyed once stays so, also when an older file is put in the place of this one.
    fn replace_all(&mut self, slots: Vec<Slot>) {
        self.keys.retain(|_, entry| entry.key.is_none());
        self.live.clear();
        self.snapshots = None;
        self.forgettings += 1;
        let is_gone =
            |slot: &Slot| matches!(slot, Slot::Key { id, .. } if self.keys.contains_key(id));
        let slots: Vec<_> = slots.into_iter().filter(|slot| !is_gone(slot)).collect();
        for slot in slots {
            self.take_in(slot);
        }
    }

    /// All slots of a file that has these keys no more, with another key for snapshots.
    fn slots_without(&self, keys: &[(Id, String)]) -> Result<Vec<Slot>> {
        let is_destroyed = |id: &Id| keys.iter().any(|(key, _)| key == id);
        let mut slots = vec![Slot::Snapshots { id: random_id()?, key: random_key()? }];
        for (&id, Entry { subject, key }) in &self.keys {
            let key = key.clone().filter(|_| !is_destroyed(&id));
            let subject = subject.clone();
            slots.push(match key {
                Some(key) => Slot::Key { id, subject, key },
                None => Slot::Destroyed { id, subject },
            });
        }
        let unknown = keys.iter().filter(|(id, _)| !self.keys.contains_key(id)).cloned();
        slots.extend(unknown.map(|(id, subject)| Slot::Destroyed { id, subject }));
        Ok(slots)
    }
}

/// Refuses what cannot be a subject.
pub(crate) fn check_subject(subject: &str) -> Result<()> {
    if !subject.is_empty()
        && subject.len() <= SUBJECT_BYTES_MAX
        && !subject.chars().any(char::is_control)
    {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{subject:?} cannot be a subject: 1 to {SUBJECT_BYTES_MAX} bytes of printable text; it is stored \
         in the clear, so use an id, no name"
    )))
}

fn random_id() -> Result<Id> {
    let mut id = [0; 16];
    fill(&mut id)?;
    Ok(Id(id))
}

fn random_key() -> Result<Key> {
    let mut key = Zeroizing::new([0; 32]);
    fill(&mut key[..])?;
    Ok(key)
}

/// Bytes that nobody can guess.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| {
        Error::unavailable("the system gives no random bytes").because(error.to_string())
    })
}
