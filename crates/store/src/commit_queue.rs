//! Group commit without timers: whoever finds no leader leads, and commits whatever waits.
//!
//! A lone caller commits in its own thread, without a hop to another. While a batch is being
//! synced, others queue up behind it; the sync itself is the window in which the next batch
//! gathers.

use std::sync::{Arc, PoisonError, TryLockError};
use std::time::Duration;

use crate::append::{Append, Saved};
use crate::error::{Error, Result};
use crate::planted::{PlantedBug, is_planted};
use crate::resolved::Resolved;
use crate::shared::Shared;
use crate::sync::{Condvar, Mutex, MutexGuard, wait_within};
use crate::ticket::Ticket;
use crate::wait;
use crate::writer::{Request, Writer};

/// After so long without an append, a mark proves the last batch durable.
const IDLE: Duration = Duration::from_millis(20);

/// With so many bytes of appends waiting, whoever comes next waits until they are taken: a slow
/// disk slows its callers down, and memory stays bounded.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// The appends that wait, and the writer for whoever leads.
pub(crate) struct CommitQueue {
    shared: Arc<Shared>,
    waiting: Mutex<Waiting>,
    /// Called when a full queue was taken.
    has_room: Condvar,
    writer: Mutex<Writer>,
    background: Option<Background>,
}

#[derive(Default)]
struct Waiting {
    requests: Vec<Request>,
    bytes: usize,
}

/// What the background thread sleeps on.
#[derive(Default)]
struct Background {
    state: Mutex<Wish>,
    changed: Condvar,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are wishes, and independent")]
struct Wish {
    lead: bool,
    /// Looks after a while whether what a thread wanted to commit itself still waits.
    look: bool,
    mark: bool,
    close: bool,
}

impl CommitQueue {
    pub(crate) fn new(writer: Writer, has_background: bool) -> Self {
        Self {
            shared: Arc::clone(&writer.shared),
            waiting: Mutex::default(),
            has_room: Condvar::default(),
            writer: Mutex::new(writer),
            background: has_background.then(Background::default),
        }
    }

    /// Appends in this thread if nobody leads, else waits for whoever does.
    pub(crate) fn append(&self, append: Append) -> Result<Saved> {
        let ticket = self.enqueue(append);
        self.lead_once();
        ticket.wait()
    }

    /// Leaves the append to the end of what this thread waits for, or else to the background
    /// thread, or does it at once if there is none.
    pub(crate) fn submit(self: &Arc<Self>, append: Append) -> Ticket {
        let ticket = self.enqueue(append);
        match &self.background {
            Some(background) if wait::leave(self) => background.wish_for_a_look(),
            _ => self.lead_elsewhere(),
        }
        ticket
    }

    /// Leaves what waits to the background thread, or commits it here if there is none.
    pub(crate) fn lead_elsewhere(&self) {
        match &self.background {
            Some(background) => self.lead_in(background),
            None => self.lead(),
        }
    }

    fn enqueue(&self, append: Append) -> Ticket {
        let (ticket, completion) = Ticket::pending();
        let resolved = Resolved::new(&append, &self.shared);
        let bytes = append.stored_bytes();
        let mut waiting = lock(&self.waiting);
        if waiting.bytes >= WAITING_BYTES_MAX {
            // Perhaps this thread has left what fills it.
            drop(waiting);
            self.lead_once();
            waiting = lock(&self.waiting);
        }
        while waiting.bytes >= WAITING_BYTES_MAX && !is_planted(PlantedBug::QueueWithoutBound) {
            waiting = self.has_room.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.bytes += bytes;
        waiting.requests.push(Request { append, resolved, completion });
        ticket
    }

    /// What waits, to be answered by whoever takes it.
    fn take_waiting(&self) -> Vec<Request> {
        let Waiting { requests, bytes } = std::mem::take(&mut *lock(&self.waiting));
        if bytes >= WAITING_BYTES_MAX {
            self.has_room.notify_all();
        }
        requests
    }

    /// Lets the background thread commit what waits; without one any more, this thread does.
    fn lead_in(&self, background: &Background) {
        if !background.wish(|wish| wish.lead = true) {
            self.lead();
        }
    }

    /// Commits what waits, if nobody else does; then leaves what came meanwhile to the background.
    pub(crate) fn lead_once(&self) {
        let Some(background) = &self.background else { return self.lead() };
        let looks = !is_planted(PlantedBug::ForgetTheQueue);
        if self.commit_waiting() && looks && self.is_more_waiting() {
            self.lead_in(background);
        }
    }

    /// Commits until nothing waits. Whoever queues an append while another leads can rely on the
    /// leader: it looks once more after it has given the writer back.
    fn lead(&self) {
        while self.is_more_waiting() && self.commit_waiting() {
            if is_planted(PlantedBug::ForgetTheQueue) {
                return;
            }
        }
    }

    fn is_more_waiting(&self) -> bool {
        !lock(&self.waiting).requests.is_empty()
    }

    /// One round; false if somebody else leads.
    fn commit_waiting(&self) -> bool {
        let mut writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::WouldBlock) => return false,
            Err(TryLockError::Poisoned(_)) => {
                self.refuse_waiting();
                return true;
            }
        };
        let requests = self.take_waiting();
        let was_marked = writer.is_marked;
        writer.commit(requests);
        if let Some(background) = self.background.as_ref().filter(|_| was_marked) {
            background.wish(|wish| wish.mark = true);
        }
        true
    }

