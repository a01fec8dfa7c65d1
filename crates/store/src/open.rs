//! Opening a store: find or create it, take the right to write, recover, and be ready.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::cache::ReadCache;
use crate::clock::Clock;
use crate::disk::{Directory, Disk, MemoryDisk};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{EventId, Position};
use crate::load::{Loaded, Source, disk_error, load};
use crate::log::{
    Expected, FORMAT_FILE, FORMAT_VERSION, FRAME_HEADER_BYTES, FileHeader, FrameKind, HEADER_BYTES,
    Handles, Identity, compressed, is_clean_end,
};
use crate::options::Options;
use crate::roll::{self, Spares};
use crate::scrub::SCRUB_FILE;
use crate::segment::Segment;
use crate::shared::Shared;
use crate::upkeep::Upkeep;
use crate::writer::Writer;

/// The file that is locked by whoever writes.
pub(crate) const LOCK_FILE: &str = "lock";
/// What an interrupted run leaves behind, and the next one removes.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";
const FORMAT_TEMPORARY: &str = "format.tmp";
/// What a creation that was interrupted may leave so: any other file in the place of a new store is
/// somebody's.
const LEFT_BY_A_CREATION: [&str; 2] = [FORMAT_TEMPORARY, roll::UNFILLED];
/// Behind a clean end so many bytes must be zeros for the file to be written on.
const CLEAN_BYTES: usize = 4096;

/// A store that was opened for writing.
pub(crate) struct Opened {
    pub(crate) shared: Arc<Shared>,
    pub(crate) writer: Writer,
    pub(crate) spares: Arc<Spares>,
    pub(crate) upkeep: Arc<Upkeep>,
    /// Held for as long as the store is open.
    pub(crate) lock: Box<dyn Send + Sync>,
}

/// The directory at a path, created if there is none.
pub(crate) fn directory(path: &Path) -> Result<Directory> {
    Directory::create(path).map_err(|error| cannot_open(path, error))
}

/// The directory at a path, which must be there.
pub(crate) fn existing_directory(path: &Path) -> Result<Directory> {
    Directory::read_only(path).map_err(|error| cannot_open(path, error))
}

fn cannot_open(path: &Path, error: std::io::Error) -> Error {
    let (kind, advice) = match error.kind() {
        std::io::ErrorKind::NotFound => (ErrorKind::NotFound, "see that the path is right"),
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => {
            (ErrorKind::Invalid, "a store is a directory: name another path")
        }
        std::io::ErrorKind::PermissionDenied => {
            (ErrorKind::Unavailable, "see that this user may read and write it")
        }
        _ => (ErrorKind::Unavailable, "see that the disk is well"),
    };
    Error::new(kind, format!("{} cannot be opened; {advice}", path.display())).because(error)
}

