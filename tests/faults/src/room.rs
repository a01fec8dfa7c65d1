//! A small file system in a mount namespace of its own: it goes with the process that holds it,
//! whatever happens to the test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::program::succeeds;

/// A small file system.
pub struct Room {
    holder: Child,
    path: PathBuf,
}

impl Room {
    /// So many KiB in memory; none where that may not be mounted.
    pub fn in_memory(mount_point: &Path, kib: u64) -> Option<Self> {
        Self::mount(mount_point, &format!("mount -t tmpfs -o size={kib}k tmpfs \"$0\""))
    }

    /// The ext4 in this file, which is made if it is not there; none where that may not be
    /// mounted.
    pub fn ext4(mount_point: &Path, image: &Path, kib: u64) -> Option<Self> {
        let image = image.display();
        let make = format!("[ -e {image} ] || mkfs.ext4 -q -m 0 {image} {kib}k >&2");
        let mount = format!("mount -o loop,errors=remount-ro {image} \"$0\"");
        Self::mount(mount_point, &format!("({make}) && {mount}"))
    }

    /// A Btrfs of so many KiB, 48 MiB at least, in this new file; none where that may not be
    /// mounted.
    pub fn btrfs(mount_point: &Path, image: &Path, kib: u64) -> Option<Self> {
        let image = image.display();
        let make = format!("truncate -s {kib}K {image} && mkfs.btrfs -q -m single {image} >&2");
        Self::mount(mount_point, &format!("({make}) && mount -o loop {image} \"$0\""))
    }

    fn mount(mount_point: &Path, mount: &str) -> Option<Self> {
        let mut command = Command::new("unshare");
        if !succeeds(&["sh", "-c", "[ $(id -u) = 0 ]"]) {
            command.arg("--map-root-user");
        }
        // It holds the namespace until its input is closed.
        let script = format!("{mount} && chmod 777 \"$0\" && echo mounted && read -r _");
        command.args(["--mount", "sh", "-c", &script]).arg(mount_point);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut holder = command.spawn().ok()?;
        let mut said = String::new();
        BufReader::new(holder.stdout.take()?).read_line(&mut said).ok()?;
        let namespace = PathBuf::from(format!("/proc/{}/root", holder.id()));
        let path = namespace.join(mount_point.strip_prefix("/").ok()?);
        let room = Self { holder, path };
        (said == "mounted\n").then_some(room)
    }

    /// Where it can be reached from outside of its namespace.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
