//! What to measure, how long, and where: the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures the workloads side by side with SQLite and with the limits of the machine.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Settings {
    /// What to measure; everything if nothing is named.
    #[arg(value_enum, ignore_case = true)]
    chosen: Vec<Workload>,
    /// How long each contestant runs in each round, in seconds.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// How often all contestants run, in turns; the median counts.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Events in the store that W4, W5 and W7 read.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) events: u64,
    /// A Markdown file to write the report to.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Where the measured stores are kept meanwhile. Choose a real disk.
    #[arg(long, default_value = "target/bench")]
    pub(crate) directory: PathBuf,
    /// Opens the filled store in `--directory`, says how that went, and ends (for W7).
    #[arg(long, hide = true)]
    pub(crate) probe: Option<Probe>,
}

/// One workload; see the report for what each does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum Workload {
    W1,
    W2,
    W3,
    W4,
    W5,
    W6,
    W7,
    W8,
}

/// Which store a probe opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Probe {
    Hitherto,
    Sqlite,
}

impl Settings {
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    pub(crate) fn workloads(&self) -> Vec<Workload> {
        match self.chosen.as_slice() {
            [] => Workload::value_variants().to_vec(),
            chosen => chosen.to_vec(),
        }
    }
}
