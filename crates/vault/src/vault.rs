//! The vault: a store in front of another, that seals what is personal on its way in and opens it
//! on its way out.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hitherto_store::{
    Append, Disk, Error, ErrorKind, EventId, EventStore, Events, Position, Query, Recorded,
    Removed, Result, Saved, SnapshotCache, StreamName, Ticket, limits,
};

use crate::events::{self, Opened};
use crate::keyring::{KeyRing, check_subject};
use crate::later;
use crate::place::Place;
use crate::receipts::{self, MARK_KIND};
use crate::slot::Id;
use crate::snapshots::SealedSnapshots;

/// A store in front of another store, with keys in a file of their own. Clones are handles on the
/// same vault.
///
/// ```
/// use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, Query};
/// use hitherto_vault::Vault;
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let keys = directory.path().join("bank.keys");
/// let vault = Vault::over(EmbeddedStore::in_memory(), keys)?; // "bank.keys"
/// let name = r#"{"name":{"$personal":{"subject":"person-7","value":"Zoe"}}}"#;
/// vault.append(Append::to("account-1").event(NewEvent::json("AccountOpened", name)))?;
/// let read = |vault: &Vault| vault.read(Query::stream("account-1")).next().expect("there is one");
/// assert_eq!(read(&vault)?.payload(), name.as_bytes());
///
/// vault.forget("person-7")?;
/// assert_eq!(read(&vault)?.payload(), br#"{"name":{"$forgotten":{"subject":"person-7"}}}"#);
/// # Ok::<(), hitherto_store::Error>(())
/// ```
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    store: Arc<dyn EventStore>,
    ring: Arc<KeyRing>,
    may_write: bool,
    /// Whether the store says whose keys its personal data is sealed under.
    is_marked: AtomicBool,
}

/// What became of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject {
    /// Its name, as events have it.
    pub name: String,
    /// Whether there is no key of it any more.
    pub is_forgotten: bool,
}

impl Vault {
    /// Puts a vault in front of a store, with the keys in this file. The file is created when the
    /// first personal value is appended, and the store then says in an event whose keys they are.
    ///
    /// What a crash left half forgotten is finished, and what the store says was forgotten is
    /// destroyed, should the file be an older one that still has it. Blocks until that is done.
    ///
    /// # Errors
    /// `NotFound` if the store has data sealed under keys and the file is missing; `Invalid` if the
    /// file belongs to another store; `Corrupt` if it is damaged.
    pub fn over(store: impl EventStore, keys: impl AsRef<Path>) -> Result<Self> {
        Self::open(Arc::new(store), Place::at(keys.as_ref())?, true)
    }

    /// As [`Vault::over`], for a store that others hold too.
    pub fn new(store: Arc<dyn EventStore>, keys: impl AsRef<Path>) -> Result<Self> {
        Self::open(store, Place::at(keys.as_ref())?, true)
    }

    /// A vault that only opens: it writes neither to the store nor to the keys.
    ///
    /// # Errors
    /// As [`Vault::over`].
    pub fn read_only(store: impl EventStore, keys: impl AsRef<Path>) -> Result<Self> {
        Self::open(Arc::new(store), Place::at(keys.as_ref())?, false)
    }

    /// As [`Vault::over`], with the file of keys of this name on any disk: so that it can be a
    /// simulated one. The lock of that disk is for the keys alone.
    ///
    /// # Errors
    /// As [`Vault::over`].
    pub fn on_disk(store: impl EventStore, disk: impl Disk, keys: &str) -> Result<Self> {
        Self::open(Arc::new(store), Place::on(Arc::new(disk), keys), true)
    }

    fn open(store: Arc<dyn EventStore>, keys: Place, may_write: bool) -> Result<Self> {
        let ring = Arc::new(KeyRing::open(keys)?);
        let mark = receipts::mark_of(&*store)?;
        check_owner(&ring, mark)?;
        let is_marked = AtomicBool::new(mark.is_some());
        let vault = Self(Arc::new(Inner { store, ring, may_write, is_marked }));
        if mark.is_some() {
            vault.catch_up()?;
        }
        Ok(vault)
    }

    /// Destroys what the store says was forgotten, and says so of what was destroyed.
    fn catch_up(&self) -> Result<()> {
        let Inner { store, ring, .. } = &*self.0;
        let forgotten = receipts::all(&**store)?;
        if !self.0.may_write {
            return ring.disregard(forgotten);
        }
        ring.destroy(&forgotten)?;
        for (key, subject) in ring.destroyed()? {
            if !forgotten.iter().any(|(known, _)| *known == key) {
                store.submit(receipts::receipt(key, &subject)).wait()?;
            }
        }
        Ok(())
    }

    /// Forgets a subject: destroys its key, and appends a receipt to the store, in the stream
    /// `$forgotten-SUBJECT`. When it returns, nothing opens what is personal to the subject any
    /// more, in no process that has the file of keys. Forgetting it again does nothing.
    ///
    /// What is appended for the subject later is sealed under another key.
    ///
    /// # Errors
    /// `NotFound` if nothing was ever sealed for the subject; `Unavailable` if the key could not be
    /// destroyed, or the receipt not be appended: forget it again.
    pub fn forget(&self, subject: &str) -> Result<()> {
        let Inner { store, ring, .. } = &*self.0;
        check_subject(subject)?;
        self.check_may_write()?;
        let keys = ring.ids_of(subject)?;
        if keys.is_empty() {
            return Err(Error::not_found(format!(
                "nothing was ever sealed for {subject:?}, and nothing was changed: `hitherto keys list` \
                 names all subjects"
            )));
        }
        let keys: Vec<_> = keys.into_iter().map(|key| (key, subject.to_owned())).collect();
        ring.destroy(&keys)?;
        if let Some(snapshots) = store.snapshots() {
            // Nobody can open them any more; a cache that cannot be emptied gives its room back
            // later.
            let _ = snapshots.clear();
        }
        for (key, subject) in keys {
            store.submit(receipts::receipt(key, &subject)).wait()?;
        }
        Ok(())
    }