/// Opens the store on a disk for writing, and creates it if the disk is empty.
pub(crate) fn open(disk: Arc<dyn Disk>, clock: Arc<dyn Clock>, options: Options) -> Result<Opened> {
    refuse_foreign_directory(&*disk)?;
    let lock = disk.lock().map_err(locked)?;
    let setup =
        || disk_error("the store's directory could not be set up: see that it can be written");
    roll::remove_leftovers(&*disk).map_err(setup())?;
    let (identity, is_new) = match read_identity(&*disk)? {
        Some(identity) => (identity, false),
        None => (create(&*disk, &*clock, &options)?, true),
    };
    let cache = Arc::new(ReadCache::new(options.cache_bytes()));
    let store_id = Some(identity.store_id);
    let handles = Arc::new(Handles::new(Arc::clone(&disk), Arc::clone(&cache), store_id));
    let source = Source {
        disk: &disk,
        index_disk: &disk,
        handles: &handles,
        identity: &identity,
        cache: &cache,
        options: &options,
        given_up: BTreeSet::new(),
    };
    let loaded = load(&source)?;
    refuse_damage(&loaded)?;
    make_durable(&*disk, &loaded)?;
    let any = Position(u64::MAX);
    remove_unused_indexes(&*disk, &loaded.segments, any).map_err(setup())?;
    remove_compressed_logs(&*disk).map_err(setup())?;
    cut_behind_end(&*disk, &handles, &loaded.last.header).map_err(setup())?;
    let is_clean = is_new || ends_clean(&loaded)?;
    let file = loaded.last.log.file().map_err(disk_error("a log file could not be opened"))?;
    let durable = Position(loaded.end.position.0 - 1);
    let Loaded { segments, last, end, is_closed, .. } = loaded;
    let (world, derived) = ((Arc::clone(&disk), clock), (handles, Arc::clone(&disk)));
    let held = (segments, cache);
    let shared = Shared::new(world, (identity, options), held, derived, Vec::new(), durable);
    let shared = Arc::new(shared);
    shared.with_sound_indexes(|| shared.learn_facts(durable))?;
    let has_background = shared.options.background;
    let upkeep = Arc::new(Upkeep::new(Arc::clone(&shared), has_background));
    let spares = Arc::new(Spares::new(disk));
    let parts = (Arc::clone(&shared), Arc::clone(&spares), Arc::clone(&upkeep));
    let mut writer = Writer::new(parts, (last, file), end);
    writer.needs_new_file = !is_clean;
    writer.is_closed_on_disk = is_closed;
    upkeep.wish();
    Ok(Opened { shared, writer, spares, upkeep, lock })
}

/// Removes index files of events up to `last` that others took the place of, or that are damaged or
/// behind such a one.
pub(crate) fn remove_unused_indexes(
    disk: &dyn Disk,
    segments: &[Segment],
    last: Position,
) -> std::io::Result<()> {
    let in_use = |name: &str| {
        segments.iter().any(|segment| match segment {
            Segment::Sealed(sealed) => sealed.index.name == name,
            Segment::Growing(_) => false,
        })
    };
    let is_old = |name: &str| {
        let name = name.trim_end_matches(TEMPORARY_SUFFIX);
        crate::index::sealed::positions_of(name).is_some_and(|(_, end)| end <= last)
    };
    let mut names = disk.list()?;
    names.retain(|name| is_old(name) && !in_use(name));
    if names.is_empty() {
        return Ok(());
    }
    names.iter().try_for_each(|name| disk.remove(name))?;
    roll::sync_directory(disk)
}

/// Cuts the file before the last where the last one says that it ends. A crash while that was begun
/// may have come before: what an earlier crash tore of a commit would then stay there, though the
/// commit was repeated elsewhere and its events are removed some day.
fn cut_behind_end(disk: &dyn Disk, handles: &Handles, last: &FileHeader) -> std::io::Result<()> {
    let before = match disk.open(&FileHeader::file_name(last.number.saturating_sub(1))) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let end = last.previous_end + FRAME_HEADER_BYTES as u64; // with room for its last mark
    if last.loss_before.is_any() || before.len()? <= end {
        return Ok(());
    }
    handles.open(last.number - 1)?; // nobody else's file is cut
    before.set_len(end)?;
    before.sync()
}

fn locked(error: std::io::Error) -> Error {
    let message = match error.kind() {
        std::io::ErrorKind::WouldBlock => {
            "the store cannot be opened for writing, one process at a time may: close it there, or open \
             it read-only here"
        }
        _ => "the store cannot be locked for writing: see that its directory can be written",
    };
    Error::unavailable(message).because(error)
}

/// Everything that was found valid may so far stand in the page cache only; nothing is answered on
/// the ground of it before it is on disk. The last batch is written once more: after a failed sync
/// its pages may count as clean though they never reached the disk, and a sync alone would do
/// nothing.
fn make_durable(disk: &dyn Disk, loaded: &Loaded) -> Result<()> {
    let length = usize::try_from(loaded.end.offset - loaded.last_batch).unwrap_or(0);
    let mut batch = vec![0; length];
    let rewritten = loaded.last.log.file().and_then(|last| {
        let filled = last.read_at(&mut batch, loaded.last_batch)?;
        last.write_at(&batch[..filled], loaded.last_batch)?;
        last.sync()
    });
    let synced = rewritten.and_then(|()| roll::sync_directory(disk));
    synced.map_err(disk_error("the end of the log could not be synced"))
}

