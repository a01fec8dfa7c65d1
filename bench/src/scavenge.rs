//! Scavenging: half of a store's events are removed while somebody reads and somebody writes. How
//! much of their speed is left to them meanwhile, and how much room is given back.
//!
//! All log files are compressed before, so that what is compared is the work of the scavenge, and
//! not reading from compressed files with reading from others.

use std::error::Error;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hitherto_store::{Append, EmbeddedStore, EventStore, FileStat, Query, Scavenged, Target};

use crate::hitherto::new_event;
use crate::measure::run_for;
use crate::place::Place;
use crate::random::Random;
use crate::sample::Samples;
use crate::settings::Settings;
use crate::table::grouped;

const STREAM_EVENTS: u64 = 10;
const EVENTS_A_COMMIT: u64 = 1000;

/// Loads and appends a second, at the same time.
#[derive(Debug, Clone, Copy)]
struct Speed {
    loads: f64,
    appends: f64,
}

/// What it gave.
#[derive(Debug)]
pub(crate) struct Report {
    events: u64,
    without: Speed,
    meanwhile: Speed,
    took: Duration,
    scavenged: u64,
    disk_before: u64,
    disk_after: u64,
}

pub(crate) fn run(settings: &Settings) -> Result<Report, Box<dyn Error>> {
    let place = Place::fresh(&settings.directory, "scavenge")?;
    let store = EmbeddedStore::open(place.path())?;
    let streams = (settings.events() / STREAM_EVENTS / 2).max(1);
    fill(&store, streams)?;
    store.compress()?;
    store.pause_scavenge()?;
    store.delete(Target::category("gone"))?;
    let load = Load { store: &store, streams, duration: settings.duration() };
    let compressed: Vec<_> = files(&store)?.filter(|file| file.is_compressed).collect();
    let disk_before = compressed.iter().map(|file| file.allocated_bytes).sum();
    let without = median(&(0..settings.rounds()).map(|_| load.measure()).collect::<Vec<_>>());
    store.resume_scavenge()?;
    let started = Instant::now();
    let (speeds, took, _) = load.measure_while(|| {
        // The one in the background is at work; this waits for it, and does what is left.
        let scavenged = store.scavenge();
        scavenged.map(|scavenged| (started.elapsed(), scavenged))
    })?;
    let removed = files(&store)?.map(|file| file.removed_events).sum();
    // What is appended meanwhile takes room too; only the files that were there are compared.
    let was_there = |file: &FileStat| {
        compressed.iter().any(|before| before.first_position == file.first_position)
    };
    let disk_after = files(&store)?.filter(was_there).map(|file| file.allocated_bytes).sum();
    Ok(Report {
        events: 2 * streams * STREAM_EVENTS,
        without,
        meanwhile: median(&speeds),
        took,
        scavenged: removed,
        disk_before,
        disk_after,
    })
}

fn files(store: &EmbeddedStore) -> Result<impl Iterator<Item = FileStat>, Box<dyn Error>> {
    Ok(store.stat()?.files.into_iter())
}

/// Streams to keep and streams to remove take turns, event by event.
fn fill(store: &EmbeddedStore, streams: u64) -> Result<(), Box<dyn Error>> {
    let mut samples = Samples::new();
    for _ in 0..STREAM_EVENTS {
        for first in (0..streams).step_by((EVENTS_A_COMMIT / 2) as usize) {
            let mut append = Append::default();
            for stream in first..(first + EVENTS_A_COMMIT / 2).min(streams) {
                for category in ["keep", "gone"] {
                    let to = Append::to(format!("{category}-{stream:08}"));
                    append = append.and(to.event(new_event(samples.make())));
                }
            }
            store.append(append)?;
        }
    }
    Ok(())
}

/// One who loads streams that stay, and one who appends.
struct Load<'a> {
    store: &'a EmbeddedStore,
    streams: u64,
    duration: Duration,
}

impl Load<'_> {
    fn measure(&self) -> Speed {
        let mut random = Random::seeded(7);
        let mut samples = Samples::new();
        let mut load = || {
            let stream = format!("keep-{:08}", random.below(self.streams));
            let events = self.store.read(Query::stream(stream)).flatten().count() as u64;
            assert_eq!(events, STREAM_EVENTS, "what is kept is there");
        };
        let mut append = || {
            let append = Append::to("new-1").event(new_event(samples.make()));
            self.store.append(append).expect("there is room");
        };
        std::thread::scope(|scope| {
            let loads = scope.spawn(|| run_for(self.duration, 1, vec![&mut load]).rate);
            let appends = run_for(self.duration, 1, vec![&mut append]).rate;
            Speed { loads: loads.join().expect("it can be read"), appends }
        })
    }

    /// Measures for as long as something else is done; only what is measured before it ends counts.
    fn measure_while(
        &self,
        work: impl FnOnce() -> hitherto_store::Result<(Duration, Scavenged)> + Send,
    ) -> Result<(Vec<Speed>, Duration, Scavenged), Box<dyn Error>> {
        let is_over = AtomicBool::new(false);
        let mut speeds = Vec::new();
        let done = std::thread::scope(|scope| {
            let working = scope.spawn(|| {
                let done = work();
                is_over.store(true, Ordering::Relaxed);
                done
            });
            while !is_over.load(Ordering::Relaxed) {
                let speed = self.measure();
                if !is_over.load(Ordering::Relaxed) || speeds.is_empty() {
                    speeds.push(speed);
                }
            }
            working.join().expect("it does not panic")
        })?;
        Ok((speeds, done.0, done.1))
    }
}

fn median(speeds: &[Speed]) -> Speed {
    let middle = |of: fn(&Speed) -> f64| {
        let mut rates: Vec<f64> = speeds.iter().map(of).collect();
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    Speed { loads: middle(|speed| speed.loads), appends: middle(|speed| speed.appends) }
}

impl Report {
    fn table(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        let Self { without, meanwhile, .. } = self;
        let events = grouped(self.events as f64);
        writeln!(text, "### Scavenging {events} events of which half may go\n")?;
        writeln!(text, "| | without | meanwhile | ratio |\n|---|---:|---:|---:|")?;
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        for (what, before, after) in [
            ("loads/s of a stream of 10, 1 reader", without.loads, meanwhile.loads),
            ("appends/s, 1 writer", without.appends, meanwhile.appends),
            ("files, MiB, before and after", mib(self.disk_before), mib(self.disk_after)),
        ] {
            let ratio = after / before;
            writeln!(text, "| {what} | {} | {} | {ratio:.2} |", grouped(before), grouped(after))?;
        }
        let (removed, took) = (grouped(self.scavenged as f64), self.took.as_secs_f64());
        writeln!(text, "\n{removed} events were removed in {took:.1} s.")?;
        Ok(text)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn half_of_the_events_are_removed_and_their_room_is_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let words = "bench scavenge --seconds 0.01 --rounds 1 --events 20k";
        let mut settings = Settings::parse_from(words.split(' '));
        settings.directory = directory.path().join("bench");
        let report = run(&settings).unwrap();
        assert!(report.scavenged >= 9_000, "{report:?}");
        assert!(report.disk_after < report.disk_before, "{report:?}");
        assert!(report.to_string().contains("| appends/s, 1 writer |"));
    }
}