    /// Everybody that something was sealed for.
    pub fn subjects(&self) -> Result<Vec<Subject>> {
        let subjects = self.0.ring.subjects()?.into_iter();
        Ok(subjects.map(|(name, has_key)| Subject { name, is_forgotten: !has_key }).collect())
    }

    /// The store behind, which has everything sealed.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.0.store
    }

    fn check_may_write(&self) -> Result<()> {
        if self.0.may_write {
            return Ok(());
        }
        Err(Error::invalid("this vault was opened read-only: open it with `Vault::over` to write"))
    }

    /// Seals and submits, after the store was told whose keys these are.
    fn submit_personal(&self, append: Append) -> Ticket {
        if let Err(error) = self.check_may_write() {
            return Ticket::ready(Err(error));
        }
        if self.0.is_marked.load(Ordering::Acquire) {
            return self.submit_sealed(append);
        }
        let mark = match self.0.ring.create() {
            Ok(vault) => self.0.store.submit(receipts::mark(vault)),
            Err(error) => return Ticket::ready(Err(error)),
        };
        let vault = self.clone();
        later::then(mark, move |marked| match marked.map_err(another_was_first) {
            Ok(_) => {
                vault.0.is_marked.store(true, Ordering::Release);
                vault.submit_sealed(append)
            }
            Err(error) => Ticket::ready(Err(error)),
        })
    }

    fn submit_sealed(&self, append: Append) -> Ticket {
        let sealed =
            self.0.ring.create().and_then(|vault| events::seal(&self.0.ring, vault, append));
        match sealed {
            Ok(sealed) => self.0.store.submit(sealed),
            Err(error) => Ticket::ready(Err(error)),
        }
    }

    fn opened(&self, events: Events) -> Events {
        Events::new(Opened { ring: Arc::clone(&self.0.ring), events, has_failed: false })
    }
}

/// The keys must be those that the store names.
fn check_owner(ring: &KeyRing, mark: Option<Id>) -> Result<()> {
    let keys = ring.place();
    match (mark, ring.vault()?) {
        (Some(mark), None) => Err(Error::not_found(format!(
            "the file of keys {keys} is missing, and the store has data that is sealed under keys of vault \
             {mark}: name the right file, or restore it from a backup of the keys"
        ))),
        (Some(mark), Some(vault)) if mark != vault => Err(Error::invalid(format!(
            "the file of keys {keys} belongs to another store: it is of vault {vault}, and this store names \
             vault {mark}"
        ))),
        (None, Some(vault)) if ring.is_used()? => Err(Error::invalid(format!(
            "the file of keys {keys} belongs to another store: it has keys of vault {vault}, and this store \
             names none"
        ))),
        _ => Ok(()),
    }
}

fn another_was_first(error: Error) -> Error {
    if error.kind() != ErrorKind::Conflict {
        return error;
    }
    Error::invalid(
        "another vault was put in front of this store meanwhile, and nothing was appended: open this one \
         again, with the file of keys that the other has",
    )
    .because(error)
}

impl EventStore for Vault {
    fn submit(&self, append: Append) -> Ticket {
        match events::is_personal(&append) {
            Ok(true) => self.submit_personal(append),
            Ok(false) => self.0.store.submit(append),
            Err(error) => Ticket::ready(Err(error)),
        }
    }

    fn append(&self, append: Append) -> Result<Saved> {
        if events::is_personal(&append)? {
            return self.submit_personal(append).wait();
        }
        self.0.store.append(append)
    }

    fn read(&self, query: Query) -> Events {
        self.opened(self.0.store.read(query))
    }

    fn follow(&self, query: Query) -> Events {
        self.opened(self.0.store.follow(query))
    }

    fn find(&self, id: EventId) -> Ticket<Option<Recorded>> {
        let ring = Arc::clone(&self.0.ring);
        let opened = move |event: Option<Recorded>| {
            event.map(|event| events::open(&ring, event)).transpose()
        };
        later::map(self.0.store.find(id), move |found| found.and_then(opened))
    }

    fn head(&self) -> Ticket<Position> {
        self.0.store.head()
    }

    fn snapshots(&self) -> Option<Arc<dyn SnapshotCache>> {
        let cache = self.0.store.snapshots()?;
        Some(Arc::new(SealedSnapshots { cache, ring: Arc::clone(&self.0.ring) }))
    }

    fn removed(&self, stream: &StreamName) -> Ticket<Option<Removed>> {
        self.0.store.removed(stream)
    }

    fn is_version(&self, stream: &StreamName, version: u64, id: EventId) -> Ticket<bool> {
        self.0.store.is_version(stream, version, id)
    }

    fn forgettings(&self) -> u64 {
        self.0.ring.forgettings().saturating_add(self.0.store.forgettings())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("keys", &self.0.ring.place().to_string())
            .finish_non_exhaustive()
    }
}

/// Refuses kinds that only a vault appends.
pub(crate) fn check_kind(kind: &str) -> Result<()> {
    if kind != MARK_KIND && kind != hitherto_store::personal::RECEIPT_KIND {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "events of kind {kind} are appended by the vault itself, and nothing was appended: use `forget`"
    )))
}

const _: () = assert!(limits::TAG_BYTES_MAX > crate::slot::SUBJECT_BYTES_MAX + 16);
