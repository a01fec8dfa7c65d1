//! The damaged store, as far as it can be opened: which files there are, which headers are whole,
//! and who it is.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::cache::ReadCache;
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{EventId, Timestamp};
use crate::index::sealed::{self, SealedIndex};
use crate::load::disk_error;
use crate::log::{
    CleanEnd, FORMAT_FILE, FORMAT_VERSION, FileHeader, HEADER_BYTES, Handles, Identity, compressed,
    read_with_holes,
};
use crate::open;
use crate::verify::{Damage, check_format};

/// What is kept of pages that were read; a salvage reads every page once or twice.
const CACHE_BYTES: u64 = 8 << 20;

/// A store that may be damaged anywhere.
pub(super) struct Source {
    pub(super) logs: Vec<OldLog>,
    pub(super) store_id: EventId,
    /// The index files that are whole enough to say which events they are for.
    pub(super) indexes: Vec<SealedIndex>,
    pub(super) clean_end: Option<CleanEnd>,
    /// What is wrong with the file `format`.
    pub(super) format: Option<Damage>,
    identity: Option<Identity>,
    /// Nobody writes to it meanwhile.
    _lock: Option<Box<dyn Send + Sync>>,
}

/// A log file, compressed or not.
pub(super) struct OldLog {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) length: u64,
    pub(super) content: LogContent,
}

/// What can be had of a log file.
pub(super) enum LogContent {
    /// The file with its header, if that is whole.
    Readable(Arc<dyn DiskFile>, Option<FileHeader>),
    /// Nothing, and why.
    Unreadable(String),
}

impl Source {
    /// Opens what there is of a store.
    pub(super) fn open(disk: &Arc<dyn Disk>) -> Result<Self> {
        let names = disk.list().map_err(disk_error("the store's directory could not be listed"))?;
        let (identity, format) = identity_of(&**disk)?;
        let mut logs = open_logs(disk, &names)?;
        if identity.is_none() && logs.is_empty() {
            return Err(Error::not_found(
                "the directory holds no store: see that the path is right",
            ));
        }
        let store_id = identity.map(|identity| identity.store_id);
        let Some(store_id) = store_id.or_else(|| logs.iter().find_map(OldLog::store_id)) else {
            return Err(Error::corrupt(
                "neither the file `format` nor the header of any log file is whole, so nothing can be \
                 proven to be this store's: restore it from a backup",
            ));
        };
        for log in &mut logs {
            log.forget_foreign_header(store_id);
        }
        let indexes = open_indexes(disk, &names, store_id);
        let clean_end = CleanEnd::read(&**disk).filter(|end| end.store_id == store_id);
        let lock = lock(&**disk, &names)?;
        Ok(Self { logs, store_id, indexes, clean_end, format, identity, _lock: lock })
    }

    /// Who the store is. Without the file `format` its secret is made anew: only what is derived
    /// depends on it.
    pub(super) fn identity(&self, now: Timestamp) -> Identity {
        let secret = || xxhash_rust::xxh3::xxh3_64(EventId::unpredictable().as_bytes());
        self.identity.unwrap_or_else(|| Identity {
            version: FORMAT_VERSION,
            store_id: self.store_id,
            hash_seed: secret(),
            created_at: now,
        })
    }
}

impl OldLog {
    /// Its header, if that is whole.
    pub(super) fn header(&self) -> Option<FileHeader> {
        match self.content {
            LogContent::Readable(_, header) => header,
            LogContent::Unreadable(_) => None,
        }
    }

    fn store_id(&self) -> Option<EventId> {
        self.header().map(|header| header.store_id)
    }

    fn forget_foreign_header(&mut self, store_id: EventId) {
        if let LogContent::Readable(_, header) = &mut self.content {
            *header =
                header.filter(|header| header.store_id == store_id && header.number == self.number);
        }
    }
}

