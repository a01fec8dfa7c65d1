//! The workloads W1 to W8, each beside other stores and beside what the machine can do at most;
//! read models (P1, P2); and a store that grows.
//!
//! Never fails because something is slow: it measures, people judge. `cargo xtask bench` runs it.

mod appends;
mod commands;
#[cfg(any(feature = "peers", feature = "postgres"))]
mod deposits;
mod filled;
mod growth;
mod hitherto;
mod limit;
mod machine;
mod measure;
mod memory;
#[cfg(feature = "peers")]
mod p1;
#[cfg(feature = "postgres")]
mod p2;
mod peers;
mod place;
mod probe;
mod random;
mod reading_limit;
mod report;
mod sample;
mod scavenge;
mod settings;
mod table;
mod target;
mod w1;
mod w2;
mod w3;
mod w4;
mod w5;
mod w6;
mod w7;
mod w8;

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use clap::Parser;

use filled::Filled;
use growth::Growth;
use probe::Then;
use settings::{Settings, Workload};
use table::Table;

fn main() -> ExitCode {
    let settings = Settings::parse();
    match run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the benchmark stopped: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<(), Box<dyn Error>> {
    if let Some(what) = settings.probe {
        let work = settings.probe_events.map(|events| Then::Work { events });
        return probe::run(what, &settings.directory, work.unwrap_or(Then::Replay));
    }
    if !settings.fill.is_empty() {
        return growth::Filling::of(&settings.fill, settings).run(&settings.directory);
    }
    let before = machine::syncs_a_second(&settings.directory)?;
    eprintln!("the disk syncs {before:.0} times a second");
    let tables = measure_all(settings)?;
    let after = machine::syncs_a_second(&settings.directory)?;
    eprintln!("the disk syncs {after:.0} times a second");
    let text = report::write(settings, &machine::describe()?, [before, after], &tables);
    print!("{text}");
    if let Some(out) = &settings.out {
        std::fs::write(out, text)?;
    }
    Ok(())
}

/// What one workload gave, to be shown.
#[derive(Debug)]
enum Section {
    Tables(Vec<Table>),
    Growth(Growth),
    Scavenge(scavenge::Report),
}

impl Section {
    #[cfg(test)]
    fn tables(&self) -> &[Table] {
        match self {
            Self::Tables(tables) => tables,
            Self::Growth(_) | Self::Scavenge(_) => &[],
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tables(tables) => tables.iter().try_for_each(|table| write!(f, "\n{table}")),
            Self::Growth(growth) => write!(f, "\n{growth}"),
            Self::Scavenge(report) => write!(f, "\n{report}"),
        }
    }
}

fn measure_all(settings: &Settings) -> Result<Vec<Section>, Box<dyn Error>> {
    let mut filled = Filled::new(settings);
    let mut sections = Vec::new();
    for workload in settings.workloads() {
        eprintln!("{workload:?} …");
        sections.push(measure(workload, settings, &mut filled)?);
    }
    Ok(sections)
}

fn measure(
    workload: Workload,
    settings: &Settings,
    filled: &mut Filled<'_>,
) -> Result<Section, Box<dyn Error>> {
    Ok(Section::Tables(match workload {
        Workload::W1 => w1::run(settings)?,
        Workload::W2 => w2::run(settings)?,
        Workload::W3 => w3::run(settings)?,
        Workload::W4 => w4::run(settings, filled.open()?)?,
        Workload::W5 => w5::run(settings, filled.open()?)?,
        Workload::W6 => w6::run(settings)?,
        Workload::W7 => w7::run(settings, filled.closed()?)?,
        Workload::W8 => w8::run(settings)?,
        Workload::Scavenge => return Ok(Section::Scavenge(scavenge::run(settings)?)),
        Workload::Commands => commands::run(settings)?,
        #[cfg(feature = "peers")]
        Workload::P1 => p1::run(settings)?,
        #[cfg(feature = "postgres")]
        Workload::P2 => p2::run(settings)?,
        Workload::Growth => return Ok(Section::Growth(growth::run(settings)?)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "peers")]
    #[test]
    fn a_read_model_is_built_by_each_contestant() {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings::parse_from("bench P1 --rounds 1 --events 2k".split(' '));
        settings.directory = directory.path().join("bench");
        let sections = measure_all(&settings).unwrap();
        assert_eq!(sections[0].tables()[0].rows.len(), 3);
    }

    #[test]
    fn every_workload_but_the_child_processes_of_w7_gives_a_table_with_each_contestant() {
        let directory = tempfile::tempdir().unwrap();
        let words = "bench W1 W2 W3 W4 W5 W6 W8 commands --seconds 0.01 --rounds 1 --events 2k";
        let mut settings = Settings::parse_from(words.split(' '));
        settings.directory = directory.path().join("bench");
        let sections = measure_all(&settings).unwrap();
        assert_eq!(sections.len(), 8);
        for table in sections.iter().flat_map(Section::tables) {
            let measured = table.rows.iter().filter_map(|row| row.measured.as_ref());
            assert!(measured.clone().count() > 0, "{table:?}");
            assert!(measured.into_iter().all(|measured| measured.rate > 0.0), "{table:?}");
        }
    }
}
