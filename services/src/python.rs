//! Programs that come as Python wheels, in an environment of their own, with pinned hashes.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::{debian_packages, output_of};

const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// The directory of the programs; they are installed if they are not, or are other ones.
pub(crate) fn programs(downloads: &Path) -> Result<PathBuf, String> {
    let environment = downloads.join("python");
    let (programs, stamp) = (environment.join("bin"), environment.join("installed.txt"));
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(programs);
    }
    eprintln!("installing what services/requirements.txt names …");
    create(&environment)?;
    let requirements = environment.join("requirements.txt");
    write(&requirements, REQUIREMENTS)?;
    let mut install = Command::new(programs.join("pip"));
    install.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    install.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]);
    output_of(install.arg(requirements))?;
    write(&stamp, REQUIREMENTS)?;
    Ok(programs)
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