fn refuse_damage(loaded: &Loaded) -> Result<()> {
    let Some(first) = loaded.damages.first() else { return Ok(()) };
    let more = match loaded.damages.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Err(Error::corrupt(format!(
        "stored events are damaged: {first}{more}; nothing was changed: open the store read-only to \
         read the rest, run `hitherto verify` for the whole extent, and restore a backup or save what \
         is whole with `hitherto repair`"
    )))
}

/// Whether the log was closed in order, so that its last file can be written on.
fn ends_clean(loaded: &Loaded) -> Result<bool> {
    if loaded.last_frame != Some(FrameKind::Close) {
        return Ok(false);
    }
    let mut behind = vec![0; CLEAN_BYTES];
    let last = loaded.last.log.file();
    let filled = last.and_then(|last| last.read_at(&mut behind, loaded.end.offset));
    let filled = filled.map_err(disk_error("a log file could not be read"))?;
    Ok(behind[..filled].iter().all(|&byte| byte == 0))
}

/// Opens the store on a disk for reading only.
pub(crate) fn open_read_only(
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    options: Options,
) -> Result<(Arc<Shared>, Expected)> {
    let Some(identity) = read_identity(&*disk)? else {
        refuse_foreign_directory(&*disk)?;
        return Err(Error::not_found(
            "the directory holds no store: see that the path is right, or create one by appending to it",
        ));
    };
    let (world, mut given_up) = ((disk, clock, options), BTreeSet::new());
    loop {
        let (shared, end) = read_log(world.clone(), identity, &given_up)?;
        let learnt = shared.with_sound_indexes(|| shared.learn_facts(shared.durable()));
        let given_up_before = given_up.len();
        given_up.extend(shared.given_up_indexes());
        match learnt {
            // Index and log are damaged at once: what the log has can be read all the same.
            Err(_) if given_up.len() > given_up_before => {}
            learnt => return learnt.map(|()| (shared, end)),
        }
    }
}

/// Loads a log for reading only, without the index files that were given up.
fn read_log(
    (disk, clock, options): (Arc<dyn Disk>, Arc<dyn Clock>, Options),
    identity: Identity,
    given_up: &BTreeSet<String>,
) -> Result<(Arc<Shared>, Expected)> {
    let cache = Arc::new(ReadCache::new(options.cache_bytes()));
    // It may not write to the store, so index files that are missing are made in memory.
    let index_disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let store_id = Some(identity.store_id);
    let handles = Arc::new(Handles::new(Arc::clone(&disk), Arc::clone(&cache), store_id));
    let source = Source {
        disk: &disk,
        index_disk: &index_disk,
        handles: &handles,
        identity: &identity,
        cache: &cache,
        options: &options,
        given_up: given_up.clone(),
    };
    let loaded = load(&source)?;
    if loaded.has_last_file {
        let synced = loaded.last.log.file().and_then(|last| last.sync());
        synced.map_err(disk_error("the end of the log could not be synced"))?;
    }
    let durable = Position(loaded.end.position.0 - 1);
    let Loaded { segments, end, damages, .. } = loaded;
    let (world, derived) = ((disk, clock), (handles, index_disk));
    let held = (segments, cache);
    let shared = Shared::new(world, (identity, options), held, derived, damages, durable);
    Ok((Arc::new(shared), end))
}

/// The store's identity, if the disk holds a store.
pub(crate) fn read_identity(disk: &dyn Disk) -> Result<Option<Identity>> {
    let failed = || disk_error("the file `format` could not be read");
    let names = disk.list().map_err(disk_error("the store's directory could not be listed"))?;
    if !names.iter().any(|name| name == FORMAT_FILE) {
        return Ok(None);
    }
    let file = disk.open(FORMAT_FILE).map_err(failed())?;
    let mut bytes = vec![0; 1024];
    let filled = file.read_at(&mut bytes, 0).map_err(failed())?;
    Identity::decode(&bytes[..filled]).map(Some)
}

