//! What comes as Python wheels, in environments of their own, with pinned hashes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::{debian_packages, output_of};

/// Wheels that share an environment, which is a directory of this name.
pub(crate) struct Wheels {
    name: &'static str,
    requirements: &'static str,
}

pub(crate) const SERVERS: Wheels =
    Wheels { name: "python", requirements: include_str!("../requirements.txt") };

/// What the decoder of the file format needs; no server waits for it, or fails with it.
pub(crate) const DECODER: Wheels = Wheels {
    name: "decoder",
    requirements: include_str!("../../crates/store/tests/decoder/requirements.txt"),
};

impl Wheels {
    /// The directory of the programs; they are installed if they are not, or are other ones.
    pub(crate) fn programs(&self, downloads: &Path) -> Result<PathBuf, String> {
        let environment = downloads.join(self.name);
        let (programs, stamp) = (environment.join("bin"), environment.join("installed.txt"));
        if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == self.requirements) {
            return Ok(programs);
        }
        eprintln!("installing wheels into {} …", environment.display());
        create(&environment)?;
        let requirements = environment.join("requirements.txt");
        write(&requirements, self.requirements)?;
        let mut install = Command::new(programs.join("pip"));
        install.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        install.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]);
        output_of(install.arg(requirements))?;
        write(&stamp, self.requirements)?;
        Ok(programs)
    }
}

/// Debian has the module for environments in a package of its own.
fn create(environment: &Path) -> Result<(), String> {
    let create = || {
        let mut create = Command::new("python3");
        output_of(create.args(["-m", "venv", "--clear"]).arg(environment))
    };
    if create().is_err() {
        debian_packages(&["python3", "python3-venv"])?;
        create()?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
