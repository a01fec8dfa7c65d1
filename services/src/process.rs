//! A server's process: started so that it outlives its starter, found and stopped by its id.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::probe::wait_until;

const LOAD_PATIENCE: Duration = Duration::from_secs(20);
const STOP_PATIENCE: Duration = Duration::from_secs(20);
const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// A process by its id, and by a word of its command line: ids are given again.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) id: u32,
    /// The path of its data, which nobody else has.
    pub(crate) mark: String,
}

impl Process {
    /// Starts a server. What it says goes to `log`; keys pressed here do not reach it.
    pub(crate) fn start(command: &mut Command, mark: &Path, log: &Path) -> Result<Self, String> {
        let failed = |error| format!("{}: {error}", log.display());
        let output = File::options().create(true).append(true).open(log).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let child = command.spawn();
        let mut child =
            child.map_err(|error| format!("{command:?} could not be started: {error}"))?;
        let process = Self { id: child.id(), mark: mark.display().to_string() };
        // While a program is being loaded, its command line is empty: it would be taken for dead.
        wait_until(LOAD_PATIENCE, || process.is_alive() || !matches!(child.try_wait(), Ok(None)));
        // Its id is in use until somebody takes notice of its end.
        std::thread::spawn(move || child.wait());
        Ok(process)
    }

    /// Whether it is there, and is still the same.
    pub(crate) fn is_alive(&self) -> bool {
        command_line(self.id).contains(&self.mark)
    }

    pub(crate) fn signal(&self, signal: &str) {
        if self.is_alive() {
            // It may end meanwhile.
            let _ = Command::new("kill").args(["-s", signal, &self.id.to_string()]).output();
        }
    }

    /// Asks it to end with a signal, and kills it if it does not.
    pub(crate) fn stop(&self, signal: &str) -> Result<(), String> {
        self.signal(signal);
        if !wait_until(STOP_PATIENCE, || !self.is_alive()) {
            self.signal("KILL");
        }
        if wait_until(KILL_PATIENCE, || !self.is_alive()) {
            return Ok(());
        }
        Err(format!("process {} does not end, although it was killed", self.id))
    }
}

/// What a process was started with; nothing if it is not there, or has ended and nobody took
/// notice.
pub(crate) fn command_line(id: u32) -> String {
    let line = std::fs::read(format!("/proc/{id}/cmdline"));
    let line = line.or_else(|_| {
        let mut ask = Command::new("ps"); // where there is no `/proc`
        ask.args(["-ww", "-o", "command=", "-p", &id.to_string()]).output().map(|said| said.stdout)
    });
    String::from_utf8_lossy(&line.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_just_being_loaded_is_not_taken_for_dead() {
        let folder = std::env::temp_dir().join(format!("loading-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("it can be made");
        for _ in 0..50 {
            let log = folder.join("log");
            let mut command = Command::new("tail");
            command.arg("-f").arg(&log);
            let process = Process::start(&mut command, &folder, &log).expect("there is `tail`");
            assert!(process.is_alive());
            process.signal("KILL");
            assert!(wait_until(KILL_PATIENCE, || !process.is_alive()));
        }
        std::fs::remove_dir_all(&folder).expect("it can be removed");
    }
}
