//! The workloads W1 to W8, each beside other stores and beside what the machine can do at most;
//! and a store that grows.
//!
//! Never fails because something is slow: it measures, people judge. `cargo xtask bench` runs it.

mod appends;
mod filled;
mod hitherto;
mod limit;
mod machine;
mod measure;
mod memory;
mod peers;
mod place;
mod probe;
mod random;
mod report;
mod sample;
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
use std::process::ExitCode;

use clap::Parser;

use filled::Filled;
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
        return probe::run(what, &settings.directory, settings.probe_replays);
    }
    let before = machine::syncs_a_second(&settings.directory)?;
    let tables = measure_all(settings)?;
    let after = machine::syncs_a_second(&settings.directory)?;
    let text = report::write(settings, &machine::describe()?, [before, after], &tables);
    print!("{text}");
    if let Some(out) = &settings.out {
        std::fs::write(out, text)?;
    }
    Ok(())
}

fn measure_all(settings: &Settings) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut filled = Filled::new(settings);
    let mut tables = Vec::new();
    for workload in settings.workloads() {
        eprintln!("{workload:?} …");
        tables.extend(match workload {
            Workload::W1 => w1::run(settings)?,
            Workload::W2 => w2::run(settings)?,
            Workload::W3 => w3::run(settings)?,
            Workload::W4 => w4::run(settings, filled.open()?)?,
            Workload::W5 => w5::run(settings, filled.open()?)?,
            Workload::W6 => w6::run(settings)?,
            Workload::W7 => w7::run(settings, filled.closed()?)?,
            Workload::W8 => w8::run(settings)?,
            Workload::Growth => Vec::new(),
        });
    }
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_but_the_child_processes_of_w7_gives_a_table_with_each_contestant() {
        let directory = tempfile::tempdir().unwrap();
        let words = "bench W1 W2 W3 W4 W5 W6 W8 --seconds 0.01 --rounds 1 --events 2k";
        let mut settings = Settings::parse_from(words.split(' '));
        settings.directory = directory.path().join("bench");
        let tables = measure_all(&settings).unwrap();
        assert!(tables.len() >= 7);
        for table in &tables {
            let measured = table.rows.iter().filter_map(|row| row.measured.as_ref());
            assert!(measured.clone().count() > 0, "{table:?}");
            assert!(measured.into_iter().all(|measured| measured.rate > 0.0), "{table:?}");
        }
    }
}
