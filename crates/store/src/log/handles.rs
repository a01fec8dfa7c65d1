//! The open handles of log files: opened when they are first read, and closed again when there are
//! many, so that a store of any size gets by with few.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError, Weak};

use arc_swap::ArcSwapOption;

use super::compressed::{self, CompressedLog, Edition};
use super::header::{FileHeader, HEADER_BYTES};
use crate::archive::{ArchivedFile, Stub};
use crate::cache::ReadCache;
use crate::disk::{Disk, DiskFile};
use crate::event::EventId;
use crate::planted::{PlantedBug, is_planted};
use crate::sync::Mutex;

/// Handles that are open at once. A compressed file's takes some 60 KiB for its dictionary.
const OPEN_MAX: usize = 200;

/// A file that is open.
pub(crate) struct Opened(pub(super) Arc<dyn DiskFile>);

/// In which form a log file is there.
#[derive(Default)]
pub(crate) struct Form {
    pub(crate) is_compressed: bool,
    /// Bytes that it takes here.
    pub(crate) bytes: u64,
    /// The location of the archive that it is in, if it is in one.
    pub(crate) archive: Option<String>,
}

/// Where an open file is kept; empty if it is not open.
pub(super) type Slot = Arc<ArcSwapOption<Opened>>;

/// Opens log files, compressed or not.
pub(crate) struct Handles {
    disk: Arc<dyn Disk>,
    cache: Arc<ReadCache>,
    /// The store that the files must be of, if that is known.
    store_id: Option<EventId>,
    /// In the order in which they were opened.
    open: Mutex<VecDeque<Weak<ArcSwapOption<Opened>>>>,
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
        let file = match self.find(number)? {
            (file, true) => Arc::new(CompressedLog::open(file, number, &self.cache)?),
            (file, false) => file,
        };
        if self.is_here(number) {
            self.refuse_foreign(&*file, number)?;
        }
        Ok(file)
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
        let (file, is_compressed) = self.find(number)?;
        let name = if is_compressed {
            compressed::file_name(number)
        } else {
            FileHeader::file_name(number)
        };
        Ok((name, file))
    }

    /// In which form a log file is there.
    pub(super) fn form(&self, number: u64) -> io::Result<Form> {
        if let Some((stub, file)) = self.find_archived(number)? {
            let (bytes, archive) = (file.len()?, Some(stub.location));
            return Ok(Form { is_compressed: true, bytes, archive });
        }
        let (file, is_compressed) = self.find(number)?;
        Ok(Form { is_compressed, bytes: file.len()?, archive: None })
    }

    /// The stub of a log file, if that is in an archive: a compressed file beside it counts only if
    /// something was removed from it since. One that does not came back when the power went.
    fn find_archived(&self, number: u64) -> io::Result<Option<(Stub, Arc<dyn DiskFile>)>> {
        let (stub, file) = match Stub::open(&*self.disk, number) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let here = self.disk.open(&compressed::file_name(number)).ok();
        let here = here.and_then(|here| compressed::edition_of(&*here));
        let archived = ArchivedFile::new(stub.clone(), Arc::clone(&file), &self.cache);
        let archived = compressed::edition_of(&archived);
        let is_newer =
            here.is_some_and(|here| archived.is_none_or(|archived| here.number > archived.number));
        Ok((!is_newer).then_some((stub, file)))
    }

    /// The file that has a log file's bytes, and whether it is the compressed one.
    fn find(&self, number: u64) -> io::Result<(Arc<dyn DiskFile>, bool)> {
        let archived = || {
            let Some((stub, file)) = self.find_archived(number)? else {
                return Err(io::ErrorKind::NotFound.into());
            };
            let file: Arc<dyn DiskFile> = Arc::new(ArchivedFile::new(stub, file, &self.cache));
            Ok((file, true))
        };
        let here = or_else_if_missing(archived(), || self.find_here(number));
        or_else_if_missing(here, archived) // it may have been moved between the two looks
    }

    /// The same, if it is not in an archive.
    fn find_here(&self, number: u64) -> io::Result<(Arc<dyn DiskFile>, bool)> {
        let (raw, compressed) = (FileHeader::file_name(number), compressed::file_name(number));
        let found =
            or_else_if_missing(self.look_for(&compressed, true), || self.look_for(&raw, false));
        if is_planted(PlantedBug::LookForFilesOnce) {
            return found;
        }
        // It may have been compressed between the two looks.
        or_else_if_missing(found, || self.look_for(&compressed, true))
    }

    fn look_for(&self, name: &str, is_compressed: bool) -> io::Result<(Arc<dyn DiskFile>, bool)> {
        Ok((self.disk.open(name)?, is_compressed))
    }

    /// Which edition of a log file there is.
    pub(super) fn edition(&self, number: u64) -> io::Result<Edition> {
        match self.find(number)? {
            (_, false) => Ok(Edition::default()),
            (file, true) => Ok(CompressedLog::open(file, number, &self.cache)?.edition()),
        }
    }

    /// Opens a log file and keeps it open for the next who asks, for a while.
    pub(super) fn open_into(&self, slot: &Slot, number: u64) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.open(number)?;
        slot.store(Some(Arc::new(Opened(Arc::clone(&file)))));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push_back(Arc::downgrade(slot));
        let too_many = open.len().saturating_sub(OPEN_MAX);
        for oldest in open.drain(..too_many).filter_map(|slot| slot.upgrade()) {
            oldest.store(None); // whoever is reading from it has it until done
        }
        Ok(file)
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
