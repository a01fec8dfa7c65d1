//! The program that offers a disk whose writes and flushes are logged in order
//! (`qemu-storage-daemon`).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The disk behind the log: a file of this name in the daemon's directory.
pub(crate) const DISK: &str = "disk.img";
/// What is written to the disk, in order.
pub(crate) const LOG: &str = "log.img";
/// The disk as everybody sees it.
pub(crate) const EXPORT: &str = "export.img";

/// A running daemon.
pub(crate) struct Daemon {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Daemon {
    /// Starts it in a directory that has all three files, and waits until it offers the disk.
    pub(crate) fn start(directory: &Path) -> Result<Self, String> {
        let mut command = Command::new("qemu-storage-daemon");
        command.current_dir(directory).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.args(arguments());
        let failed = |error| format!("qemu-storage-daemon cannot be started: {error}");
        let mut child = command.spawn().map_err(failed)?;
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut daemon = Self { child, commands, answers };
        // It greets when all that stands before the monitor among its arguments is done.
        if daemon.answer()?.is_empty() {
            return Err("qemu-storage-daemon ended at once: see its message above".to_owned());
        }
        Ok(daemon)
    }

    /// Ends it; the log is whole then.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        let mut commands = self.commands.take().expect("only this takes it");
        let quit = br#"{"execute":"qmp_capabilities"} {"execute":"quit"}"#;
        let failed = |error| format!("qemu-storage-daemon does not listen: {error}");
        commands.write_all(quit).and_then(|()| commands.flush()).map_err(failed)?;
        while !self.answer()?.is_empty() {}
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("qemu-storage-daemon failed: {status}")) }
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|error| error.to_string())?;
        Ok(line)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.commands.is_some() {
            // An error is being reported already.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Names instead of paths, because a path may have a comma.
fn arguments() -> Vec<String> {
    let file = |name, node| format!("driver=file,node-name={node},filename={name}");
    let logged = "driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size=512";
    let export = format!("type=fuse,id=export,node-name=logged,mountpoint={EXPORT},writable=on");
    let options = [
        ["--blockdev", &file(DISK, "disk")],
        ["--blockdev", &file(LOG, "log")],
        ["--blockdev", logged],
        ["--export", &export],
        ["--chardev", "stdio,id=monitor"],
        ["--monitor", "chardev=monitor"],
    ];
    options.as_flattened().iter().map(ToString::to_string).collect()
}