/// The content of `format`, as far as there is one, and what is wrong with the file.
fn identity_of(disk: &dyn Disk) -> Result<(Option<Identity>, Option<Damage>)> {
    let damage = |what: &str| Damage {
        file: FORMAT_FILE.to_owned(),
        offset: 0,
        positions: None,
        what: what.to_owned(),
    };
    match open::read_identity(disk) {
        Ok(Some(identity)) => Ok((Some(identity), check_format(disk)?)),
        Ok(None) => Ok((None, Some(damage("this file is missing")))),
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            Ok((None, Some(damage("both of its copies are damaged"))))
        }
        Err(error) => Err(error),
    }
}

/// All log files by their numbers. Where a file is there in both forms, compressing it was
/// interrupted, and the raw one is as good as it was.
fn open_logs(disk: &Arc<dyn Disk>, names: &[String]) -> Result<Vec<OldLog>> {
    let mut by_number: BTreeMap<u64, &String> = BTreeMap::new();
    let compressed = names.iter().filter_map(|name| Some((compressed::number_of(name)?, name)));
    let raw = names.iter().filter_map(|name| Some((FileHeader::number_of(name)?, name)));
    by_number.extend(compressed.chain(raw));
    let cache = Arc::new(ReadCache::new(CACHE_BYTES));
    let handles = Handles::new(Arc::clone(disk), cache, None);
    let open = |(number, name): (u64, &String)| {
        handles.see_that_it_can_be_reached(number).map_err(|error| away(name, error))?;
        open_log(&handles, number, name)
    };
    by_number.into_iter().map(open).collect()
}

/// What is only away is no loss: whoever repairs says so if it is one.
fn away(name: &str, error: io::Error) -> Error {
    let advice = format!(
        "if the archive is gone for good, remove {name} from the store, and its events count as lost"
    );
    Error::unavailable(format!("{name} cannot be read: {error}; {advice}")).because(error)
}

fn open_log(handles: &Handles, number: u64, name: &str) -> Result<OldLog> {
    let opened = handles.open(number).and_then(|file| Ok((file.len()?, file)));
    let name = name.to_owned();
    let (length, content) = match opened {
        Ok((length, file)) => {
            let file: Arc<dyn DiskFile> = Arc::new(WithHoles(file));
            let header = read_header(&*file);
            (length, LogContent::Readable(file, header))
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            (0, LogContent::Unreadable(error.to_string()))
        }
        Err(error) => return Err(disk_error("a log file could not be opened")(error)),
    };
    Ok(OldLog { number, name, length, content })
}

fn read_header(file: &dyn DiskFile) -> Option<FileHeader> {
    let mut bytes = vec![0; HEADER_BYTES as usize];
    let filled = file.read_at(&mut bytes, 0).ok()?;
    FileHeader::decode(&bytes[..filled])
}

/// What index files know helps to say what is lost; what they do not know is only not said.
fn open_indexes(disk: &Arc<dyn Disk>, names: &[String], store_id: EventId) -> Vec<SealedIndex> {
    let cache = Arc::new(ReadCache::new(CACHE_BYTES));
    let open = |name: &String| {
        sealed::positions_of(name)?;
        let file = disk.open(name).ok()?;
        SealedIndex::open(name.clone(), file, (store_id, 0), &cache).ok()?
    };
    names.iter().filter_map(open).collect()
}

/// Keeps writers out while the store is read. Where the directory cannot be written, nobody writes.
fn lock(disk: &dyn Disk, names: &[String]) -> Result<Option<Box<dyn Send + Sync>>> {
    if !names.iter().any(|name| name == open::LOCK_FILE) {
        return Ok(None);
    }
    match disk.lock() {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Error::unavailable(
            "somebody writes to the store that is to be repaired: close it there first",
        )
        .because(error)),
        other => Ok(other.ok()),
    }
}

/// A file of which the parts that cannot be read count as zeros: checksums tell what is whole.
struct WithHoles(Arc<dyn DiskFile>);

impl DiskFile for WithHoles {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        read_with_holes(&*self.0, buffer, offset, |_| true)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
