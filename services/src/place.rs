//! The servers of a workspace: one folder each, below the target directory.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::folder::{Folder, State};
use crate::probe::free_ports;
use crate::process::command_line;
use crate::python;
use crate::service::{Program, SERVICES, Service};

const ATTEMPTS: usize = 3;

/// The folder of all servers of a workspace.
///
/// ```
/// use hitherto_services::{POSTGRES, Place, State};
///
/// let place = Place::below(std::env::temp_dir().join("nothing-was-started-here"));
/// assert_eq!(place.state(POSTGRES), State::Down);
/// ```
#[derive(Debug, Clone)]
pub struct Place(PathBuf);

impl Place {
    /// That of this workspace.
    pub fn of_workspace() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it lies in a workspace");
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        Self::below(root.join(target.unwrap_or_else(|| "target".into())))
    }

    /// The servers that a target directory knows.
    pub fn below(target: impl Into<PathBuf>) -> Self {
        Self(target.into().join("services"))
    }

    /// Whether it is there, and where.
    pub fn state(&self, service: &dyn Service) -> State {
        self.folder(service).state()
    }

    /// Starts it, unless it is there; ready when it answers. Says where it is.
    ///
    /// # Errors
    /// Why it could not be started.
    pub fn up(&self, service: &dyn Service) -> Result<String, String> {
        let _one_at_a_time = self.lock()?;
        if let State::Up { url, .. } = self.state(service) {
            return Ok(url);
        }
        let program = self.find(service)?;
        let mut outcome = self.start(service, &program);
        for _ in 1..ATTEMPTS {
            // Somebody else may have taken its port meanwhile.
            outcome = outcome.or_else(|_| self.start(service, &program));
        }
        outcome
    }

    /// Installs its program, if that is missing, so that it is there when the service is started.
    ///
    /// # Errors
    /// Why it can not be had.
    pub fn fetch(&self, service: &dyn Service) -> Result<(), String> {
        let _one_at_a_time = self.lock()?;
        self.find(service).map(drop)
    }

    /// A Python that has what the decoder of the file format needs; it is installed if it is not.
    ///
    /// # Errors
    /// Why it can not be had.
    pub fn python(&self) -> Result<PathBuf, String> {
        let _one_at_a_time = self.lock()?;
        Ok(python::DECODER.programs(&self.0)?.join("python"))
    }

    /// Stops it, if it is there, and removes what it kept.
    ///
    /// # Errors
    /// Why it could not be stopped.
    pub fn down(&self, service: &dyn Service) -> Result<(), String> {
        let _one_at_a_time = self.lock()?;
        self.folder(service).remove()
    }

    /// Stops what tests started for themselves and could not stop, because they were killed.
    ///
    /// # Errors
    /// Why something could not be stopped.
    pub fn sweep(&self) -> Result<(), String> {
        let _one_at_a_time = self.lock()?;
        let entries = std::fs::read_dir(&self.0).map_err(|error| self.failed(&error))?;
        let folders = entries.flatten().map(|entry| entry.path());
        folders.filter(|path| is_orphan(path)).try_for_each(|path| Folder(path).remove())
    }

    pub(crate) fn find(&self, service: &dyn Service) -> Result<Program, String> {
        std::fs::create_dir_all(&self.0).map_err(|error| self.failed(&error))?;
        service.find(&self.0)
    }

    /// The folder of a server that only this process uses, by a number.
    pub(crate) fn own(&self, service: &dyn Service, number: usize) -> Folder {
        let name = format!("{}-{number}-of-{}", service.name(), std::process::id());
        Folder(self.0.join(name))
    }

    fn start(&self, service: &dyn Service, program: &Program) -> Result<String, String> {
        let folder = self.folder(service);
        folder.remove()?; // what a server that was killed left behind
        let [port] = free_ports()?;
        Ok(folder.start(service, program, port)?.url)
    }

    fn folder(&self, service: &dyn Service) -> Folder {
        Folder(self.0.join(service.name()))
    }

    /// Two commands at the same time take turns.
    fn lock(&self) -> Result<File, String> {
        let lock = || {
            std::fs::create_dir_all(&self.0)?;
            let file = File::create(self.0.join("lock"))?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &std::io::Error) -> String {
        format!("{}: {error}", self.0.display())
    }
}

/// Whether this is the folder of a process's own server, and that process is gone.
fn is_orphan(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let owner = name.rsplit_once("-of-").and_then(|(_, owner)| owner.parse().ok());
    let is_service = SERVICES.iter().any(|service| name.starts_with(service.name()));
    is_service && owner.is_some_and(|owner| command_line(owner).is_empty())
}
