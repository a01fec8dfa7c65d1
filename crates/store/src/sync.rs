//! What threads meet on: locks, flags, waiting, and the threads themselves.
//!
//! They are the standard library's. A model checker puts its own in their place, to try the orders
//! in which threads can do things (`tests/model/`).

use std::time::Duration;

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64};
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, RwLock};
pub(crate) use std::thread::park_timeout;
pub(crate) use std::{thread, thread_local};

/// Waits until somebody calls, but no longer than this; whether the time was over.
pub(crate) fn wait_within<'mutex, T>(
    changed: &Condvar,
    guard: MutexGuard<'mutex, T>,
    limit: Duration,
) -> (MutexGuard<'mutex, T>, bool) {
    let waited = changed.wait_timeout(guard, limit);
    let (guard, timeout) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
    (guard, timeout.timed_out())
}
