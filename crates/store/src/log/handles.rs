//! The open handles of log files: opened when they are first read, and closed again when there are
//! many, so that a store of any size gets by with few.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError, Weak};

use arc_swap::{ArcSwapOption, Guard};

use super::compressed::{self, CompressedLog, Edition, Seen};
use super::header::{FileHeader, HEADER_BYTES};
use super::holes::is_damage;
use crate::archive::{ArchivedFile, Stub};
use crate::cache::ReadCache;
use crate::disk::{Disk, DiskFile};
use crate::event::EventId;
use crate::planted::{PlantedBug, is_planted};
use crate::sync::{Mutex, MutexGuard};

/// Handles that are open at once. A compressed file's takes some 60 KiB for its dictionary, and a
/// process has 1,024 file descriptors if nobody says otherwise, and may have several stores open.
const OPEN_MAX: usize = 200;

/// A file that is open.
pub(crate) struct Opened {
    pub(super) file: Arc<dyn DiskFile>,
    /// The same, if it is compressed.
    pub(super) compressed: Option<Arc<CompressedLog>>,
}

impl Opened {
    pub(super) fn raw(file: Arc<dyn DiskFile>) -> Self {
        Self { file, compressed: None }
    }
}

/// In which form a log file is there.
#[derive(Default)]
pub(crate) struct Form {
    pub(crate) is_compressed: bool,
    /// Bytes that it takes here.
    pub(crate) bytes: u64,
    /// The location of the archive that it is in, if it is in one.
    pub(crate) archive: Option<String>,
    /// None if the header that says it is damaged.
    pub(crate) edition: Option<Edition>,
}

/// Where an open file is kept, and what is known of it when it is closed again.
#[derive(Default)]
pub(super) struct Slot {
    opened: ArcSwapOption<Opened>,
    known: Mutex<Known>,
}

#[derive(Clone, Copy, Default)]
struct Known {
    /// There, if the file was compressed and here when it was opened last.
    seen: Option<Seen>,
    /// How often the file was replaced by another: one that was opened before is not kept.
    replaced: u64,
}

impl Slot {
    pub(super) fn opened(&self) -> Guard<Option<Arc<Opened>>> {
        self.opened.load()
    }

    pub(super) fn keep(&self, opened: Arc<Opened>) {
        self.opened.store(Some(opened));
    }

    /// Has all its names looked for when it is opened next.
    pub(super) fn forget(&self) {
        let mut known = self.known();
        self.opened.store(None);
        *known = Known { seen: None, replaced: known.replaced + 1 };
    }

    /// Keeps what was opened, unless it was replaced since that was begun.
    fn keep_if_current(&self, (opened, seen): (&Arc<Opened>, Option<Seen>), begun: Known) -> bool {
        let mut known = self.known();
        let is_current = known.replaced == begun.replaced;
        if is_current {
            known.seen = seen;
            self.keep(Arc::clone(opened));
        }
        is_current
    }

