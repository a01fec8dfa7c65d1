//! The file of keys: what is read from it, what is added to it durably, and what is rewritten so
//! that a key is in it no more. One process writes at a time, any number read.
//!
//! A key is used only after its slot was synced, so a last slot that is not whole was used by
//! nobody. A key is destroyed by writing a new file without it and giving that the name; then the
//! old file is overwritten with zeros. What a crash leaves in between is overwritten by whoever
//! writes next.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hitherto_store::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use crate::slot::{self, Id, SLOT_BYTES, Slot};

/// A file of keys that is open, and how far it was read.
pub(crate) struct KeyFile {
    path: PathBuf,
    file: File,
    /// Which file it is: another one has the name when a key was destroyed.
    identity: (u64, u64),
    pub(crate) vault: Id,
    /// Whole slots that were read, the header among them.
    slots: u64,
}

/// What is new in the file since it was looked at.
pub(crate) enum News {
    /// Slots behind those that were known.
    More(Vec<Slot>),
    /// Another file has the name: all its slots.
    Another(Vec<Slot>),
}

/// Held while the file is written to.
pub(crate) struct WriteLock(#[expect(dead_code, reason = "locked until it is dropped")] File);

impl KeyFile {
    /// Opens a file that exists; its slots are read by the first look.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |error| cannot(path, "opened", error);
        let file = File::open(path).map_err(failed)?;
        let identity = identity_of(&file).map_err(failed)?;
        let mut header = Zeroizing::new([0; SLOT_BYTES]);
        let vault = (&file)
            .read_exact(&mut header[..])
            .ok()
            .and_then(|()| slot::decode_header(&header[..]));
        let vault = vault.ok_or_else(|| {
            Error::invalid(format!(
                "{} is no file of keys, or its header is damaged: name the right file, or restore it \
                 from a backup of the keys",
                path.display()
            ))
        })?;
        Ok(Self { path: path.to_owned(), file, identity, vault, slots: 1 })
    }

    /// Creates a file with the header and these slots, durably. Never in place of another.
    pub(crate) fn create(path: &Path, vault: Id, slots: &[Slot]) -> Result<()> {
        let new = beside(path, ".new");
        let create = || {
            remove_overwritten(&new)?;
            write_all(&new, vault, slots)?;
            std::fs::hard_link(&new, path)?;
            std::fs::remove_file(&new)?;
            sync_directory(path)
        };
        create().map_err(|error| cannot(path, "created", error))
    }

    /// What came into the file since the last look, from this process or another.
    pub(crate) fn look(&mut self) -> Result<Option<News>> {
        let now =
            std::fs::metadata(&self.path).map_err(|error| cannot(&self.path, "read", error))?;
        if (now.dev(), now.ino()) != self.identity {
            let vault = self.vault;
            *self = Self::open(&self.path)?;
            if self.vault != vault {
                return Err(Error::invalid(format!(
                    "{} was replaced by the keys of another store: put the right file there",
                    self.path.display()
                )));
            }
            return self.read_on().map(|slots| Some(News::Another(slots)));
        }
        if now.len() / SLOT_BYTES as u64 > self.slots {
            return self.read_on().map(|slots| Some(News::More(slots)));
        }
        Ok(None)
    }

    fn read_on(&mut self) -> Result<Vec<Slot>> {
        let mut bytes = Zeroizing::new(Vec::new());
        let read = self
            .file
            .seek(SeekFrom::Start(self.slots * SLOT_BYTES as u64))
            .and_then(|_| self.file.read_to_end(&mut bytes));
        read.map_err(|error| cannot(&self.path, "read", error))?;
        let count = bytes.len().div_ceil(SLOT_BYTES);
        let mut found = Vec::with_capacity(count);
        for (number, bytes) in bytes.chunks(SLOT_BYTES).enumerate() {
            match Slot::decode(bytes, self.vault, self.slots + number as u64) {
                Some(slot) => found.push(slot),
                // Being written, or torn by a crash while it was: nobody uses it.
                None if number + 1 == count && is_torn(bytes) => break,
                None => return Err(self.damaged(self.slots + number as u64)),
            }
        }
        self.slots += found.len() as u64;
        Ok(found)
    }

    fn damaged(&self, number: u64) -> Error {
        Error::corrupt(format!(
            "{}: slot {number} of the keys is damaged, and nothing was changed: restore the file from a \
             backup of the keys",
            self.path.display()
        ))
    }

    /// Takes the right to write, and overwrites what an interrupted run left of destroyed keys.
    pub(crate) fn lock(path: &Path) -> Result<WriteLock> {
        let lock = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600);
            let file = options.open(beside(path, ".lock"))?;
            file.lock()?;
            finish_destroying(path)?;
            Ok(WriteLock(file))
        };
        lock().map_err(|error| cannot(path, "locked", error))
    }

    /// Adds a slot, durably. To be called under the lock, with nothing new in the file.
    pub(crate) fn add(&mut self, _: &WriteLock, slot: &Slot) -> Result<()> {
        let bytes = slot.encode(self.vault, self.slots);
        let offset = self.slots * SLOT_BYTES as u64;
        let write = || {
            let mut file = OpenOptions::new().write(true).open(&self.path)?;
            // What stands there, if anything does, is a slot that was never whole.
            file.set_len(offset)?;
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(&bytes[..])?;
            file.sync_data()
        };
        write().map_err(|error| cannot(&self.path, "written", error))?;
        self.slots += 1;
        Ok(())
    }

    /// Writes a new file with these slots in place of this one, and overwrites this one: what is
    /// not among them is gone. To be called under the lock.
    pub(crate) fn rewrite(&mut self, _: &WriteLock, slots: &[Slot]) -> Result<()> {
        let (new, old) = (beside(&self.path, ".new"), beside(&self.path, ".old"));
        let rewrite = || {
            write_all(&new, self.vault, slots)?;
            std::fs::hard_link(&self.path, &old)?;
            std::fs::rename(&new, &self.path)?;
            sync_directory(&self.path)
        };
        rewrite().map_err(|error| cannot(&self.path, "rewritten", error))?;
        *self = Self::open(&self.path)?;
        self.slots += slots.len() as u64;
        finish_destroying(&self.path).map_err(|error| cannot(&self.path, "overwritten", error))
    }
}

