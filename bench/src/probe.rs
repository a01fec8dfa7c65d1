//! A process of its own that opens a filled store: how long until the first read, how much memory.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::filled::stream_name;
use crate::memory::Memory;
use crate::peers::{Choice, Selection};

/// What a probe found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) first_read_ms: f64,
    /// After opening and one read.
    pub(crate) opened: Memory,
    /// After a replay of everything too, if it was asked for.
    pub(crate) replayed: Memory,
}

/// Runs a probe in a process of its own.
pub(crate) fn ask(
    choice: Choice,
    directory: &Path,
    replays: bool,
) -> Result<Found, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--probe", &choice.word(), "--directory"]).arg(directory);
    if replays {
        command.arg("--probe-replays");
    }
    let output = command.output()?;
    let text = String::from_utf8(output.stdout)?;
    // What a store itself prints stands in the lines before.
    let numbers = text.lines().last().unwrap_or_default().split_whitespace().map(str::parse);
    match numbers.collect::<Result<Vec<f64>, _>>().as_deref() {
        Ok(&[first_read_ms, resident_mib, own_mib, replayed_resident, replayed_own]) => Ok(Found {
            first_read_ms,
            opened: Memory { resident_mib, own_mib },
            replayed: Memory { resident_mib: replayed_resident, own_mib: replayed_own },
        }),
        _ => Err(format!("the probe failed: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// The probe itself: prints milliseconds until the first read, and mebibytes of memory after it and
/// after a replay.
pub(crate) fn run(choice: Choice, directory: &Path, replays: bool) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let peer = choice.open(directory)?;
    let mut reader = peer.reader()?;
    reader.read(Selection::Stream(&stream_name(0)))?;
    let first_read_ms = started.elapsed().as_secs_f64() * 1000.0;
    let opened = Memory::now()?;
    if replays {
        reader.read(Selection::All)?;
    }
    let replayed = Memory::now()?;
    let [first, second] =
        [opened, replayed].map(|memory| format!("{} {}", memory.resident_mib, memory.own_mib));
    drop((reader, peer));
    println!("{first_read_ms} {first} {second}");
    Ok(())
}
