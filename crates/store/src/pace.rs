//! How fast something is done in the background, and when not at all: so that nobody who reads or
//! writes notices it.

use std::io;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::sync::{AtomicBool, AtomicU64, Condvar, Mutex, MutexGuard, wait_within};

/// Bytes after which it is waited: short rests leave the disk and the processor to others often.
const SPENT_BYTES: u64 = 256 << 10;

/// Lets so many bytes through a second, and none while it is paused.
#[derive(Debug)]
pub(crate) struct Pace {
    /// None: as fast as it goes.
    bytes_per_second: Option<u64>,
    /// Bytes that were spent since the last rest.
    spent: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
    /// Set when what is under way must be left.
    interrupt: AtomicBool,
    changes: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    is_wanted: bool,
    is_paused: bool,
    is_closing: bool,
}

impl Pace {
    pub(crate) fn new(bytes_per_second: Option<u64>) -> Self {
        Self {
            bytes_per_second,
            spent: AtomicU64::new(0),
            state: Mutex::default(),
            changed: Condvar::new(),
            interrupt: AtomicBool::new(false),
            changes: AtomicU64::new(0),
        }
    }

    /// Says that there may be something to do.
    pub(crate) fn wish(&self) {
        self.lock().is_wanted = true;
        self.changed.notify_all();
    }

    /// Waits for a wish while nothing is paused; false when the store is closed.
    pub(crate) fn wait_for_a_wish(&self) -> bool {
        let mut state = self.lock();
        while !state.is_closing && (state.is_paused || !state.is_wanted) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_wanted = false;
        !state.is_closing
    }

    /// Waits for so long, and then for as long as it is paused; false when the store is closed.
    pub(crate) fn wait(&self, duration: Duration) -> bool {
        let mut state = self.lock();
        if !state.is_closing && !state.is_paused {
            // Whoever is woken too early looks again how long there is to wait.
            state = wait_within(&self.changed, state, duration).0;
        }
        while state.is_paused && !state.is_closing {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.is_closing
    }

    pub(crate) fn pause(&self) {
        let mut state = self.lock();
        state.is_paused = true;
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.interrupt.store(true, Ordering::Relaxed);
        drop(state);
        self.changed.notify_all();
    }

    pub(crate) fn resume(&self) {
        let mut state = self.lock();
        state.is_paused = false;
        // What was left when it was paused is done now.
        state.is_wanted = true;
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.interrupt.store(state.is_closing, Ordering::Release);
        drop(state);
        self.changed.notify_all();
    }

    pub(crate) fn close(&self) {
        self.lock().is_closing = true;
        self.interrupt.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.lock().is_paused
    }

    /// What is to be left off when it is set.
    pub(crate) fn stop(&self) -> &AtomicBool {
        &self.interrupt
    }

    pub(crate) fn was_interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Acquire)
    }

    /// How often it was paused or resumed: what failed meanwhile may have been left only because of
    /// that, though it goes on again.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Waits as long as it is paused.
    pub(crate) fn wait_until_resumed(&self) -> Result<()> {
        let mut state = self.lock();
        while state.is_paused && !state.is_closing {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_closing { Err(Error::left_at_close()) } else { Ok(()) }
    }

    /// Spends bytes in looking for something to do; waits while it is paused.
    pub(crate) fn spend(&self, bytes: u64) -> Result<()> {
        while let Err(error) = self.rest(bytes) {
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(Error::unavailable("background work failed").because(error));
            }
            self.wait_until_resumed()?;
        }
        Ok(())
    }

    /// Spends bytes, and rests if enough were spent; an error if what is under way must be left.
    pub(crate) fn rest(&self, bytes: u64) -> io::Result<()> {
        if self.was_interrupted() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let Some(rate) = self.bytes_per_second else { return Ok(()) };
        let spent = self.spent.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if spent < SPENT_BYTES {
            return Ok(());
        }
        self.spent.store(0, Ordering::Relaxed);
        let rest = Duration::from_nanos(spent.saturating_mul(1_000_000_000) / rate.max(1));
        let state = self.lock();
        if !state.is_paused && !state.is_closing {
            // Whoever wakes it earlier pauses or closes, mostly; else the rest is a little short.
            drop(wait_within(&self.changed, state, rest));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that is read at some pace.
pub(crate) struct Paced<'file> {
    pub(crate) file: &'file dyn DiskFile,
    pub(crate) pace: &'file Pace,
}

impl DiskFile for Paced<'_> {
    fn read_some_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.pace.rest(buffer.len() as u64)?;
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
