//! What the tests of failing system calls need besides Rust.

use std::process::Command;

use crate::shell::{run, works};

/// How it is seen that a program is there, and the Debian package that has it.
const PROGRAMS: [([&str; 2], &str); 2] =
    [(["strace", "-V"], "strace"), (["mkfs.btrfs", "--version"], "btrfs-progs")];

/// Installs what is missing where that can be done. Tests that miss it say so and run nothing.
pub(crate) fn prepare() {
    let is_there = |[program, probe]: [&str; 2]| works(Command::new(program).arg(probe));
    let missing = PROGRAMS.into_iter().filter(|(program, _)| !is_there(*program));
    let packages = missing.map(|(_, package)| package).collect::<Vec<_>>();
    if packages.is_empty() || !works(Command::new("apt-get").arg("--version")) {
        return;
    }
    // What is still missing afterwards shows.
    let _ = run(Command::new("apt-get").args(["--quiet", "update"]));
    let mut install = Command::new("apt-get");
    install.args(["--quiet", "--yes", "--no-install-recommends", "install"]).args(packages);
    let _ = run(install.env("DEBIAN_FRONTEND", "noninteractive"));
}
