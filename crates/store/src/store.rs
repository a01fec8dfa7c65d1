//! The embedded store: holds the pieces together, decides nothing.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use crate::append::{Append, Saved};
use crate::clock::{Clock, SystemClock};
use crate::commit_queue::CommitQueue;
use crate::digest::Digests;
use crate::disk::{Disk, DiskFile, MemoryDisk};
use crate::error::{Error, Result};
use crate::event::{EventId, Position, StreamName, split_stream_name};
use crate::event_store::{EventStore, SnapshotCache};
use crate::events::Events;
use crate::limits;
use crate::log::Expected;
use crate::open::{self, Opened};
use crate::options::Options;
use crate::query::Query;
use crate::reader::{Following, Reader, Reading};
use crate::record::Recorded;
use crate::retention::{Decisions, Removed, Target};
use crate::roll::Spares;
use crate::scavenge::{Scavenged, Scavenger};
use crate::scrub::Scrubber;
use crate::shared::Shared;
use crate::snapshots::SnapshotFile;
use crate::sync::Mutex;
use crate::sync::thread::{self, JoinHandle};
use crate::tail::Tail;
use crate::ticket::Ticket;
use crate::upkeep::Upkeep;

/// An event store in a directory of this machine, or in memory. Clones are handles on the same
/// store.
///
/// ```
/// use hitherto_store::{Append, EmbeddedStore, EventStore, ExpectedVersion, NewEvent, Query};
///
/// let store = EmbeddedStore::in_memory(); // or EmbeddedStore::open("bank.hitherto")?
/// let opened = NewEvent::json("AccountOpened", r#"{"number":"ACC-001"}"#);
/// let saved = store.append(
///     Append::to("account-ACC-001").expect(ExpectedVersion::NoStream).event(opened),
/// )?;
/// assert_eq!(saved.version, 1);
///
/// let history: Vec<_> = store.read(Query::stream("account-ACC-001")).collect::<Result<_, _>>()?;
/// assert_eq!(history[0].payload(), br#"{"number":"ACC-001"}"#);
/// # Ok::<(), hitherto_store::Error>(())
/// ```
#[derive(Clone)]
pub struct EmbeddedStore(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    role: Role,
    snapshots: Arc<SnapshotFile>,
    digests: Digests,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// One process may write, others may read beside it.
enum Role {
    Writer {
        queue: Arc<CommitQueue>,
        spares: Arc<Spares>,
        upkeep: Arc<Upkeep>,
        decisions: Arc<Decisions>,
        scavenger: Arc<Scavenger>,
        scrubber: Arc<Scrubber>,
        lock: Mutex<Option<Box<dyn Send + Sync>>>,
    },
    Reader {
        tail: Arc<Tail>,
    },
}

/// The last log file and where its durable frames end. It stays open, whatever becomes of it.
pub(crate) struct LogEnd {
    pub(crate) number: u64,
    pub(crate) name: String,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) offset: u64,
    /// Bytes that it was made with; the writer may cut it when it is full.
    pub(crate) allocated: u64,
    /// The position of the next event.
    pub(crate) position: Position,
}

