//! A process of its own that opens a filled store: how long until the first read, how much memory.

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::filled::{STREAM_EVENTS, stream_name};
use crate::memory::Memory;
use crate::peers::{Answer, Choice, Peer, Selection, writer};
use crate::random::Random;

const LOADS: u64 = 10_000;
const APPENDS: u64 = 100;
const EVENTS_AN_APPEND: usize = 100;

/// What a probe found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) first_read_ms: f64,
    /// After opening and one read.
    pub(crate) opened: Memory,
    /// After what it did then.
    pub(crate) then: Memory,
}

/// What a probe does after the first read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Then {
    /// It reads everything.
    Replay,
    /// It loads streams and appends, in a store of so many events.
    Work { events: u64 },
}

/// Runs a probe in a process of its own.
pub(crate) fn ask(choice: Choice, directory: &Path, then: Then) -> Result<Found, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--probe", &choice.word(), "--directory"]).arg(directory);
    if let Then::Work { events } = then {
        command.args(["--probe-events", &events.to_string()]);
    }
    let output = command.output()?;
    let text = String::from_utf8(output.stdout)?;
    // What a store itself prints stands in the lines before.
    let numbers = text.lines().last().unwrap_or_default().split_whitespace().map(str::parse);
    match numbers.collect::<Result<Vec<f64>, _>>().as_deref() {
        Ok(&[first_read_ms, resident_mib, own_mib, then_resident_mib, then_own_mib]) => Ok(Found {
            first_read_ms,
            opened: Memory { resident_mib, own_mib },
            then: Memory { resident_mib: then_resident_mib, own_mib: then_own_mib },
        }),
        _ => Err(format!("the probe failed: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// The probe itself: prints milliseconds until the first read, and mebibytes of memory after it and
/// at the end.
pub(crate) fn run(choice: Choice, directory: &Path, then: Then) -> Answer<()> {
    let started = Instant::now();
    let peer = choice.open(directory)?;
    peer.reader()?.read(Selection::Stream(&stream_name(0)))?;
    let first_read_ms = started.elapsed().as_secs_f64() * 1000.0;
    let opened = Memory::now()?;
    match then {
        Then::Replay => drop(peer.reader()?.read(Selection::All)?),
        Then::Work { events } => work(&*peer, events)?,
    }
    let [opened, then] = [opened, Memory::now()?]
        .map(|memory| format!("{} {}", memory.resident_mib, memory.own_mib));
    drop(peer);
    println!("{first_read_ms} {opened} {then}");
    Ok(())
}

fn work(peer: &dyn Peer, events: u64) -> Answer<()> {
    let mut reader = peer.reader()?;
    let mut random = Random::seeded(3);
    for _ in 0..LOADS {
        let stream = stream_name(random.below(events / STREAM_EVENTS + 1));
        reader.read(Selection::Stream(&stream))?;
    }
    let stream = format!("probe-{}", std::process::id());
    let mut append = writer(peer, stream, EVENTS_AN_APPEND);
    (0..APPENDS).for_each(|_| append());
    Ok(())
}
