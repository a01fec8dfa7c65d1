//! The keys of a vault in memory: found by subject and by id, kept equal to the file, and given out
//! only as long as the file has them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hitherto_store::{Error, Result};
use zeroize::Zeroizing;

use crate::key_file::{KeyFile, News, Slots};
use crate::place::{Place, WriteLock};
use crate::slot::{Id, Key, SUBJECT_BYTES_MAX, Slot};

/// The keys of one file, which is made when the first key is.
pub(crate) struct KeyRing {
    place: Place,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: Option<KeyFile>,
    keys: HashMap<Id, Entry>,
    /// The key that each subject's values are sealed under now.
    live: HashMap<String, Id>,
    /// The key of snapshots and its slot. A file without one has slots to be overwritten.
    snapshots: Option<(u64, Id, Key)>,
    /// Slots that are to be overwritten, as far as is known.
    doomed: Vec<u64>,
    /// How often keys were destroyed.
    forgettings: u64,
}

struct Entry {
    subject: String,
    /// None if it was destroyed.
    key: Option<Key>,
    /// The slot that has it; 0 if none does.
    slot: u64,
}

/// What is known of a key.
pub(crate) enum Found {
    Key(Key),
    Destroyed,
    Unknown,
}

impl KeyRing {
    /// The keys of the file at this place, if it is there yet.
    pub(crate) fn open(place: Place) -> Result<Self> {
        let ring = Self { place, state: Mutex::default() };
        drop(ring.look()?);
        Ok(ring)
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The id of the vault, if its file is there.
    pub(crate) fn vault(&self) -> Result<Option<Id>> {
        Ok(self.look()?.file.as_ref().map(|file| file.vault))
    }

    /// The id of the vault, whose file is there for good from now on.
    pub(crate) fn create(&self) -> Result<Id> {
        if let Some(vault) = self.look()?.durable_file().map(|file| file.vault) {
            return Ok(vault);
        }
        let (lock, mut state) = self.write()?;
        if state.file.is_none() {
            let slots = [Slot::Snapshots { id: random_id()?, key: random_key()? }];
            KeyFile::create(&self.place, random_id()?, &slots)?;
            drop((state, lock));
            state = self.write()?.1;
        }
        state.file().map(|file| file.vault)
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
        let (lock, mut state) = self.write()?;
        if let Some(found) = state.live_key(subject) {
            return Ok(found); // somebody else made one meanwhile
        }
        let (id, key) = (random_id()?, random_key()?);
        state.add(&lock, Slot::Key { id, subject: subject.to_owned(), key: key.clone() })?;
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

    /// The key that snapshots are sealed under; none if there are no keys yet.
    pub(crate) fn snapshot_key(&self) -> Result<Option<(Id, Id, Key)>> {
        let state = self.look()?;
        let Some(file) = &state.file else { return Ok(None) };
        let (_, id, key) = state.snapshots.clone().ok_or_else(|| {
            Error::unavailable("snapshots have no key while somebody is being forgotten")
        })?;
        Ok(Some((file.vault, id, key)))
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
        let snapshots = match state.snapshots.clone() {
            Some((_, id, key)) => Slot::Snapshots { id, key },
            None => Slot::Snapshots { id: random_id()?, key: random_key()? },
        };
        let mut slots = vec![snapshots];
        for (&id, Entry { subject, key, .. }) in &state.keys {
            let subject = subject.clone();
            slots.push(match key.clone() {
                Some(key) => Slot::Key { id, subject, key },
                None => Slot::Destroyed { id, subject, overwritten: [0; 2] },
            });
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
        let (lock, mut state) = self.write()?;
        for (id, subject) in keys {
            state.destroy(&lock, *id, subject)?;
        }
        state.finish(&lock)
    }

    /// Treats keys as destroyed, whatever the file says: for who may not write to it.
    pub(crate) fn disregard(&self, keys: Vec<(Id, String)>) -> Result<()> {
        let mut state = self.look()?;
        for (id, subject) in keys {
            state.take_in(0, Slot::Destroyed { id, subject, overwritten: [0; 2] });
        }
        Ok(())
    }

    /// Takes in what is new in the file.
    fn look(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.file.is_none() && self.place.find()?.is_some() {
            state.file = Some(KeyFile::open(&self.place)?);
        }
        let Some(file) = &mut state.file else { return Ok(state) };
        match file.look()? {
            None => {}
            Some(News::More(slots)) => state.take_in_all(slots),
            Some(News::Another(slots)) => state.replace_all(slots),
        }
        Ok(state)
    }

    /// The keys with the right to change them: all of them durable, and nothing left to be
    /// overwritten.
    fn write(&self) -> Result<(WriteLock, MutexGuard<'_, State>)> {
        let lock = self.place.lock()?;
        let mut state = self.look()?;
        if let Some(file) = &mut state.file {
            file.settle(&lock)?;
            state.finish(&lock)?;
        }
        Ok((lock, state))
    }
}

impl State {
    fn file(&mut self) -> Result<&mut KeyFile> {
        self.file.as_mut().ok_or_else(|| Error::not_found("there are no keys yet"))
    }

    /// The file, if all that was read from it is durable.
    fn durable_file(&self) -> Option<&KeyFile> {
        self.file.as_ref().filter(|file| file.is_durable())
    }

    /// The key that a subject's values may be sealed under.
    fn live_key(&self, subject: &str) -> Option<(Id, Key)> {
        self.durable_file()?;
        let id = *self.live.get(subject)?;
        Some((id, self.keys.get(&id)?.key.clone()?))
    }

    /// Whether keys are gone for good, from the disk too.
    fn are_destroyed(&self, keys: &[(Id, String)]) -> bool {
        let is_destroyed =
            |id| self.keys.get(id).is_some_and(|it: &Entry| it.key.is_none() && it.slot == 0);
        self.durable_file().is_some()
            && self.snapshots.is_some()
            && keys.iter().all(|(id, _)| is_destroyed(id))
    }

    fn add(&mut self, lock: &WriteLock, slot: Slot) -> Result<()> {
        let number = self.file()?.add(lock, &slot)?;
        self.take_in(number, slot);
        Ok(())
    }

    /// Writes down that a key is gone; its bytes go with [`State::finish`].
    fn destroy(&mut self, lock: &WriteLock, id: Id, subject: &str) -> Result<()> {
        let slot = match self.keys.get(&id) {
            Some(Entry { key: None, slot: 0, .. }) => return Ok(()),
            Some(entry) => entry.slot,
            None => 0,
        };
        let snapshots = self.snapshots.as_ref().map_or(0, |(slot, ..)| *slot);
        let overwritten = [slot, snapshots];
        self.add(lock, Slot::Destroyed { id, subject: subject.to_owned(), overwritten })
    }

    /// Overwrites what is to be overwritten. The new key of snapshots says that it was.
    fn finish(&mut self, lock: &WriteLock) -> Result<()> {
        if self.snapshots.is_some() {
            return Ok(());
        }
        let doomed = self.doomed.clone();
        self.file()?.overwrite(lock, &doomed)?;
        self.add(lock, Slot::Snapshots { id: random_id()?, key: random_key()? })
    }

    fn take_in(&mut self, number: u64, slot: Slot) {
        self.doomed.extend(slot.overwritten());
        match slot {
            Slot::Key { id, subject, key } => {
                // What was destroyed once stays so, also when an older file is put in the place of
                // this one.
                let is_gone = self.keys.get(&id).is_some_and(|entry| entry.key.is_none());
                if !is_gone {
                    self.live.insert(subject.clone(), id);
                }
                let key = (!is_gone).then_some(key);
                self.keys.insert(id, Entry { subject, key, slot: number });
            }
            Slot::Destroyed { id, subject, .. } => {
                if self.live.get(&subject) == Some(&id) {
                    self.live.remove(&subject);
                }
                self.keys.insert(id, Entry { subject, key: None, slot: 0 });
                self.snapshots = None;
                self.forgettings += 1;
            }
            Slot::Snapshots { id, key } => {
                self.snapshots = Some((number, id, key));
                self.doomed.clear();
            }
        }
    }

    fn take_in_all(&mut self, slots: Slots) {
        for (number, slot) in slots {
            self.take_in(number, slot);
        }
    }

    fn replace_all(&mut self, slots: Slots) {
        self.keys.retain(|_, entry| entry.key.is_none());
        self.keys.values_mut().for_each(|entry| entry.slot = 0);
        self.live.clear();
        self.snapshots = None;
        self.doomed.clear();
        self.forgettings += 1;
        self.take_in_all(slots);
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