impl EmbeddedStore {
    /// Opens the store in a directory, and creates it if nothing is there. After a crash it
    /// recovers by itself.
    ///
    /// # Errors
    /// `Unavailable` if another process has it open for writing, or the disk does not work;
    /// `Invalid` if the directory holds something else, or a newer format; `Corrupt` if
    /// acknowledged events are damaged (then nothing is changed, and
    /// [`EmbeddedStore::open_read_only`] still gives the rest).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, Options::default())
    }

    /// As [`EmbeddedStore::open`], with other settings.
    pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let path = path.as_ref();
        let directory = open::directory(path)?;
        Self::on(directory, SystemClock, options).map_err(|error| in_path(path, &error))
    }

    /// Opens the store in a directory for reading only: also while another process writes, and also
    /// if it is damaged. What the other process commits is seen by each new read, and by followers
    /// soon after.
    ///
    /// # Errors
    /// `NotFound` if there is no store.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let directory = open::existing_directory(path)?;
        let opened = Self::read_only_on(directory, SystemClock, Options::default());
        opened.map_err(|error| in_path(path, &error))
    }

    /// A store that lives as long as its handles: the same engine, on a disk in memory.
    pub fn in_memory() -> Self {
        let opened = Self::on(MemoryDisk::new(), SystemClock, Options::default());
        opened.expect("a disk in memory does not fail")
    }

    /// Opens a store on any disk, with any clock: the seam for simulations.
    pub fn on(disk: impl Disk, clock: impl Clock, options: Options) -> Result<Self> {
        let has_background = options.background;
        let opened = open::open(Arc::new(disk), Arc::new(clock), options)?;
        let Opened { shared, writer, spares, upkeep, lock } = opened;
        let queue = Arc::new(CommitQueue::new(writer, has_background));
        let snapshots = Arc::new(SnapshotFile::new(Arc::clone(&shared.disk), true));
        let decisions = Arc::new(Decisions::new(Arc::clone(&shared), Arc::clone(&queue)));
        let (working, deciding) =
            ((Arc::clone(&upkeep), Arc::clone(&queue)), Arc::clone(&decisions));
        let scavenger = Arc::new(Scavenger::new(Arc::clone(&shared), working, deciding));
        scavenger.pace().wish();
        let scrubber = Arc::new(Scrubber::new(Arc::clone(&shared)));
        let lock = Mutex::new(Some(lock));
        let role = Role::Writer { queue, spares, upkeep, decisions, scavenger, scrubber, lock };
        let (digests, threads) = (Digests::default(), Mutex::default());
        let store = Self(Arc::new(Inner { shared, role, snapshots, digests, threads }));
        if has_background {
            store.0.start_threads()?; // without all of them it is closed again
        }
        Ok(store)
    }

    /// Opens a store on any disk for reading only.
    pub fn read_only_on(disk: impl Disk, clock: impl Clock, options: Options) -> Result<Self> {
        let (shared, end) = open::open_read_only(Arc::new(disk), Arc::new(clock), options)?;
        let tail = Arc::new(Tail::new(Arc::clone(&shared), end));
        let snapshots = Arc::new(SnapshotFile::new(Arc::clone(&shared.disk), false));
        let role = Role::Reader { tail };
        let (digests, threads) = (Digests::default(), Mutex::default());
        Ok(Self(Arc::new(Inner { shared, role, snapshots, digests, threads })))
    }

    /// Writes a clean end, ends followers, and gives the store free for others. All handles are
    /// closed with this one; reads that are under way go on. Dropping the last handle does the
    /// same, without the error.
    ///
    /// # Errors
    /// `Unavailable` if the clean end could not be written. Nothing that was acknowledged is
    /// concerned.
    pub fn close(self) -> Result<()> {
        self.0.close()
    }

    /// Proves the last batch durable on disk now, instead of after a moment without an append: so
    /// that damage to it could be told from a crash. For stores without background threads.
    pub fn mark_idle(&self) -> Result<()> {
        match &self.0.role {
            Role::Writer { queue, .. } => queue.with_writer(crate::writer::Writer::mark_idle),
            Role::Reader { .. } => Ok(()),
        }
    }

    /// Compresses every full log file now, instead of when the others take more than
    /// [`Options::raw_bytes_max`]. Returns when it is done; reads and appends go on meanwhile.
    ///
    /// # Errors
    /// `Unavailable` if the disk has no room or does not work, and the files stay as they are;
    /// `Invalid` if the store was opened read-only; `Closed` if it is closed meanwhile.
    pub fn compress(&self) -> Result<()> {
        match &self.0.role {
            Role::Writer { upkeep, .. } => upkeep.compress_all(),
            Role::Reader { .. } => Err(Error::invalid(
                "this store was opened read-only: open it for writing to compress it",
            )),
        }
    }

    /// Removes the bytes of all events that retention has removed, now, and gives their room back
    /// to the disk; reads and appends go on meanwhile. In the background the same happens by
    /// itself, as soon as an eighth of a log file can go, when the next log file is begun.
    ///
    /// What is left of a removed event is its place: position, version, time, id, and its part of
    /// the [digest](EmbeddedStore::digest) of history.
    ///
    /// # Errors
    /// `Unavailable` if the disk has no room or does not work, and the files that were not done yet
    /// stay as they are; `Invalid` if it is paused, or the store was opened read-only; `Closed` if
    /// it is closed meanwhile.
    pub fn scavenge(&self) -> Result<Scavenged> {
        self.scavenger()?.remove_everything()
    }

    /// Leaves off removing bytes, in the background too, until [`EmbeddedStore::resume_scavenge`].
    ///
    /// # Errors
    /// `Invalid` if the store was opened read-only.
    pub fn pause_scavenge(&self) -> Result<()> {
        self.scavenger().map(|scavenger| scavenger.pace().pause())
    }

    /// Goes on with what was paused.
    ///
    /// # Errors
    /// `Invalid` if the store was opened read-only.
    pub fn resume_scavenge(&self) -> Result<()> {
        self.scavenger().map(|scavenger| scavenger.pace().resume())
    }

    /// Leaves off reading in the background ([`Options::scrub_every`]) until
    /// [`EmbeddedStore::resume_scrub`].
    ///
    /// # Errors
    /// `Invalid` if the store was opened read-only.
    pub fn pause_scrub(&self) -> Result<()> {
        self.scrubber().map(|scrubber| scrubber.pace().pause())
    }

    /// Goes on with what was paused.
    ///
    /// # Errors
    /// `Invalid` if the store was opened read-only.
    pub fn resume_scrub(&self) -> Result<()> {
        self.scrubber().map(|scrubber| scrubber.pace().resume())
    }

    fn scrubber(&self) -> Result<&Scrubber> {
        match &self.0.role {
            Role::Writer { scrubber, .. } => Ok(scrubber),
            Role::Reader { .. } => Err(read_only("to have it read in the background")),
        }
    }

    fn scavenger(&self) -> Result<&Scavenger> {
        match &self.0.role {
            Role::Writer { scavenger, .. } => Ok(scavenger),
            Role::Reader { .. } => Err(read_only("to remove something")),
        }
    }

    pub(crate) fn decisions(&self) -> Result<&Decisions> {
        match &self.0.role {
            Role::Writer { decisions, .. } => Ok(decisions),
            Role::Reader { .. } => Err(read_only("to decide what it keeps")),
        }
    }

    pub(crate) fn wish_scavenge(&self) {
        if let Role::Writer { scavenger, .. } = &self.0.role {
            scavenger.pace().wish();
        }
    }

    /// States that were folded from removed events go with them.
    pub(crate) fn forget_snapshots(&self, target: &Target) -> Result<()> {
        self.0.snapshots.forget(|key| match target {
            Target::Stream(stream) => stream.as_str() == key,
            Target::Category(category) => split_stream_name(key).0 == category,
        })
    }

    pub(crate) fn digests(&self) -> &Digests {
        &self.0.digests
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Takes in what another process wrote, if this one only reads.
    pub(crate) fn refresh(&self) -> Result<()> {
        match &self.0.role {
            Role::Writer { .. } => Ok(()),
            Role::Reader { tail } => tail.refresh(),
        }
    }

    /// Where the durable log ends at this moment.
    pub(crate) fn log_end(&self) -> Result<LogEnd> {
        let (last, end) = match &self.0.role {
            Role::Writer { queue, .. } => queue.with_writer(|writer| {
                writer.refuse_if_stopped()?;
                Ok((Arc::clone(&writer.segment), writer.end))
            })?,
            Role::Reader { tail } => {
                tail.refresh()?;
                tail.end()
            }
        };
        let file = last.log.file().map_err(|error| last.log.unreadable(0, error))?;
        let (number, name) = (last.log.number, last.log.name.clone());
        let Expected { offset, position, .. } = end;
        let allocated = last.header.allocated;
        Ok(LogEnd { number, name, file, offset, allocated, position })
    }

    /// The queue of a store that was opened for writing.
    fn writing_queue(&self, append: &Append) -> Result<&Arc<CommitQueue>> {
        limits::check_append(append)?;
        match &self.0.role {
            Role::Writer { queue, .. } => Ok(queue),
            Role::Reader { .. } => Err(Error::invalid(
                "this store was opened read-only: open it for writing to append to it",
            )),
        }
    }

    fn reader(&self, query: &Query) -> Result<Reader> {
        limits::check_query(query)?;
        self.refresh()?;
        Reader::new(&self.0.shared, query)
    }

    fn follower(&self, query: Query) -> Result<Reader> {
        limits::check_query(&query)?;
        if let Role::Reader { tail } = &self.0.role {
            tail.refresh()?;
            self.look_for_more(tail)?;
        }
        Reader::following(&self.0.shared, query)
    }

    /// Starts the thread that looks for what another process writes, when there is a follower to
    /// tell.
    fn look_for_more(&self, tail: &Arc<Tail>) -> Result<()> {
        let mut threads = self.0.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.is_empty() {
            let tail = Arc::clone(tail);
            threads.push(start("hitherto-look", move || tail.look_in_background())?);
        }
        Ok(())
    }
}

