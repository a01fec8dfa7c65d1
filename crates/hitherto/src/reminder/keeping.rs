//! A thread that gives reminders as time goes by.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use hitherto_store::{Events, Query};

use super::Reminders;
use super::event::CATEGORY;
use crate::runner::Waiting;
use crate::{Error, Result};

/// How long it sleeps at most: a clock may be set, and a machine may sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Reminders that are given as time goes by, by a thread of their own. It stops when this is
/// dropped; what is due then is given when it is started again.
///
/// ```
/// use hitherto::{Reminders, Store};
///
/// let reminders = Reminders::new(&Store::in_memory()).start()?;
/// assert_eq!(reminders.last_error(), None);
/// # Ok::<(), hitherto::Error>(())
/// ```
pub struct KeptReminders {
    shared: Arc<Shared>,
    waker: Option<Waker>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_stopping: AtomicBool,
    is_failing: AtomicBool,
    error: Mutex<Option<String>>,
}

impl Reminders {
    /// Gives reminders from now on, by a thread of their own.
    ///
    /// # Errors
    /// `Unavailable` if there can be no further thread.
    pub fn start(self) -> Result<KeptReminders> {
        let shared = Arc::<Shared>::default();
        let (sender, receiver) = channel();
        let keeping = Keeping { reminders: self, shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new().name("reminders".into());
        let thread = thread.spawn(move || keeping.run(&sender)).map_err(|error| {
            Error::unavailable("a thread for reminders could not be started").because(error)
        })?;
        Ok(KeptReminders { shared, waker: receiver.recv().ok(), thread: Some(thread) })
    }
}

impl KeptReminders {
    /// What went wrong at the last attempt, if something did, which is tried again; else why the
    /// last reminder was [put aside](Reminders::put_aside), if one was.
    pub fn last_error(&self) -> Option<String> {
        self.shared.error().clone()
    }
}

impl Drop for KeptReminders {
    fn drop(&mut self) {
        self.shared.is_stopping.store(true, Ordering::SeqCst);
        self.waker.take().into_iter().for_each(Waker::wake);
        // A thread that has panicked has nothing more to say.
        self.thread.take().map(JoinHandle::join);
    }
}

impl fmt::Debug for KeptReminders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptReminders").field("last_error", &self.last_error()).finish()
    }
}

impl Shared {
    fn error(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's work.
struct Keeping {
    reminders: Reminders,
    shared: Arc<Shared>,
}

impl Keeping {
    fn run(mut self, ready: &Sender<Waker>) {
        let waiting = Waiting::new();
        if ready.send(waiting.waker()).is_err() {
            return;
        }
        let mut news: Option<Events> = None;
        while !self.shared.is_stopping.load(Ordering::SeqCst) {
            self.give_due();
            let query = || Query::category(CATEGORY).after(self.reminders.seen);
            let events = news.get_or_insert_with(|| self.reminders.store.follow(query()));
            // Only that there is news is looked at; what it is, the reminders read themselves.
            match waiting.poll(events) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Pending => waiting.wait(self.sleep()),
                Poll::Ready(Some(Err(_)) | None) => {
                    news = None;
                    waiting.wait(LONGEST_SLEEP);
                }
            }
        }
    }

    fn give_due(&mut self) {
        let failed = crate::wait(self.reminders.give_due()).err();
        if let Some(error) = &failed {
            tracing::warn!(%error, "reminders could not be given now");
        }
        self.shared.is_failing.store(failed.is_some(), Ordering::SeqCst);
        let error = failed.as_ref().or(self.reminders.put_aside().last());
        *self.shared.error() = error.map(ToString::to_string);
    }

    fn sleep(&self) -> Duration {
        let now = self.reminders.clock.now();
        let left = self.reminders.next_due().map(|due| now.until(due));
        let is_failing = self.shared.is_failing.load(Ordering::SeqCst);
        left.filter(|_| !is_failing).unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)
    }
}