/// Overwrites and removes what has keys in it that are no more.
fn finish_destroying(path: &Path) -> io::Result<()> {
    let (new, old) = (beside(path, ".new"), beside(path, ".old"));
    remove_overwritten(&new)?;
    let Ok(left) = File::open(&old) else { return Ok(()) };
    match File::open(path) {
        // The new file had not got the name yet: nothing was destroyed.
        Ok(file) if identity_of(&file)? == identity_of(&left)? => std::fs::remove_file(&old)?,
        Ok(_) => remove_overwritten(&old)?,
        // The keys were moved away by hand: whatever is left may be all there is of them.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    sync_directory(path)
}

fn remove_overwritten(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    // Under another name the same bytes may be the keys in use.
    if file.metadata()?.nlink() == 1 {
        let zeros = vec![0; usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?];
        file.write_all(&zeros)?;
        file.sync_data()?;
    }
    std::fs::remove_file(path)
}

fn write_all(path: &Path, vault: Id, slots: &[Slot]) -> io::Result<()> {
    let mut bytes = Zeroizing::new(Vec::with_capacity((slots.len() + 1) * SLOT_BYTES));
    bytes.extend_from_slice(&slot::encode_header(vault)[..]);
    for (number, slot) in slots.iter().enumerate() {
        bytes.extend_from_slice(&slot.encode(vault, number as u64 + 1)[..]);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&bytes)?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn identity_of(file: &File) -> io::Result<(u64, u64)> {
    file.metadata().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// A slot is small enough to be there as a whole, not at all, or as the zeros of a longer file.
fn is_torn(bytes: &[u8]) -> bool {
    bytes.len() < SLOT_BYTES || bytes.iter().all(|&byte| byte == 0)
}

pub(crate) fn cannot(path: &Path, what: &str, error: io::Error) -> Error {
    let (kind, advice) = match error.kind() {
        io::ErrorKind::NotFound => {
            (ErrorKind::NotFound, "it is missing: name the right file, or restore it from a backup")
        }
        _ => {
            (ErrorKind::Unavailable, "see that it can be read and written, and that there is room")
        }
    };
    Error::new(kind, format!("the file of keys {} cannot be {what}; {advice}", path.display()))
        .because(error)
}
