//! What to measure, how long, and where: the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use hitherto_store::Options;

use crate::peers::Choice;

/// How many of the largest log files are not compressed, if nothing else is said.
const RAW_FILES: u64 = 32;

/// Measures the workloads side by side with other stores and with the limits of the machine.
#[derive(Debug, Clone, Parser)]
pub(crate) struct Settings {
    /// What to measure; everything if nothing is named.
    #[arg(value_enum, ignore_case = true)]
    chosen: Vec<Workload>,
    /// Only these contestants, separated by commas; all if nothing is named.
    #[arg(long, value_enum, ignore_case = true, value_delimiter = ',')]
    only: Vec<Choice>,
    /// How long each contestant runs in each round, in seconds; by default 1.
    #[arg(long)]
    seconds: Option<f64>,
    /// How often all contestants run, in turns; the median counts. By default 5.
    #[arg(long)]
    rounds: Option<usize>,
    /// Events in the store that W4, W5 and W7 read, by default 1M, or that growth grows to, by
    /// default 10M. `k` and `M` at the end mean thousands and millions.
    #[arg(long, value_parser = events)]
    events: Option<u64>,
    /// One round of a fifth of a second and 100,000 events, where nothing else is said: to see that
    /// it works, not to compare.
    #[arg(long)]
    quick: bool,
    /// A Markdown file to write the report to.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Where the measured stores are kept meanwhile. Choose a real disk.
    #[arg(long, default_value = "target/bench")]
    pub(crate) directory: PathBuf,
    /// The largest log file of the store that grows, in MiB; raw ones are kept up to 32 times that.
    /// By default what the store does by itself: with 1, three million events are in as many log
    /// files as a hundred million are then.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=16_384))]
    pub(crate) log_file_mib: Option<u64>,
    /// Opens the filled store in `--directory`, says how that went, and ends.
    #[arg(long, hide = true)]
    pub(crate) probe: Option<Choice>,
    /// How many events the store of a probe has, if it should work instead of replaying it.
    #[arg(long, hide = true)]
    pub(crate) probe_events: Option<u64>,
    /// Fills the store in `--directory` on to the last of these sizes, and ends.
    #[arg(long, hide = true)]
    pub(crate) fill: Vec<u64>,
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
    /// Commands through the dispatcher and because of events, beside plain updates.
    #[value(name = "commands")]
    Commands,
    /// A read model in SQLite.
    #[cfg(feature = "peers")]
    P1,
    /// A read model in PostgreSQL.
    #[cfg(feature = "postgres")]
    P2,
    /// One store that grows, measured again and again.
    #[value(name = "growth")]
    Growth,
    /// Removing half of a store's events beside a reader and a writer.
    #[value(name = "scavenge")]
    Scavenge,
}

impl Settings {
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds())
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.seconds.unwrap_or(if self.quick { 0.2 } else { 1.0 })
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 }).max(1)
    }

    /// How often a store that grows is measured at each size: fewer times, as it has much to do.
    pub(crate) fn growth_rounds(&self) -> usize {
        self.rounds.map_or(self.rounds().min(3), |rounds| rounds.max(1))
    }

    /// Events in the store that W4, W5 and W7 read.
    pub(crate) fn events(&self) -> u64 {
        self.events.unwrap_or(if self.quick { 100_000 } else { 1_000_000 })
    }

    /// Events in the store that grows, at the end.
    pub(crate) fn grown_events(&self) -> u64 {
        self.events.unwrap_or(if self.quick { 100_000 } else { 10_000_000 })
    }

    pub(crate) fn workloads(&self) -> Vec<Workload> {
        match self.chosen.as_slice() {
            [] => Workload::value_variants().to_vec(),
            chosen => chosen.to_vec(),
        }
    }

    pub(crate) fn takes_part(&self, choice: Choice) -> bool {
        self.only.is_empty() || self.only.contains(&choice)
    }

    /// The contestants that append: a compressed store appends as any other.
    pub(crate) fn appending(&self) -> impl Iterator<Item = Choice> {
        self.reading().filter(|choice| *choice != Choice::Compressed)
    }

    /// The contestants that keep events.
    pub(crate) fn reading(&self) -> impl Iterator<Item = Choice> {
        Choice::stores().filter(|choice| self.takes_part(*choice))
    }

    /// The options of the store that grows.
    pub(crate) fn growth_options(&self) -> Options {
        let mut options = Options::default();
        if let Some(mib) = self.log_file_mib {
            options.log_file_bytes_max = mib << 20;
            options.raw_bytes_max = options.log_file_bytes_max * RAW_FILES;
        }
        options
    }

    /// The command that measures this again.
    pub(crate) fn command(&self) -> String {
        let mut words = vec!["cargo xtask bench".to_owned()];
        words.extend(self.chosen.iter().copied().map(Workload::word));
        if !self.only.is_empty() {
            let only = self.only.iter().map(|choice| choice.word()).collect::<Vec<_>>();
            words.push(format!("--only {}", only.join(",")));
        }
        words.push(format!("--seconds {} --rounds {}", self.seconds(), self.rounds()));
        words.extend(self.events.map(|events| format!("--events {events}")));
        words.extend(self.log_file_mib.map(|mib| format!("--log-file-mib {mib}")));
        words.join(" ")
    }
}

impl Workload {
    fn word(self) -> String {
        let value = self.to_possible_value().expect("every workload has a name");
        value.get_name().to_owned()
    }
}

fn events(text: &str) -> Result<u64, String> {
    let (number, times) = match text.strip_suffix(['M', 'm']) {
        Some(millions) => (millions, 1_000_000),
        None => text.strip_suffix('k').map_or((text, 1), |thousands| (thousands, 1000)),
    };
    let number = number.parse::<u64>().ok().filter(|number| *number > 0);
    let number = number.and_then(|number| number.checked_mul(times));
    number.ok_or_else(|| format!("{text:?} is no number of events: write 500k, 10M or 1000000"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_events_can_be_written_short() {
        assert_eq!(["7", "500k", "10M"].map(events), [Ok(7), Ok(500_000), Ok(10_000_000)]);
        assert!(["", "M", "0", "1G"].into_iter().all(|text| events(text).is_err()));
    }

    #[test]
    fn everything_is_measured_unless_something_is_named() {
        let workloads = |words: &[&str]| Settings::parse_from(words).workloads();
        let read_models =
            usize::from(cfg!(feature = "peers")) + usize::from(cfg!(feature = "postgres"));
        assert_eq!(workloads(&["bench"]).len(), 11 + read_models);
        assert_eq!(workloads(&["bench", "growth"]), [Workload::Growth]);
    }
}