    /// A panic while writing leaves the writer in an unknown state: it is never used again.
    fn refuse_waiting(&self) {
        for request in self.take_waiting() {
            request.completion.complete(Err(Error::closed(
                "writing failed with a panic earlier, so this store takes no more appends: open it again",
            )));
        }
    }

    /// Commits what is submitted, and marks the end when nothing comes: the background thread's
    /// work.
    pub(crate) fn work_in_background(&self) {
        let Some(background) = &self.background else { return };
        let mut marked_end = 0;
        loop {
            let wish = background.next_wish();
            if wish.close {
                return;
            }
            if wish.lead || wish.look {
                self.lead();
            }
            if wish.mark {
                marked_end = self.mark_when_idle(background, marked_end);
            }
        }
    }

    /// Marks the end if nothing was appended since the last look, else looks again later.
    fn mark_when_idle(&self, background: &Background, last_end: u64) -> u64 {
        let Ok(mut writer) = self.writer.try_lock() else {
            background.wish(|wish| wish.mark = true);
            return last_end;
        };
        let end = writer.end.batch;
        if end == last_end {
            // If this fails the writer has stopped, and tells the next append why.
            let _ = writer.mark_idle();
        } else {
            background.wish(|wish| wish.mark = true);
        }
        drop(writer);
        self.lead(); // who came meanwhile relies on it
        end
    }

    /// Writes the clean end and takes no more appends.
    pub(crate) fn close(&self) -> Result<()> {
        if let Some(background) = &self.background {
            background.wish(|wish| wish.close = true);
        }
        let closed = match self.writer.lock() {
            Ok(mut writer) => {
                writer.commit(self.take_waiting());
                writer.close()
            }
            Err(_) => Ok(()),
        };
        self.refuse_waiting();
        closed
    }

    /// Has a look at the writer, between two batches.
    pub(crate) fn with_writer<T>(&self, look: impl FnOnce(&mut Writer) -> T) -> T {
        let seen = look(&mut self.writer.lock().unwrap_or_else(PoisonError::into_inner));
        self.lead_once(); // who came meanwhile relies on it
        seen
    }
}

impl Background {
    /// Wishes for something; false if there is no thread any more that does it.
    fn wish(&self, set: impl FnOnce(&mut Wish)) -> bool {
        let mut state = lock(&self.state);
        set(&mut state);
        let is_heard = !state.close;
        drop(state);
        self.changed.notify_one();
        is_heard
    }

    /// Has the thread look whether something still waits, after a while: the one that wanted to
    /// commit it may be blocked by something that waits for that commit. Who has a look or a mark
    /// to come back for is not woken for it.
    fn wish_for_a_look(&self) {
        let mut state = lock(&self.state);
        let comes_back = state.look || state.mark;
        state.look = true;
        drop(state);
        if !comes_back {
            self.changed.notify_one();
        }
    }

    /// What is wanted next. A look and a mark are told only after a while in which nothing else
    /// was.
    fn next_wish(&self) -> Wish {
        let mut state = lock(&self.state);
        loop {
            if state.lead || state.close {
                return take(&mut state, false);
            }
            if !state.mark && !state.look {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (woken, is_over) = wait_within(&self.changed, state, IDLE);
            state = woken;
            if is_over && !state.lead && !state.close {
                return take(&mut state, true);
            }
        }
    }
}

/// Takes the wishes; what is told after a while only if it is its time.
fn take(state: &mut Wish, is_time: bool) -> Wish {
    let mark = is_time && std::mem::take(&mut state.mark);
    let look = is_time && std::mem::take(&mut state.look);
    Wish { lead: std::mem::take(&mut state.lead), look, mark, close: state.close }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
