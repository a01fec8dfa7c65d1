//! The next log file: prepared before it is needed, begun when the one before is full.
//!
//! Zeros are written over the whole file and synced beforehand, because a sync of bytes in blocks
//! that were never written must also sync the file system's notes about them, which costs up to
//! three times as much. It is also where a full disk shows: not in a commit, but when the next file
//! is prepared.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};
use crate::event::{EventId, Position};
use crate::log::{
    Expected, FRAME_HEADER_BYTES, FileHeader, FrameKind, HEADER_BYTES, LogFile, LossBefore,
};
use crate::planted::{PlantedBug, is_planted, unless};
use crate::segment::{Growing, Segment};
use crate::sync::{AtomicBool, AtomicU64, Condvar, Mutex, MutexGuard};
use crate::writer::Writer;

/// The file while it is filled.
pub(crate) const UNFILLED: &str = "spare.tmp";
/// A file that is filled and waits, after a crash for the next time that the store is opened.
pub(crate) const SPARE_FILE: &str = "spare";
static ZEROS: [u8; 1 << 20] = [0; 1 << 20];
/// A writer that waits, or for which there is no room, takes a file of this part of the size that
/// it should have.
const HURRY_PART: u64 = 4;
const BLOCK_BYTES: u64 = 4096;
/// Files grow fast up to this size, and then with the log: each is so small a part of it that what
/// is not used yet of the last one does not count.
const USUAL_FILE_BYTES: u64 = 32 << 20;
const PART_OF_LOG: u64 = 16;

/// A file of zeros, synced, that waits to become a log file.
pub(crate) struct Spare {
    file: Arc<dyn DiskFile>,
    bytes: u64,
}

/// Where the next file comes from.
pub(crate) struct Spares {
    disk: Arc<dyn Disk>,
    state: Mutex<State>,
    changed: Condvar,
    /// Whether a file was asked for since the last one was taken: so that the writer need not ask
    /// again after each batch.
    is_asked: AtomicBool,
    /// What the writer waits for, if it does.
    filling: Filling,
}

/// What whoever fills a file with zeros looks at meanwhile.
struct Filling {
    is_closing: AtomicBool,
    /// So many bytes are enough, because the writer waits for the file; 0 if it does not.
    enough: AtomicU64,
}

impl Filling {
    fn new() -> Self {
        Self { is_closing: AtomicBool::new(false), enough: AtomicU64::new(0) }
    }
}

enum State {
    None,
    Wanted(u64),
    Preparing,
    Ready(Spare),
    Closed,
}

