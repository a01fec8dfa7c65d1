//! `cargo xtask powerloss`: the power is cut under the real store on a real file system.
//!
//! The lab itself is `tests/power`; here is what it needs, and how it is started so that nothing of
//! it outlives this program: in namespaces of its own, whose processes, mounts and loop devices all
//! go with their first process, which ends when its standard input does.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::FEATURES;
use crate::check::Step;
use crate::shell::{Outcome, cargo, root, run, target_directory, works};

const STATES: &str = "1000";
/// Of a file system that is not the first: enough to see that nothing is broken there for good.
const STATES_OF_ANOTHER: &str = "84";
const PACKAGE: &str = "hitherto-power-test";
/// What is kept between runs is what was found.
const SCRATCH: &str = "powerloss";
const NAMESPACES: [&str; 4] = ["--mount", "--pid", "--fork", "--kill-child"];
/// Not on everybody's path.
const SYSTEM_DIRECTORIES: [&str; 2] = ["/usr/sbin", "/sbin"];

/// A program, and the Debian packages that have it: the second name is that of other releases.
type Program = (&'static str, [&'static str; 2]);

const PROGRAMS: [Program; 3] = [
    ("qemu-storage-daemon", ["qemu-system-common", "qemu-utils"]),
    ("mount", ["mount", "mount"]),
    ("unshare", ["util-linux", "util-linux"]),
];

/// File systems, the first of which is meant if nobody says which, and what makes each of them.
const FILE_SYSTEMS: [(&str, Program); 3] = [
    ("ext4", ("mkfs.ext4", ["e2fsprogs", "e2fsprogs"])),
    ("xfs", ("mkfs.xfs", ["xfsprogs", "xfsprogs"])),
    ("btrfs", ("mkfs.btrfs", ["btrfs-progs", "btrfs-progs"])),
];

/// What the test run looks at. [`prepare`] comes first.
pub(crate) const IN_THE_TEST_RUN: [(&str, Step); 2] = [
    ("ext4", ("power loss on ext4", || Wishes::from_words(&[])?.run())),
    (
        "xfs",
        ("power loss on xfs", || {
            Wishes::from_words(&[STATES_OF_ANOTHER, "--file-system", "xfs"])?.run()
        }),
    ),
];

/// As it is asked for.
pub(crate) fn on_demand(words: &[&str]) -> Outcome {
    let wishes = Wishes::from_words(words)?;
    let missing = |missing| format!("{missing}\nthe power-loss lab was NOT run");
    prepare(&wishes.file_system).map_err(missing)?;
    wishes.run()
}

/// Sees to what the lab needs; an error says what is missing, so that it cannot run here.
pub(crate) fn prepare(file_system: &str) -> Outcome {
    if works(Command::new("sh").args(["-c", "test \"$(id -u)\" != 0"])) {
        return Err("the power-loss lab mounts file systems: run it as root".to_owned());
    }
    for device in ["/dev/fuse", "/dev/loop-control"] {
        if !Path::new(device).exists() {
            return Err(format!("the power-loss lab needs {device}, which is not there"));
        }
    }
    let programs = programs(file_system);
    install_missing(&programs);
    let missing = programs.iter().filter(|(program, _)| !is_there(program));
    let missing = missing.map(|(program, [package, _])| format!("{program} (package {package})"));
    let missing = missing.collect::<Vec<_>>();
    if !missing.is_empty() {
        return Err(format!("the power-loss lab needs {}: install it", missing.join(", ")));
    }
    if !works(Command::new("unshare").args(NAMESPACES).arg("true")) {
        return Err("the power-loss lab needs the right to make namespaces and mounts".to_owned());
    }
    if !kernel_has(file_system) {
        return Err(format!("the power-loss lab needs {file_system}, which this kernel has not"));
    }
    Ok(())
}

fn programs(file_system: &str) -> Vec<Program> {
    let of_this = FILE_SYSTEMS.iter().filter(|(name, _)| *name == file_system);
    PROGRAMS.into_iter().chain(of_this.map(|(_, program)| *program)).collect()
}

/// Whether it can be mounted, perhaps by a module that is loaded now.
fn kernel_has(file_system: &str) -> bool {
    let is_known = || {
        let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
        known.split_whitespace().any(|word| word == file_system)
    };
    let load = || works(Command::new("modprobe").arg(file_system).env("PATH", search_path()));
    is_known() || (load() && is_known())
}

/// What is still missing afterwards shows.
fn install_missing(programs: &[Program]) {
    for choice in 0..2 {
        let missing = programs.iter().filter(|(program, _)| !is_there(program));
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
    file_system: String,
    states: String,
    seed: String,
    /// A recording that an earlier run kept.
    again: Option<String>,
}

impl Wishes {
    fn from_words(words: &[&str]) -> Result<Self, String> {
        let (states, options) = match words {
            [states, options @ ..] if !states.starts_with("--") => (*states, options),
            options => (STATES, options),
        };
        let mut wishes = Self {
            file_system: file_system(FILE_SYSTEMS[0].0)?,
            states: whole_number(states)?,
            seed: fresh_seed(),
            again: None,
        };
        for pair in options.chunks(2) {
            match *pair {
                ["--file-system", name] => wishes.file_system = file_system(name)?,
                ["--seed", seed] => wishes.seed = whole_number(seed)?,
                ["--again", directory] => wishes.again = Some(directory.to_owned()),
                _ => return Err(format!("powerloss does not know {:?}", pair.join(" "))),
            }
        }
        Ok(wishes)
    }

    fn run(&self) -> Outcome {
        // With the features of the tests, what they have built is not built again.
        run(cargo(["build", "--workspace"]).args(FEATURES).args(["--bin", PACKAGE]))?;
        let program = target_directory().join("debug").join(PACKAGE);
        let mut lab = Command::new("unshare");
        lab.args(NAMESPACES).arg(program);
        lab.arg(if self.again.is_some() { "again" } else { "lab" });
        lab.arg(target_directory().join(SCRATCH)).args([&self.states, &self.seed]);
        match &self.again {
            Some(directory) => lab.arg(root().join(directory)),
            None => lab.arg(&self.file_system),
        };
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

fn file_system(name: &str) -> Result<String, String> {
    let known = FILE_SYSTEMS.map(|(name, _)| name);
    if known.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(format!("powerloss knows {}, and not {name:?}", known.join(", ")))
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
        let words = ["20", "--seed", "7", "--file-system", "btrfs"];
        let wishes = Wishes::from_words(&words).unwrap();
        let (file_system, states, seed) = ("btrfs".into(), "20".into(), "7".into());
        assert_eq!(wishes, Wishes { file_system, states, seed, again: None });
        let wishes = Wishes::from_words(&[]).unwrap();
        assert_eq!((wishes.file_system.as_str(), wishes.states.as_str()), ("ext4", STATES));
        assert!(Wishes::from_words(&["--seed"]).is_err());
        assert!(Wishes::from_words(&["many"]).is_err());
        assert!(Wishes::from_words(&["--file-system", "fat"]).is_err());
    }
}
