//! What the tests of failing system calls need besides Rust.

use std::process::Command;

use crate::shell::{run, works};

/// Installs `strace` where that can be done. Tests that miss it say so and run nothing.
pub(crate) fn prepare() {
    let is_there = works(Command::new("strace").arg("-V"));
    if is_there || !works(Command::new("apt-get").arg("--version")) {
        return;
    }
    // What is still missing afterwards shows.
    let _ = run(Command::new("apt-get").args(["--quiet", "update"]));
    let mut install = Command::new("apt-get");
    install.args(["--quiet", "--yes", "--no-install-recommends", "install", "strace"]);
    let _ = run(install.env("DEBIAN_FRONTEND", "noninteractive"));
}