impl Spares {
    /// With the file that a run left behind that was not closed, if there is one.
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        let left = disk.open(SPARE_FILE).and_then(|file| Ok(Spare { bytes: file.len()?, file }));
        Self {
            disk,
            state: Mutex::new(left.map_or(State::None, State::Ready)),
            changed: Condvar::new(),
            is_asked: AtomicBool::new(false),
            filling: Filling::new(),
        }
    }

    /// Asks for a file of that many bytes to be prepared in the background.
    pub(crate) fn want(&self, bytes: u64) {
        self.is_asked.store(true, Ordering::Relaxed);
        let mut state = self.lock();
        if matches!(*state, State::None) {
            *state = State::Wanted(bytes);
            self.changed.notify_all();
        }
    }

    /// Whether a file was asked for, and not taken yet.
    pub(crate) fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Relaxed)
    }

    /// Prepares what is asked for until the store is closed: the work of a background thread.
    pub(crate) fn prepare_in_background(&self) {
        while let Some(bytes) = self.wait_for_a_wish() {
            let prepared = self.prepare(bytes);
            let mut state = self.lock();
            if !matches!(*state, State::Closed) {
                // A failure is told to the append that needs the file, which tries again.
                *state = prepared.map_or(State::None, State::Ready);
            }
            self.changed.notify_all();
        }
    }

    fn wait_for_a_wish(&self) -> Option<u64> {
        let mut state = self.lock();
        loop {
            match *state {
                State::Wanted(bytes) => {
                    *state = State::Preparing;
                    return Some(bytes);
                }
                State::Closed => return None,
                _ => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// A file of `bytes`, or another that was prepared and has at least `bytes_min`.
    fn take(&self, bytes: u64, bytes_min: u64) -> io::Result<Spare> {
        let mut state = self.lock();
        while matches!(*state, State::Preparing) {
            self.filling.enough.store(bytes_min.max(bytes / HURRY_PART), Ordering::Relaxed);
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.filling.enough.store(0, Ordering::Relaxed);
        self.is_asked.store(false, Ordering::Relaxed);
        match std::mem::replace(&mut *state, State::None) {
            State::Ready(spare) if spare.bytes >= bytes_min => Ok(spare),
            _ => self.prepare_what_fits(bytes, bytes_min),
        }
    }

    /// A file of `bytes`, or of a part of that if the disk has no more room.
    fn prepare_what_fits(&self, bytes: u64, bytes_min: u64) -> io::Result<Spare> {
        match self.prepare(bytes) {
            Err(error) if is_for_want_of_room(&error) && bytes > bytes_min => {
                let less = (bytes / HURRY_PART).next_multiple_of(BLOCK_BYTES).max(bytes_min);
                self.prepare_what_fits(less, bytes_min)
            }
            prepared => prepared,
        }
    }

    fn prepare(&self, bytes: u64) -> io::Result<Spare> {
        prepare(&*self.disk, bytes, &self.filling)
    }

    /// Removes a file that was prepared and not used, when nothing is prepared any more: whoever
    /// opens the store again may write nothing for long.
    pub(crate) fn give_back(&self) {
        // Where it cannot be removed, it waits for the next time that the store is opened.
        let _ = remove_if_there(&*self.disk, SPARE_FILE);
    }

    /// Ends the background thread.
    pub(crate) fn close(&self) {
        self.filling.is_closing.store(true, Ordering::Relaxed);
        *self.lock() = State::Closed;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn prepare(disk: &dyn Disk, bytes: u64, filling: &Filling) -> io::Result<Spare> {
    remove_if_there(disk, UNFILLED)?;
    remove_if_there(disk, SPARE_FILE)?;
    let file = disk.create(UNFILLED)?;
    let filled = fill_with_zeros(&*file, bytes, filling);
    let named = filled.and_then(|bytes| disk.rename(UNFILLED, SPARE_FILE).map(|()| bytes));
    match named {
        Ok(bytes) => Ok(Spare { file, bytes }),
        Err(error) => {
            // What could be written of it takes the room that others may need.
            let _ = disk.remove(UNFILLED);
            Err(error)
        }
    }
}

fn is_for_want_of_room(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Fills a file, or as much of it as is enough for a writer that waits; returns how much.
///
/// Each part is synced on its own: a large sync would hold up those of the commits meanwhile.
fn fill_with_zeros(file: &dyn DiskFile, bytes: u64, filling: &Filling) -> io::Result<u64> {
    let mut offset = 0;
    while offset < bytes {
        if filling.is_closing.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = ZEROS.len().min((bytes - offset) as usize);
        file.write_at(&ZEROS[..length], offset)?;
        file.sync()?;
        offset += length as u64;
        let enough = filling.enough.load(Ordering::Relaxed);
        if enough > 0 && offset >= enough {
            break;
        }
    }
    Ok(offset)
}

/// Removes a file, if there is one of that name.
pub(crate) fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Removes what an interrupted run left behind.
pub(crate) fn remove_leftovers(disk: &dyn Disk) -> io::Result<()> {
    let names = disk.list()?;
    let mut leftovers = names.iter().filter(|name| name.ends_with(crate::open::TEMPORARY_SUFFIX));
    leftovers.try_for_each(|name| disk.remove(name))
}

/// How large the next file is: some four times as large as all before it together and later a
/// sixteenth of them, so that a small store stays small and a large one has few files.
pub(crate) fn next_file_bytes(options: &crate::Options, log_bytes: u64) -> u64 {
    let (minimum, maximum) = options.log_file_bytes();
    let bytes = (4 * log_bytes).min(USUAL_FILE_BYTES.max(log_bytes / PART_OF_LOG));
    bytes.next_power_of_two().clamp(minimum, maximum)
}

/// Makes names durable.
pub(crate) fn sync_directory(disk: &dyn Disk) -> io::Result<()> {
    unless(PlantedBug::SkipDirectorySync, || disk.sync_directory())
}

/// Creates the first log file of a new store.
pub(crate) fn create_first_file(
    disk: &dyn Disk,
    store_id: EventId,
    options: &crate::Options,
) -> io::Result<()> {
    let bytes = next_file_bytes(options, 0).max(HEADER_BYTES + BLOCK_BYTES);
    let spare = prepare(disk, bytes, &Filling::new())?;
    let header = FileHeader {
        store_id,
        number: 1,
        nonce: nonce(store_id, 1, 0),
        first_position: Position(1),
        first_batch: 1,
        previous_end: 0,
        previous_chain: 0,
        previous_time: crate::Timestamp::default(),
        allocated: bytes,
        loss_before: LossBefore::default(),
    };
    spare.file.write_at(&header.encode(), 0)?;
    spare.file.sync()?;
    disk.rename(SPARE_FILE, &FileHeader::file_name(1))?;
    sync_directory(disk)
}

/// Differs for every file of every store, also where a file with the same number was begun before.
pub(crate) fn nonce(store_id: EventId, number: u64, chain: u64) -> u64 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(store_id.as_bytes());
    bytes[16..24].copy_from_slice(&number.to_le_bytes());
    bytes[24..].copy_from_slice(&chain.to_le_bytes());
    xxhash_rust::xxh3::xxh3_64(&bytes)
}

impl Writer {
    /// Goes on in a new file, which has room for a frame of that many bytes.
    ///
    /// Nothing is lost if it fails for want of room: the store stays as it was, and the next append
    /// tries again.
    pub(crate) fn roll(&mut self, frame_bytes: u64) -> Result<()> {
        self.upkeep.wait_for_sealing();
        let needed = HEADER_BYTES + frame_bytes + FRAME_HEADER_BYTES as u64;
        let needed = needed.next_multiple_of(BLOCK_BYTES);
        let spare = self.spares.take(self.next_file_bytes().max(needed), needed);
        let begun = spare.and_then(|spare| self.begin(spare));
        let (header, file) = begun.map_err(|error| {
            if is_planted(PlantedBug::StopForWantOfRoom) {
                return self.stop(error);
            }
            Error::unavailable(
                "the next log file could not be made, so nothing was written: see that the disk has \
                 room and try again",
            )
            .because(error)
        })?;
        self.name(&header).map_err(|error| self.stop(error))?;
        self.finish_old_file().map_err(|error| self.stop(error))?;
        self.finish_segment(FrameKind::Roll);
        self.end = Expected::at_start_of(&header);
        let handles = Arc::clone(&self.shared.handles);
        let log = Arc::new(LogFile::opened(header.number, Arc::clone(&file), handles));
        self.file = file;
        self.grow(header, log);
        self.needs_new_file = false;
        self.is_marked = true; // the new file's header says where the old one ends
        Ok(())
    }

    /// Goes on in the same file with a segment of its own, so that what came before can be sealed.
    pub(crate) fn begin_segment(&mut self) {
        self.upkeep.wait_for_sealing();
        self.finish_segment(FrameKind::Commit);
        self.grow(self.segment.header, Arc::clone(&self.segment.log));
    }

    /// Goes on with a segment for what a file gets from now on.
    fn grow(&mut self, header: FileHeader, log: Arc<LogFile>) {
        let start = (self.end.position, self.end.offset);
        let index = self.shared.new_index(header.allocated.saturating_sub(self.end.offset));
        self.segment = Arc::new(Growing::with(header, log, start, index));
        self.shared.add_segment(&Segment::Growing(Arc::clone(&self.segment)));
        self.upkeep.wish();
    }

    /// The size of the file after this one, by what is used of all others: a file that a crash
    /// ended early does not make the next one larger.
    pub(crate) fn next_file_bytes(&self) -> u64 {
        next_file_bytes(&self.shared.options, self.shared.log_bytes())
    }

    fn begin(&self, spare: Spare) -> io::Result<(FileHeader, Arc<dyn DiskFile>)> {
        let number = self.segment.header.number + 1;
        let chain = self.end.chain.expect("the writer knows what it follows");
        let header = FileHeader {
            store_id: self.shared.identity.store_id,
            number,
            nonce: nonce(self.shared.identity.store_id, number, chain),
            first_position: self.end.position,
            first_batch: self.end.batch + 1,
            previous_end: self.end.offset,
            previous_chain: chain,
            previous_time: self.end.time,
            allocated: spare.bytes,
            loss_before: LossBefore::default(),
        };
        let written = spare.file.write_at(&header.encode(), 0).and_then(|()| spare.file.sync());
        if let Err(error) = written {
            let _ = self.shared.disk.remove(SPARE_FILE);
            return Err(error);
        }
        Ok((header, spare.file))
    }

    /// From here on a failure leaves it open whether the new file is there after a crash.
    fn name(&self, header: &FileHeader) -> io::Result<()> {
        self.shared.disk.rename(SPARE_FILE, &FileHeader::file_name(header.number))?;
        sync_directory(&*self.shared.disk)
    }

    /// Says in the old file that there is a next one, so that its loss would show; gives back the
    /// rest.
    fn finish_old_file(&mut self) -> io::Result<()> {
        let bytes = self.seal_mark(FrameKind::Roll);
        self.file.write_at(&bytes, self.end.offset)?;
        self.file.set_len(self.end.offset + bytes.len() as u64)?;
        self.file.sync()
    }
}
