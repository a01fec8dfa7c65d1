//! The file of keys: what is read from it, what is added to it durably, and what is overwritten so
//! that a key is in it no more. One process writes at a time, any number read.
//!
//! A key is used only after its slot was synced, so a last slot that is not whole was used by
//! nobody. A key is destroyed by adding, durably, which slots are to be overwritten, and
//! overwriting them then: whatever a crash leaves of them means nothing any more. A new key for
//! snapshots behind it says that they were overwritten; without it, whoever writes next does it.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use hitherto_store::{DiskFile, Error, Result};
use zeroize::Zeroizing;

use crate::place::{Place, WriteLock};
use crate::slot::{self, Id, SLOT_BYTES, Slot, SlotBytes};

const STRIDE: u64 = SLOT_BYTES as u64;

/// A file of keys, and how far it was read.
pub(crate) struct KeyFile {
    place: Place,
    pub(crate) vault: Id,
    /// Whole slots that were read, the header among them.
    slots: u64,
    /// Those of them that are known to be durable.
    durable: u64,
    /// The last that was read: while it stands there, this is the file that was read.
    last: SlotBytes,
}

/// Slots, each with its number.
pub(crate) type Slots = Vec<(u64, Slot)>;

/// What is new in the file since it was looked at.
pub(crate) enum News {
    /// Slots behind those that were known.
    More(Slots),
    /// Another file has the name: all its slots.
    Another(Slots),
}

impl KeyFile {
    /// Opens a file that exists; its slots are read by the first look.
    pub(crate) fn open(place: &Place) -> Result<Self> {
        let mut last = Zeroizing::new([0; SLOT_BYTES]);
        let read = place.open()?.read_at(&mut last[..], 0);
        read.map_err(|error| place.cannot("read", error))?;
        let vault = slot::decode_header(&last[..]).ok_or_else(|| {
            Error::invalid(format!(
                "{place} is no file of keys, or its header is damaged: name the right file, or restore it \
                 from a backup of the keys"
            ))
        })?;
        Ok(Self { place: place.clone(), vault, slots: 1, durable: 0, last })
    }

    /// Creates a file with the header and these slots, durably, where none is.
    pub(crate) fn create(place: &Place, vault: Id, slots: &[Slot]) -> Result<()> {
        let (disk, new) = (&place.disk, place.new_name());
        let create = || {
            remove_overwritten(place)?;
            let file = disk.create(&new)?;
            file.write_at(&encode_all(vault, slots), 0)?;
            file.sync()?;
            disk.rename(&new, &place.name)?;
            disk.sync_directory()
        };
        create().map_err(|error| {
            // What is left of it is removed by who tries again, if it cannot be now.
            let _ = remove_overwritten(place);
            place.cannot("created", error)
        })
    }

    /// What came into the file since the last look, from this process or another.
    pub(crate) fn look(&mut self) -> Result<Option<News>> {
        let file = self.place.open()?;
        let bytes = self.read_from(&*file, self.slots - 1)?;
        if let Some(new) = bytes.strip_prefix(&self.last[..]) {
            let found = self.take_in(new)?;
            return Ok((!found.is_empty()).then_some(News::More(found)));
        }
        let opened = Self::open(&self.place)?;
        if opened.vault != self.vault {
            return Err(Error::invalid(format!(
                "{} was replaced by the keys of another store: put the right file there",
                self.place
            )));
        }
        *self = opened;
        let bytes = self.read_from(&*file, self.slots)?;
        self.take_in(&bytes).map(|slots| Some(News::Another(slots)))
    }

    /// All bytes from a slot on.
    fn read_from(&self, file: &dyn DiskFile, slot: u64) -> Result<Zeroizing<Vec<u8>>> {
        let offset = slot * STRIDE;
        let read = |length: usize| {
            let mut bytes = Zeroizing::new(vec![0; length]);
            let found = file.read_at(&mut bytes, offset)?;
            bytes.truncate(found);
            io::Result::Ok(bytes)
        };
        let read_all = || {
            let bytes = read(2 * SLOT_BYTES)?; // mostly there is nothing new
            if bytes.len() < 2 * SLOT_BYTES {
                return Ok(bytes);
            }
            let rest = file.len()?.saturating_sub(offset);
            read(usize::try_from(rest).map_err(io::Error::other)?)
        };
        read_all().map_err(|error| self.place.cannot("read", error))
    }

