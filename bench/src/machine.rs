//! What was measured on: figures without their machine say little.

use std::error::Error;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::limit::ZeroedFile;
use crate::measure::run_for;
use crate::place::Place;

/// Cores, memory and compiler.
pub(crate) fn describe() -> Result<String, Box<dyn Error>> {
    let cores = std::thread::available_parallelism()?;
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    Ok(format!(
        "{cores} cores, {} GiB of memory, {}, Linux {}",
        memory_gib(),
        rustc.unwrap_or_else(|_| "an unknown rustc".to_owned()),
        std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
    ))
}

fn memory_gib() -> u64 {
    let information = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = information.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = total.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    (kibibytes.unwrap_or_default() + (1 << 19)) >> 20
}

/// How often the disk syncs 512 bytes that are written into a file full of zeros.
pub(crate) fn syncs_a_second(directory: &Path) -> Result<f64, Box<dyn Error>> {
    let place = Place::fresh(directory, "machine")?;
    let mut file = ZeroedFile::create(place.path(), 16 << 20)?;
    let write = || file.write(&[1; 512]).expect("the disk works");
    Ok(run_for(Duration::from_secs(1), 1, vec![write]).rate)
}

/// Bytes that this process has had read from a disk so far: what stood in the page cache does not
/// count.
pub(crate) fn bytes_read_from_disk() -> io::Result<u64> {
    let counters = std::fs::read_to_string("/proc/self/io")?;
    let bytes = counters.lines().find_map(|line| line.strip_prefix("read_bytes: "));
    bytes.and_then(|bytes| bytes.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Waits until this process has nothing more to do in the background, and says how long that was.
#[expect(clippy::disallowed_methods, reason = "that nothing happens for some time is waited for")]
pub(crate) fn wait_until_idle() -> io::Result<Duration> {
    const LOOK_INTERVAL: Duration = Duration::from_millis(300);
    let started = Instant::now();
    loop {
        let before = processor_ticks()?;
        std::thread::sleep(LOOK_INTERVAL);
        // One tick is ten milliseconds: whoever waits for something takes less.
        if processor_ticks()? - before <= 1 {
            return Ok(started.elapsed().saturating_sub(LOOK_INTERVAL));
        }
    }
}

/// What the threads of this process have had of the processor so far.
fn processor_ticks() -> io::Result<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the name of the program, which may have spaces, stand 11 other fields first.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    Ok(fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum())
}
