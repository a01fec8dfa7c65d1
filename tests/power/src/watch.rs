//! Ends the lab when whoever started it is gone, or when nothing happens any more.

use std::io::Read;
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// A step of the lab takes seconds at most.
const SILENCE_MAX: Duration = Duration::from_mins(2);

static SIGNS: OnceLock<Sender<()>> = OnceLock::new();

/// Begins to watch. With this process everything ends that it started: it is the first one in its
/// namespace.
pub(crate) fn begin() {
    let (sender, signs) = channel();
    if SIGNS.set(sender).is_err() {
        return; // it is watched already
    }
    std::thread::spawn(|| {
        // The other end is held by whoever started this, and by nobody else.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        end("stopped");
    });
    std::thread::spawn(move || {
        while signs.recv_timeout(SILENCE_MAX) != Err(RecvTimeoutError::Timeout) {}
        end("nothing has happened for two minutes: something hangs, which must not be");
    });
}

/// Says that something was done.
pub(crate) fn sign_of_life() {
    if let Some(signs) = SIGNS.get() {
        // The watch ends only with the process.
        let _ = signs.send(());
    }
}

fn end(why: &str) -> ! {
    eprintln!("power loss: {why}");
    std::process::exit(1)
}