/// A directory with other things in it is no place for a store, and is left alone.
fn refuse_foreign_directory(disk: &dyn Disk) -> Result<()> {
    let names = disk.list().map_err(disk_error("the store's directory could not be listed"))?;
    if names.iter().any(|name| name == FORMAT_FILE) {
        return Ok(());
    }
    let is_leftover = |name: &&String| {
        *name == LOCK_FILE
            || LEFT_BY_A_CREATION.contains(&name.as_str())
            || *name == roll::SPARE_FILE
            || is_clean_end(name)
            || *name == SCRUB_FILE
            || is_index(name)
            || FileHeader::number_of(name) == Some(1)
    };
    if names.iter().any(|name| FileHeader::number_of(name).is_some_and(|number| number > 1)) {
        return Err(lost_format());
    }
    let Some(foreign) = names.iter().find(|name| !is_leftover(name)) else { return Ok(()) };
    Err(Error::invalid(format!(
        "the directory is no store, it holds {foreign:?} and no file `format`: name an empty or a new \
         directory"
    )))
}

/// Log files that came back, when the power went, beside their compressed form.
fn remove_compressed_logs(disk: &dyn Disk) -> std::io::Result<()> {
    let names = disk.list()?;
    let compressed = names.iter().filter_map(|name| compressed::number_of(name));
    let compressed: BTreeSet<u64> = compressed.collect();
    let numbers = names.iter().filter_map(|name| FileHeader::number_of(name));
    let mut raw = numbers.filter(|number| compressed.contains(number));
    raw.try_for_each(|number| roll::remove_if_there(disk, &FileHeader::file_name(number)))
}

fn is_index(name: &str) -> bool {
    crate::index::sealed::positions_of(name).is_some()
}

/// Creates the store. The name `format` is made last: before it is there, nothing is.
fn create(disk: &dyn Disk, clock: &dyn Clock, options: &Options) -> Result<Identity> {
    refuse_lost_format(disk)?;
    let identity = new_identity(clock, options);
    let create = || -> std::io::Result<()> {
        let _ = disk.remove(&FileHeader::file_name(1)); // of a creation that was interrupted
        roll::create_first_file(disk, identity.store_id, options)?;
        write_format(disk, &identity)
    };
    create().map_err(disk_error("the store could not be created: see that the disk has room"))?;
    Ok(identity)
}

/// Writes the file `format`, durably.
pub(crate) fn write_format(disk: &dyn Disk, identity: &Identity) -> std::io::Result<()> {
    let file = disk.create(FORMAT_TEMPORARY)?;
    file.write_at(&identity.encode(), 0)?;
    file.sync()?;
    disk.rename(FORMAT_TEMPORARY, FORMAT_FILE)?;
    roll::sync_directory(disk)
}

/// A first log file with events in it is no leftover: then it is `format` that was lost.
fn refuse_lost_format(disk: &dyn Disk) -> Result<()> {
    let Ok(file) = disk.open(&FileHeader::file_name(1)) else { return Ok(()) };
    let mut bytes = vec![0; CLEAN_BYTES];
    let filled = file.read_at(&mut bytes, HEADER_BYTES).unwrap_or(0);
    if bytes[..filled].iter().all(|&byte| byte == 0) {
        return Ok(());
    }
    Err(lost_format())
}

fn lost_format() -> Error {
    Error::corrupt(
        "the file `format` is missing beside a log with events: restore it from a backup of this store",
    )
}

fn new_identity(clock: &dyn Clock, options: &Options) -> Identity {
    let store_id = options.store_id.unwrap_or_else(EventId::unpredictable);
    let secret = options.store_id.unwrap_or_else(EventId::unpredictable);
    Identity {
        version: FORMAT_VERSION,
        store_id,
        hash_seed: xxhash_rust::xxh3::xxh3_64(secret.as_bytes()),
        created_at: clock.now(),
    }
}