fn read_only(what: &str) -> Error {
    Error::invalid(format!("this store was opened read-only: open it for writing {what}"))
}

fn in_path(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map_err(|error| {
        Error::unavailable(
            "a thread that the store needs could not be started: see how many the process may have",
        )
        .because(error)
    })
}

impl Inner {
    /// Starts what works for a store that may be written to, beside its callers.
    fn start_threads(&self) -> Result<()> {
        let Role::Writer { queue, spares, upkeep, scavenger, scrubber, .. } = &self.role else {
            return Ok(());
        };
        let [sealing, merging, compressing] = [(); 3].map(|()| Arc::clone(upkeep));
        let (queue, spares) = (Arc::clone(queue), Arc::clone(spares));
        self.start("hitherto-seal", move || sealing.seal_in_background())?;
        self.start("hitherto-merge", move || merging.merge_in_background())?;
        self.start("hitherto-compress", move || compressing.compress_in_background())?;
        self.start("hitherto-commit", move || queue.work_in_background())?;
        self.start("hitherto-spare", move || spares.prepare_in_background())?;
        if self.shared.options.scavenge_bytes_per_second > 0 {
            let scavenger = Arc::clone(scavenger);
            self.start("hitherto-scavenge", move || scavenger.work_in_background())?;
        }
        if scrubber.is_wanted() {
            let scrubber = Arc::clone(scrubber);
            self.start("hitherto-scrub", move || scrubber.work_in_background())?;
        }
        Ok(())
    }

