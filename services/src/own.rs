//! A server of one test's own: to be stopped, killed and started again under its feet.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::environment::{from_environment, must_not_be_missing, not_run};
use crate::folder::Folder;
use crate::place::Place;
use crate::probe::{free_ports, listens, wait_until};
use crate::service::{Program, Service};

const PATIENCE: Duration = Duration::from_secs(20);

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A server that is stopped, and whose data is removed, when this is dropped.
///
/// ```no_run
/// use hitherto_services::{Own, POSTGRES};
///
/// let Some(mut server) = Own::start(POSTGRES, "a server that is restarted") else { return };
/// server.kill();
/// server.start_again();
/// ```
pub struct Own {
    service: &'static dyn Service,
    program: Program,
    folder: Folder,
    port: u16,
    url: String,
}

impl Own {
    /// One more server, where [one is started](from_environment) for all; else says what is not
    /// tested.
    ///
    /// # Panics
    /// If it cannot be started where it [must not be missing](must_not_be_missing).
    pub fn start(service: &'static dyn Service, what: &str) -> Option<Self> {
        from_environment(service, what)?;
        match Self::begin(service) {
            Ok(own) => Some(own),
            Err(error) if must_not_be_missing() => panic!("{what} cannot be tested: {error}"),
            Err(error) => {
                not_run(&format!("{what} is not tested: {error}"));
                None
            }
        }
    }

    fn begin(service: &'static dyn Service) -> Result<Self, String> {
        let place = Place::of_workspace();
        let program = place.find(service)?;
        let folder = place.own(service, COUNT.fetch_add(1, Ordering::Relaxed));
        folder.remove()?; // of a process that had the same id
        let [port] = free_ports()?;
        let url = folder.start(service, &program, port)?.url;
        Ok(Self { service, program, folder, port, url })
    }

    /// Where it is, also after it was started again.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops it in order.
    ///
    /// # Panics
    /// If it does not end.
    pub fn stop(&mut self) {
        self.folder.stop().expect("a server ends when it is asked to");
    }

    /// Kills it.
    ///
    /// # Panics
    /// If it does not end.
    pub fn kill(&mut self) {
        let process = self.folder.process().expect("it was started");
        process.stop("KILL").expect("what is killed ends");
        // Its children notice a moment later, and hold its port until then.
        assert!(wait_until(PATIENCE, || !listens(self.port)), "the port is given back");
    }

    /// Starts it on the data that it had, where it was.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start_again(&mut self) {
        let started = self.folder.start(self.service, &self.program, self.port);
        started.expect("what was started once can be started again");
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // What is left is swept away later.
        let _ = self.folder.remove();
    }
}
