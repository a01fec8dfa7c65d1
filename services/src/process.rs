//! A server's process: started so that it outlives its starter, found and stopped by its id.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::probe::wait_until;

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
        let id = child.id();
        // Its id is in use until somebody takes notice of its end.
        std::thread::spawn(move || child.wait());
        Ok(Self { id, mark: mark.display().to_string() })
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