    fn start(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = start(name, work)?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    fn close(&self) -> Result<()> {
        let closed = match &self.role {
            Role::Writer { queue, spares, upkeep, scavenger, scrubber, .. } => {
                scavenger.stop();
                scrubber.pace().close();
                let closed = queue.close();
                spares.close();
                upkeep.stop();
                closed
            }
            Role::Reader { .. } => Ok(()),
        };
        self.shared.close();
        self.join_threads();
        if let Role::Writer { upkeep, lock, spares, .. } = &self.role {
            let mut lock = lock.lock().unwrap_or_else(PoisonError::into_inner);
            // Who rewrites or moves a log file leaves off, and must have before it is somebody
            // else's.
            let _rewriting = self.shared.wait_for_rewriting();
            // Without the lock the store belongs to somebody else by now.
            if lock.is_some() {
                spares.give_back();
                upkeep.seal_at_close();
            }
            *lock = None;
        }
        closed
    }

    fn join_threads(&self) {
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            thread.thread().unpark();
            // A waker that is called in one of these threads may drop the last handle there.
            if thread.thread().id() != thread::current().id() {
                // A panic of the thread has shown already where it mattered.
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Whoever wants to know calls `close`.
        let _ = self.close();
    }
}

impl EventStore for EmbeddedStore {
    fn submit(&self, append: Append) -> Ticket {
        match self.writing_queue(&append) {
            Ok(queue) => queue.submit(append),
            Err(error) => Ticket::ready(Err(error)),
        }
    }

    fn append(&self, append: Append) -> Result<Saved> {
        self.writing_queue(&append)?.append(append)
    }

    fn read(&self, query: Query) -> Events {
        match self.reader(&query) {
            Ok(reader) => Events::new(Reading(Some(reader))),
            Err(error) => Events::failed(error),
        }
    }

    fn follow(&self, query: Query) -> Events {
        match self.follower(query) {
            Ok(reader) => Events::new(Following(Some(reader))),
            Err(error) => Events::failed(error),
        }
    }

    fn find(&self, id: EventId) -> Ticket<Option<Recorded>> {
        let found = self.refresh().and_then(|()| self.0.shared.find(id, self.0.shared.durable()));
        Ticket::ready(found)
    }

    fn head(&self) -> Ticket<Position> {
        Ticket::ready(self.refresh().map(|()| self.0.shared.durable()))
    }

    fn snapshots(&self) -> Option<Arc<dyn SnapshotCache>> {
        Some(Arc::clone(&self.0.snapshots) as _)
    }

    fn removed(&self, stream: &StreamName) -> Ticket<Option<Removed>> {
        Ticket::ready(Self::removed(self, stream.as_str()))
    }

    fn is_version(&self, stream: &StreamName, version: u64, id: EventId) -> Ticket<bool> {
        let shared = &self.0.shared;
        let query = Query::stream(stream.clone()).after_version(version.saturating_sub(1)).limit(1);
        let first = self.refresh().and_then(|()| Reader::first_of(shared, query));
        let is_it = |first: Recorded| first.version() == version && first.id() == id;
        Ticket::ready(first.map(|first| first.is_some_and(is_it)))
    }

    /// A deletion forgets what was folded from the stream.
    fn forgettings(&self) -> u64 {
        // A store that only reads may not know yet what another process has deleted.
        let _ = self.refresh();
        self.0.shared.retention.load().deletions
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &self.0.shared;
        f.debug_struct("EmbeddedStore")
            .field("store_id", &shared.identity.store_id)
            .field("durable", &shared.durable())
            .finish_non_exhaustive()
    }
}