    fn close(&self) {
        self.opened.store(None); // whoever is reading from it has it until done
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there is of a log file.
enum Found {
    Raw(Arc<dyn DiskFile>),
    Compressed(Arc<dyn DiskFile>),
    Archived(Stub, Arc<dyn DiskFile>),
}

/// Opens log files, compressed or not.
pub(crate) struct Handles {
    disk: Arc<dyn Disk>,
    cache: Arc<ReadCache>,
    /// The store that the files must be of, if that is known.
    store_id: Option<EventId>,
    /// In the order in which they were opened.
    open: Mutex<VecDeque<Weak<Slot>>>,
}

impl Handles {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        cache: Arc<ReadCache>,
        store_id: Option<EventId>,
    ) -> Self {
        Self { disk, cache, store_id, open: Mutex::default() }
    }

    /// Opens the compressed form of a log file if there is one, else the file itself.
    ///
    /// The compressed form was proven equal before it got its name. A log file beside it was
    /// removed once, and came back when the power went: its bytes may be anybody's by now.
    pub(crate) fn open(&self, number: u64) -> io::Result<Arc<dyn DiskFile>> {
        self.open_form(number).map(|opened| opened.file)
    }

    /// The same, with what only a compressed one can do.
    pub(super) fn open_form(&self, number: u64) -> io::Result<Opened> {
        self.open_found(number, None).map(|(opened, _)| opened)
    }

    /// The same, and what to know it by if it is compressed and here.
    fn open_found(&self, number: u64, seen: Option<Seen>) -> io::Result<(Opened, Option<Seen>)> {
        match self.find(number)? {
            Found::Raw(file) => {
                self.refuse_foreign(&*file, number)?;
                Ok((Opened::raw(file), None))
            }
            Found::Compressed(file) => self.open_compressed(file, number, seen),
            Found::Archived(stub, file) => {
                let object = Arc::new(ArchivedFile::new(stub, file, &self.cache));
                self.open_compressed(object, number, None).map(|(opened, _)| (opened, None))
            }
        }
    }

    /// Opens a file again that may have been closed only because there were many. One that was
    /// compressed and here is there under the same name, in an edition as new as any, or it was
    /// moved to an archive since: then all names are looked for, as they are if anything is wrong.
    fn open_again(&self, number: u64, seen: Option<Seen>) -> io::Result<(Opened, Option<Seen>)> {
        let known = seen.and_then(|_| self.disk.open(&compressed::file_name(number)).ok());
        let opened = known.and_then(|file| self.open_compressed(file, number, seen).ok());
        opened.map_or_else(|| self.open_found(number, seen), Ok)
    }

    fn open_compressed(
        &self,
        file: Arc<dyn DiskFile>,
        number: u64,
        seen: Option<Seen>,
    ) -> io::Result<(Opened, Option<Seen>)> {
        let of = (self.store_id, number);
        let log = CompressedLog::open(file, of, &self.cache)?.known_as(seen);
        let (seen, log) = (log.seen(), Arc::new(log));
        let file: Arc<dyn DiskFile> = Arc::<CompressedLog>::clone(&log);
        Ok((Opened { file, compressed: Some(log) }, Some(seen)))
    }

    /// Whether its bytes can be read without an archive.
    pub(crate) fn is_here(&self, number: u64) -> bool {
        self.find_here(number).is_ok()
    }

    /// An error if a log file is in an archive that cannot be reached now: then it is not lost.
    pub(crate) fn see_that_it_can_be_reached(&self, number: u64) -> io::Result<()> {
        let Ok(Some((stub, file))) = self.find_archived(number) else { return Ok(()) };
        let elsewhere = stub.start_bytes;
        let file = ArchivedFile::new(stub, file, &self.cache);
        if elsewhere < file.len()? {
            file.read_at(&mut [0], elsewhere)?;
        }
        Ok(())
    }

    /// A whole file of another store, or of another place in this one, is damage as well: its
    /// events would fit their checksums.
    fn refuse_foreign(&self, file: &dyn DiskFile, number: u64) -> io::Result<()> {
        let Some(store_id) = self.store_id else { return Ok(()) };
        let mut bytes = vec![0; HEADER_BYTES as usize];
        let filled = file.read_at(&mut bytes, 0)?;
        match FileHeader::decode(&bytes[..filled]) {
            Some(header) if (header.store_id, header.number) != (store_id, number) => {
                let message = "its header is that of another store's file, or of another file";
                Err(io::Error::new(io::ErrorKind::InvalidData, message))
            }
            // A header that is not whole is noticed by whoever needs it.
            _ => Ok(()),
        }
    }

    /// A log file as it is stored, compressed or not, with the name of that form. From an archive
    /// it comes as it was here.
    pub(crate) fn stored(&self, number: u64) -> io::Result<(String, Arc<dyn DiskFile>)> {
        Ok(match self.stored_form(number)? {
            (file, true) => (compressed::file_name(number), file),
            (file, false) => (FileHeader::file_name(number), file),
        })
    }

    /// The same, and whether that is the compressed form.
    fn stored_form(&self, number: u64) -> io::Result<(Arc<dyn DiskFile>, bool)> {
        Ok(match self.find(number)? {
            Found::Raw(file) => (file, false),
            Found::Compressed(file) => (file, true),
            Found::Archived(stub, file) => {
                (Arc::new(ArchivedFile::new(stub, file, &self.cache)), true)
            }
        })
    }

    /// In which form a log file is there.
    pub(super) fn form(&self, number: u64) -> io::Result<Form> {
        let (bytes, edition, archive) = match self.find(number)? {
            Found::Raw(file) => {
                let edition = Some(Edition::default());
                return Ok(Form { bytes: file.len()?, edition, ..Form::default() });
            }
            Found::Compressed(file) => (file.len()?, compressed::edition_of(&*file), None),
            Found::Archived(stub, file) => {
                let (bytes, location) = (file.len()?, stub.location.clone());
                let object = ArchivedFile::new(stub, file, &self.cache);
                (bytes, compressed::edition_of(&object), Some(location))
            }
        };
        Ok(Form { is_compressed: true, bytes, archive, edition: edition.ok() })
    }

    /// The stub of a log file, if that is in an archive: a compressed file beside it counts only if
    /// something was removed from it since. One that does not came back when the power went.
    fn find_archived(&self, number: u64) -> io::Result<Option<(Stub, Arc<dyn DiskFile>)>> {
        let (stub, file) = match Stub::open(&*self.disk, number) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let here = match self.disk.open(&compressed::file_name(number)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            other => {
                let here = unless_damaged(compressed::edition_of(&*other?))?;
                if here.is_none() && stub.is_superseded() {
                    return Ok(None); // the damaged file here is the newer one
                }
                here
            }
        };
        let archived = ArchivedFile::new(stub.clone(), Arc::clone(&file), &self.cache);
        let archived = unless_damaged(compressed::edition_of(&archived))?;
        let is_newer =
            here.is_some_and(|here| archived.is_none_or(|archived| here.number > archived.number));
        Ok((!is_newer).then_some((stub, file)))
    }

    /// The file that has a log file's bytes.
    fn find(&self, number: u64) -> io::Result<Found> {
        let archived = || {
            let found = self.find_archived(number)?;
            let found = found.map(|(stub, file)| Found::Archived(stub, file));
            found.ok_or_else(|| io::ErrorKind::NotFound.into())
        };
        let here = or_else_if_missing(archived(), || self.find_here(number));
        or_else_if_missing(here, archived) // it may have been moved between the two looks
    }

    /// The same, if it is not in an archive.
    fn find_here(&self, number: u64) -> io::Result<Found> {
        let compressed = || self.disk.open(&compressed::file_name(number)).map(Found::Compressed);
        let raw = || self.disk.open(&FileHeader::file_name(number)).map(Found::Raw);
        let found = or_else_if_missing(compressed(), raw);
        if is_planted(PlantedBug::LookForFilesOnce) {
            return found;
        }
        // It may have been compressed between the two looks.
        or_else_if_missing(found, compressed)
    }

    /// Which edition of a log file there is.
    pub(super) fn edition(&self, number: u64) -> io::Result<Edition> {
        match self.stored_form(number)? {
            (_, false) => Ok(Edition::default()),
            (file, true) => compressed::edition_of(&*file),
        }
    }

    /// Opens a log file and keeps it open for the next who asks, for a while.
    pub(super) fn open_into(&self, slot: &Arc<Slot>, number: u64) -> io::Result<Arc<Opened>> {
        let known = *slot.known();
        let (opened, seen) = self.open_again(number, known.seen)?;
        let opened = Arc::new(opened);
        if !slot.keep_if_current((&opened, seen), known) {
            return Ok(opened);
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push_back(Arc::downgrade(slot));
        let too_many = open.len().saturating_sub(OPEN_MAX);
        for oldest in open.drain(..too_many).filter_map(|slot| slot.upgrade()) {
            oldest.close();
        }
        Ok(opened)
    }
}

/// What a file says, if it is not damaged. An error of the disk says nothing of the file: who took
/// it for damage here read the file as it was before something was removed from it.
fn unless_damaged<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Err(error) if is_damage(&error) => Ok(None),
        other => other.map(Some),
    }
}

/// The first, or if no such file is there the second.
fn or_else_if_missing<T>(
    first: io::Result<T>,
    second: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    match first {
        Err(error) if error.kind() == io::ErrorKind::NotFound => second(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemoryDisk;

    /// A reader that was slow kept the file as it was before something was removed from it.
    #[test]
    fn a_file_that_was_replaced_while_it_was_opened_is_not_kept() {
        let (disk, slot) = (MemoryDisk::new(), Slot::default());
        let opened = Arc::new(Opened::raw(disk.create("file").expect("it is new")));
        let begun = *slot.known();
        slot.forget();
        assert!(!slot.keep_if_current((&opened, None), begun) && slot.opened().is_none());
        let begun = *slot.known();
        assert!(slot.keep_if_current((&opened, None), begun) && slot.opened().is_some());
    }
}