    fn take_in(&mut self, bytes: &[u8]) -> Result<Slots> {
        let (mut found, mut unreadable) = (Slots::new(), Vec::new());
        let mut numbered = (self.slots..).zip(bytes.chunks(SLOT_BYTES)).peekable();
        while let Some((number, bytes)) = numbered.next() {
            match Slot::decode(bytes, self.vault, number) {
                Some(slot) => found.push((number, slot)),
                // Being written, or torn by a crash while it was: nobody uses it.
                None if numbered.peek().is_none() && is_torn(bytes) => break,
                None => unreadable.push(number),
            }
        }
        let overwritten: HashSet<u64> =
            found.iter().flat_map(|(_, slot)| slot.overwritten()).collect();
        if let Some(damaged) = unreadable.into_iter().find(|number| !overwritten.contains(number)) {
            return Err(self.damaged(damaged));
        }
        if let Some((number, _)) = found.last() {
            let start = (number - self.slots) as usize * SLOT_BYTES;
            self.last.copy_from_slice(&bytes[start..start + SLOT_BYTES]);
            self.slots = number + 1;
        }
        Ok(found)
    }

    fn damaged(&self, number: u64) -> Error {
        Error::corrupt(format!(
            "{}: slot {number} of the keys is damaged, and nothing was changed: restore the file from a \
             backup of the keys",
            self.place
        ))
    }

    /// Whether everything that was read survives a power cut.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable == self.slots
    }

    /// Makes durable what was read. Whoever added it may have been killed before its sync, or the
    /// sync failed: then it stands in a cache that counts as clean, so it is written once more. All
    /// but the last slot are durable, because each is made so before the next is added.
    pub(crate) fn settle(&mut self, _: &WriteLock) -> Result<()> {
        if self.is_durable() {
            return Ok(());
        }
        self.write(|file| file.write_at(&self.last[..], (self.slots - 1) * STRIDE))?;
        let names = self.place.disk.sync_directory();
        names.map_err(|error| self.place.cannot("written", error))?;
        self.durable = self.slots;
        Ok(())
    }

    /// Adds a slot, durably, and says its number. To be called under the lock, with everything
    /// settled.
    pub(crate) fn add(&mut self, _: &WriteLock, slot: &Slot) -> Result<u64> {
        let number = self.slots;
        let bytes = slot.encode(self.vault, number);
        self.write(|file| {
            if file.len()? != number * STRIDE {
                // What stands there is a slot that was never whole.
                file.set_len(number * STRIDE)?;
            }
            file.write_at(&bytes[..], number * STRIDE)
        })?;
        self.slots += 1;
        self.durable = self.slots;
        self.last = bytes;
        Ok(number)
    }

    /// Overwrites slots with zeros, durably.
    pub(crate) fn overwrite(&self, _: &WriteLock, slots: &[u64]) -> Result<()> {
        self.write(|file| {
            slots.iter().try_for_each(|slot| file.write_at(&[0; SLOT_BYTES], slot * STRIDE))
        })
    }

    fn write(&self, write: impl FnOnce(&Arc<dyn DiskFile>) -> io::Result<()>) -> Result<()> {
        let file = self.place.open()?;
        let written = write(&file).and_then(|()| file.sync());
        written.map_err(|error| self.place.cannot("written", error))
    }
}

/// Overwrites and removes what an interrupted creation left.
fn remove_overwritten(place: &Place) -> io::Result<()> {
    let new = place.new_name();
    let file = match place.disk.open(&new) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let length = usize::try_from(file.len()?).map_err(io::Error::other)?;
    file.write_at(&vec![0; length], 0)?;
    file.sync()?;
    place.disk.remove(&new)
}

fn encode_all(vault: Id, slots: &[Slot]) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity((slots.len() + 1) * SLOT_BYTES));
    bytes.extend_from_slice(&slot::encode_header(vault)[..]);
    for (number, slot) in (1..).zip(slots) {
        bytes.extend_from_slice(&slot.encode(vault, number)[..]);
    }
    bytes
}

/// A slot is small enough to be there as a whole, not at all, or as the zeros of a longer file.
fn is_torn(bytes: &[u8]) -> bool {
    bytes.len() < SLOT_BYTES || bytes.iter().all(|&byte| byte == 0)
}
