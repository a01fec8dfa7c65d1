//! What threads meet on when the store is modelled: at each use the model checker may let another
//! thread go on.
//!
//! Time does not exist here: it is over at once, or somebody calls.

use std::time::Duration;

use shuttle::rand::Rng;

pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64};
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard, RwLock};
pub(crate) use shuttle::{thread, thread_local};

pub(crate) fn wait_within<'mutex, T>(
    changed: &Condvar,
    guard: MutexGuard<'mutex, T>,
    _: Duration,
) -> (MutexGuard<'mutex, T>, bool) {
    if shuttle::rand::thread_rng().r#gen() {
        return (guard, true);
    }
    let guard = changed.wait(guard).unwrap_or_else(std::sync::PoisonError::into_inner);
    (guard, false)
}

pub(crate) fn park_timeout(_: Duration) {
    thread::yield_now();
}
