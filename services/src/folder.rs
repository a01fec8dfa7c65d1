//! The folder of one server: its data, its log, and what must be known to find and to stop it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::probe::wait_until;
use crate::process::Process;
use crate::service::{Program, Service, Started};

const READY_PATIENCE: Duration = Duration::from_mins(1);
/// Asks a server to end at once, and in order.
const STOP: &str = "INT";
const LOG_LINES: usize = 12;

/// Written when the process is there, and when it answers.
const PROCESS: &str = "process";
const URL: &str = "url";
const PROGRAM: &str = "program";
/// Names a folder outside, where the server may not come here.
pub(crate) const ELSEWHERE: &str = "elsewhere";

/// What is known of a server.
///
/// ```
/// use hitherto_services::State;
///
/// let up = State::Up { url: "postgres://localhost".into(), program: "PostgreSQL 15".into() };
/// assert_ne!(up, State::Down);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was started, and is there.
    Up {
        /// Where it is.
        url: String,
        /// Which it is.
        program: String,
    },
    /// There is none.
    Down,
}

/// Where one server lives.
#[derive(Debug, Clone)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn state(&self) -> State {
        match (self.process(), self.read(URL), self.read(PROGRAM)) {
            (Some(process), Some(url), Some(program)) if process.is_alive() => {
                State::Up { url, program }
            }
            _ => State::Down,
        }
    }

    /// Starts a server on what is here, if anything is; ready when it answers.
    pub(crate) fn start(
        &self,
        service: &dyn Service,
        program: &Program,
        port: u16,
    ) -> Result<Started, String> {
        std::fs::create_dir_all(&self.0).map_err(|error| self.failed(&error))?;
        let started = service.start(program, &self.0, port)?;
        self.write(PROCESS, &format!("{}\n{}", started.process.id, started.process.mark))?;
        let is_alive = || started.process.is_alive();
        let is_ready = || service.is_ready(program, port);
        wait_until(READY_PATIENCE, || is_ready() || !is_alive());
        if !is_ready() {
            let log = self.end_of_log();
            started.process.stop(STOP)?;
            return Err(format!("{} does not answer: {log}", program.version));
        }
        self.write(PROGRAM, &program.version)?;
        self.write(URL, &started.url)?;
        Ok(started)
    }

    pub(crate) fn stop(&self) -> Result<(), String> {
        self.process().map_or(Ok(()), |process| process.stop(STOP))
    }

    /// Stops what runs here, and removes all of it.
    pub(crate) fn remove(&self) -> Result<(), String> {
        self.stop()?;
        let elsewhere = self.read(ELSEWHERE).map(PathBuf::from);
        for folder in elsewhere.iter().chain([&self.0]).filter(|folder| folder.exists()) {
            std::fs::remove_dir_all(folder).map_err(|error| self.failed(&error))?;
        }
        Ok(())
    }

    pub(crate) fn process(&self) -> Option<Process> {
        let text = self.read(PROCESS)?;
        let (id, mark) = text.split_once('\n')?;
        Some(Process { id: id.parse().ok()?, mark: mark.to_owned() })
    }

    fn end_of_log(&self) -> String {
        let log = std::fs::read_to_string(log_of(&self.0)).unwrap_or_default();
        let lines = log.lines().collect::<Vec<_>>();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.0.join(name)).ok()
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        std::fs::write(self.0.join(name), text).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &std::io::Error) -> String {
        format!("{}: {error}", self.0.display())
    }
}

/// Where a server in a folder says what happens.
pub(crate) fn log_of(folder: &Path) -> PathBuf {
    folder.join("log")
}
