//! `cargo xtask powerloss`: the power is cut under the real store on a real file system.
//!
//! The lab itself is `tests/power`; here is what it needs, and how it is started so that nothing of
//! it outlives this program: in namespaces of its own, whose processes, mounts and loop devices all
//! go with their first process, which ends when its standard input does.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell::{Outcome, cargo, root, run, target_directory, works};

const STATES: &str = "1000";
const PACKAGE: &str = "hitherto-power-test";
/// What is kept between runs is what was found.
const SCRATCH: &str = "powerloss";
const NAMESPACES: [&str; 4] = ["--mount", "--pid", "--fork", "--kill-child"];
/// Not on everybody's path.
const SYSTEM_DIRECTORIES: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Programs, and the Debian packages that have them: the second name is that of other releases.
const PROGRAMS: [(&str, [&str; 2]); 4] = [
    ("qemu-storage-daemon", ["qemu-system-common", "qemu-utils"]),
    ("mkfs.ext4", ["e2fsprogs", "e2fsprogs"]),
    ("mount", ["mount", "mount"]),
    ("unshare", ["util-linux", "util-linux"]),
];

/// As it is asked for.
pub(crate) fn on_demand(words: &[&str]) -> Outcome {
    let wishes = Wishes::from_words(words)?;
    prepare().map_err(|missing| format!("{missing}\nthe power-loss lab was NOT run"))?;
    wishes.run()
}

/// As a part of all tests. [`prepare`] comes first.
pub(crate) fn in_the_test_run() -> Outcome {
    Wishes::from_words(&[])?.run()
}

/// Sees to what the lab needs; an error says what is missing, so that it cannot run here.
pub(crate) fn prepare() -> Outcome {
    if works(Command::new("sh").args(["-c", "test \"$(id -u)\" != 0"])) {
        return Err("the power-loss lab mounts file systems: run it as root".to_owned());
    }
    for device in ["/dev/fuse", "/dev/loop-control"] {
        if !Path::new(device).exists() {
            return Err(format!("the power-loss lab needs {device}, which is not there"));
        }
    }
    install_missing();
    let missing = PROGRAMS.iter().filter(|(program, _)| !is_there(program));
    let missing = missing.map(|(program, [package, _])| format!("{program} (package {package})"));
    let missing = missing.collect::<Vec<_>>();
    if !missing.is_empty() {
        return Err(format!("the power-loss lab needs {}: install it", missing.join(", ")));
    }
    if !works(Command::new("unshare").args(NAMESPACES).arg("true")) {
        return Err("the power-loss lab needs the right to make namespaces and mounts".to_owned());
    }
    Ok(())
}

/// What is still missing afterwards shows.
fn install_missing() {
    for choice in 0..2 {
        let missing = PROGRAMS.iter().filter(|(program, _)| !is_there(program));
        let packages = missing.map(|(_, packages)| packages[choice]).collect::<Vec<_>>();
        if packages.is_empty() || !is_there("apt-get") {
            return;
        }
        let _ = run(Command::new("apt-get").args(["--quiet", "update"]));
        let mut install = Command::new("apt-get");
        install.args(["--quiet", "--yes", "--no-install-recommends", "install"]).args(packages);
        let _ = run(install.env("DEBIAN_FRONTEND", "noninteractive"));
    }
}

fn is_there(program: &str) -> bool {
    std::env::split_paths(&search_path()).any(|directory| directory.join(program).is_file())
}

fn search_path() -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(SYSTEM_DIRECTORIES.map(PathBuf::from));
    std::env::join_paths(directories).unwrap_or(path)
}

/// What is looked at.
#[derive(Debug, PartialEq, Eq)]
struct Wishes {
    states: String,
    seed: String,
    /// A recording that an earlier run kept.
    again: Option<String>,
}

impl Wishes {
    fn from_words(words: &[&str]) -> Result<Self, String> {
        let mut wishes = Self { states: STATES.to_owned(), seed: fresh_seed(), again: None };
        for pair in words.chunks(2) {
            match *pair {
                ["--states", states] => wishes.states = whole_number(states)?,
                ["--seed", seed] => wishes.seed = whole_number(seed)?,
                ["--again", directory] => wishes.again = Some(directory.to_owned()),
                _ => return Err(format!("powerloss does not know {:?}", pair.join(" "))),
            }
        }
        Ok(wishes)
    }

    fn run(&self) -> Outcome {
        run(cargo(["build", "--package", PACKAGE]))?;
        let program = target_directory().join("debug").join(PACKAGE);
        let mut lab = Command::new("unshare");
        lab.args(NAMESPACES).arg(program);
        lab.arg(if self.again.is_some() { "again" } else { "lab" });
        lab.arg(target_directory().join(SCRATCH)).args([&self.states, &self.seed]);
        lab.args(self.again.as_ref().map(|directory| root().join(directory)));
        run_while_this_lives(lab.env("PATH", search_path()))
    }
}

/// The lab's standard input ends when this program does, however it does.
fn run_while_this_lives(command: &mut Command) -> Outcome {
    let failed = |error| format!("the power-loss lab could not be started: {error}");
    let mut child = command.stdin(Stdio::piped()).spawn().map_err(failed)?;
    let held = child.stdin.take();
    let status = child.wait().map_err(failed)?;
    drop(held);
    if status.success() { Ok(()) } else { Err("the power-loss lab failed: see above".to_owned()) }
}

fn whole_number(text: &str) -> Result<String, String> {
    match text.parse::<u64>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("{text:?} is not a whole number")),
    }
}

fn fresh_seed() -> String {
    // Each of these begins with keys of its own.
    RandomState::new().build_hasher().finish().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_understood_and_the_rest_is_refused() {
        let wishes = Wishes::from_words(&["--seed", "7", "--states", "20"]).unwrap();
        assert_eq!(wishes, Wishes { states: "20".into(), seed: "7".into(), again: None });
        assert!(Wishes::from_words(&["--seed"]).is_err());
        assert!(Wishes::from_words(&["--states", "many"]).is_err());
    }
}
