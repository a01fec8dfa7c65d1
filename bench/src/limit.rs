//! What this disk can do at most: 400 bytes an event written into a file that is full of zeros.

use std::fs::{File, OpenOptions};
use std::io;
use std::mem;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, Thread};

/// About what an event takes in a log.
pub(crate) const EVENT_BYTES: usize = 400;
const FILE_BYTES: u64 = 64 << 20;
const ZEROS_BYTES: usize = 1 << 20;

/// A file to write into, filled with zeros before; it is written again from its start when it is
/// full.
pub(crate) struct ZeroedFile {
    file: File,
    offset: u64,
    bytes: u64,
}

impl ZeroedFile {
    pub(crate) fn create(directory: &Path, bytes: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).open(directory.join("zeroed"))?;
        let zeros = vec![0; ZEROS_BYTES];
        for offset in (0..bytes).step_by(ZEROS_BYTES) {
            file.write_all_at(&zeros, offset)?;
        }
        file.sync_all()?;
        Ok(Self { file, offset: 0, bytes })
    }

    /// Large enough that writing its start again is no different.
    pub(crate) fn large(directory: &Path) -> io::Result<Self> {
        Self::create(directory, FILE_BYTES)
    }

    /// Writes bytes behind the last ones, and syncs them.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.offset + bytes.len() as u64 > self.bytes {
            self.offset = 0;
        }
        self.file.write_all_at(bytes, self.offset)?;
        self.offset += bytes.len() as u64;
        self.file.sync_data()
    }
}

/// The same file for many threads: whoever comes while a sync runs shares the next one.
pub(crate) struct GroupCommit {
    file: Mutex<ZeroedFile>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    waiting: Vec<Arc<Waiter>>,
    has_leader: bool,
}

/// One thread that has handed in its bytes.
pub(crate) struct Waiter {
    thread: Mutex<Option<Thread>>,
    state: AtomicU8,
}

const WAITING: u8 = 0;
const LEADS: u8 = 1;
const DONE: u8 = 2;

impl Waiter {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { thread: Mutex::new(None), state: AtomicU8::new(WAITING) })
    }

    fn tell(&self, state: u8) {
        self.state.store(state, Ordering::Release);
        if let Some(thread) = &*self.thread.lock().expect("no thread failed") {
            thread.unpark();
        }
    }

    fn wait(&self) -> u8 {
        loop {
            match self.state.load(Ordering::Acquire) {
                WAITING => thread::park(),
                state => return state,
            }
        }
    }
}

impl GroupCommit {
    pub(crate) fn into(file: ZeroedFile) -> Self {
        Self { file: Mutex::new(file), queue: Mutex::default() }
    }

    /// Returns when the bytes are durable. A waiter is for one thread, again and again.
    pub(crate) fn append(&self, bytes: &[u8], waiter: &Arc<Waiter>) {
        waiter.thread.lock().expect("no thread failed").get_or_insert_with(thread::current);
        waiter.state.store(WAITING, Ordering::Release);
        let mut queue = self.queue();
        queue.bytes.extend_from_slice(bytes);
        queue.waiting.push(Arc::clone(waiter));
        let leads = !mem::replace(&mut queue.has_leader, true);
        drop(queue);
        if leads || waiter.wait() == LEADS {
            self.lead(waiter);
        }
    }

    /// Writes everything that is queued, wakes those who wait, and hands over to the first who came
    /// meanwhile: in this order, because whoever is woken first can join the next batch.
    fn lead(&self, leader: &Arc<Waiter>) {
        let (bytes, waiting) = {
            let mut queue = self.queue();
            (mem::take(&mut queue.bytes), mem::take(&mut queue.waiting))
        };
        let mut file = self.file.lock().expect("no thread failed");
        file.write(&bytes).expect("the disk works");
        drop(file);
        waiting
            .iter()
            .filter(|other| !Arc::ptr_eq(other, leader))
            .for_each(|other| other.tell(DONE));
        self.hand_over();
    }

    fn hand_over(&self) {
        let mut queue = self.queue();
        queue.has_leader = !queue.waiting.is_empty();
        let next = queue.waiting.first().cloned();
        drop(queue);
        if let Some(next) = next {
            next.tell(LEADS);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no thread failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_of_a_group_commit_gets_its_answer() {
        let directory = tempfile::tempdir().unwrap();
        let file = ZeroedFile::create(directory.path(), 1 << 20).unwrap();
        let group = GroupCommit::into(file);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let waiter = Waiter::new();
                    (0..50).for_each(|_| group.append(&[1; 40], &waiter));
                });
            }
        });
        assert_eq!(group.file.into_inner().unwrap().offset, 4 * 50 * 40);
    }
}
