//! A process of its own that opens a filled store: how long until the first read, how much memory.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use hitherto_store::{EmbeddedStore, Query};

use crate::filled::stream_name;
use crate::hitherto;
use crate::settings::Probe;

/// What a probe found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) first_read_ms: f64,
    pub(crate) resident_mib: f64,
}

/// Runs a probe in a process of its own.
pub(crate) fn ask(what: &str, directory: &Path) -> Result<Found, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    let output = command.args(["--probe", what, "--directory"]).arg(directory).output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first_read_ms)), Some(Ok(resident_mib))) => {
            Ok(Found { first_read_ms, resident_mib })
        }
        _ => Err(format!("the probe failed: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// The probe itself: prints milliseconds until the first read, and mebibytes of memory after it.
pub(crate) fn run(what: Probe, directory: &Path) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    match what {
        Probe::Hitherto => {
            let store = EmbeddedStore::open(directory)?;
            hitherto::read(&store, Query::stream(stream_name(0)))?;
            print(started)?;
            black_box(store);
        }
        Probe::Sqlite => {
            #[cfg(feature = "peers")]
            {
                let reader = crate::sqlite::SqliteReader::open(directory)?;
                reader.read(crate::sqlite::Selection::Stream(&stream_name(0)))?;
                print(started)?;
                black_box(reader);
            }
        }
    }
    Ok(())
}

fn print(started: Instant) -> Result<(), Box<dyn Error>> {
    let took = started.elapsed();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()).unwrap_or("0");
    println!("{} {}", took.as_secs_f64() * 1000.0, kibibytes.parse::<f64>()? / 1024.0);
    Ok(())
}
