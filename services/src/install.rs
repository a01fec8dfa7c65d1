//! Runs the programs that install others, and says what they said if they fail.

use std::process::Command;
use std::sync::Mutex;

/// One at a time: `apt-get` has one lock for all.
static INSTALLING: Mutex<()> = Mutex::new(());

/// The output of a program that must succeed.
pub(crate) fn output_of(command: &mut Command) -> Result<String, String> {
    let output = command.output();
    let output = output.map_err(|error| format!("{command:?} could not be started: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?} failed ({}): {}", output.status, said.trim()))
}

/// Whether this runs as the user who may do everything.
pub(crate) fn is_root() -> bool {
    output_of(Command::new("id").arg("-u")).is_ok_and(|id| id == "0")
}

/// Installs packages of Debian and its relatives.
pub(crate) fn debian_packages(packages: &[&str]) -> Result<(), String> {
    let names = packages.join(" ");
    if !is_root() {
        return Err(format!("{names} is not installed: `sudo apt-get install {names}`"));
    }
    let _one_at_a_time = INSTALLING.lock();
    eprintln!("installing {names} …");
    output_of(Command::new("apt-get").args(["--quiet", "update"]))?;
    let mut install = Command::new("apt-get");
    install.args(["--quiet", "--yes", "--no-install-recommends", "install"]).args(packages);
    // The tests start servers of their own: the packages shall start none (runlevel 1 has none).
    install.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    output_of(&mut install).map(drop)
}
