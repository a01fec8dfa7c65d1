//! What a service is, and which there are.

use std::path::{Path, PathBuf};

use crate::process::Process;
use crate::{POSTGRES, S3};

/// All of them.
pub const SERVICES: [&dyn Service; 2] = [POSTGRES, S3];

/// A sort of server that tests need.
///
/// ```
/// let variables = hitherto_services::SERVICES.map(|service| service.variable());
/// assert_eq!(variables, ["HITHERTO_POSTGRES_URL", "HITHERTO_S3_URL"]);
/// ```
pub trait Service: Sync {
    /// What it is called on the command line.
    fn name(&self) -> &'static str;

    /// The variable of the environment that says where one is.
    fn variable(&self) -> &'static str;

    /// Its program: what is installed, or else installs it. Things that are downloaded are kept
    /// below `downloads`.
    ///
    /// # Errors
    /// Why it can not be had.
    fn find(&self, downloads: &Path) -> Result<Program, String>;

    /// Starts a server at this port on what a folder has, or first makes there what it needs.
    ///
    /// # Errors
    /// Why it could not be started.
    fn start(&self, program: &Program, folder: &Path, port: u16) -> Result<Started, String>;

    /// Whether one answers at this port.
    fn is_ready(&self, program: &Program, port: u16) -> bool;
}

/// What runs a server.
///
/// ```
/// let program = hitherto_services::Program { path: "bin/weed".into(), version: "4.48".into() };
/// assert!(program.path.ends_with("weed"));
/// ```
#[derive(Debug, Clone)]
pub struct Program {
    /// The program, or the directory of its programs.
    pub path: PathBuf,
    /// As it says itself.
    pub version: String,
}

/// A server that was started, and may not answer yet.
#[derive(Debug)]
pub struct Started {
    pub(crate) process: Process,
    /// Where it will be.
    pub(crate) url: String,
}

/// The service of this name.
///
/// # Errors
/// Which there are, if it is none of them.
pub fn named(name: &str) -> Result<&'static dyn Service, String> {
    SERVICES.into_iter().find(|service| service.name() == name).ok_or_else(|| {
        let names = SERVICES.map(Service::name).join(", ");
        format!("there is no service {name:?}: there are {names}")
    })
}
