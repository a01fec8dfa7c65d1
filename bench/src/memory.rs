//! How much memory this process has.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// How often it is looked at while something is done.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Memory, in mebibytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// All of it, as `VmRSS` counts.
    pub(crate) resident_mib: f64,
    /// Without the pages of mapped files: these belong to the page cache, and the system takes them
    /// back when it needs them.
    pub(crate) own_mib: f64,
}

impl Memory {
    /// What this process has now.
    pub(crate) fn now() -> io::Result<Self> {
        Ok(Self::of(&std::fs::read_to_string("/proc/self/status")?))
    }

    /// What something returns, and the most that this process has of its own meanwhile.
    pub(crate) fn most_during<T>(work: impl FnOnce() -> T) -> (T, f64) {
        let (done, waiting) = channel();
        thread::scope(|scope| {
            let looking = scope.spawn(move || most_until(&waiting));
            let result = work();
            drop(done);
            (result, looking.join().expect("it only looks"))
        })
    }

    fn of(status: &str) -> Self {
        let mebibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            kibibytes.unwrap_or(0.0) / 1024.0
        };
        let resident_mib = mebibytes("VmRSS:");
        Self { resident_mib, own_mib: resident_mib - mebibytes("RssFile:") }
    }
}

fn most_until(done: &Receiver<()>) -> f64 {
    let mut most = 0.0_f64;
    while done.recv_timeout(LOOK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        most = most.max(Memory::now().map_or(0.0, |memory| memory.own_mib));
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_files_are_not_memory_of_its_own() {
        let memory = Memory::of("VmRSS:\t    3072 kB\nRssAnon:\t 1024 kB\nRssFile:\t  2048 kB\n");
        assert_eq!((memory.resident_mib, memory.own_mib), (3.0, 1.0));
    }
}
