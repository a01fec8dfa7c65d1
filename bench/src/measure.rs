//! Runs something again and again in some threads for a while: how often, and how long each took.

use std::sync::Barrier;
use std::time::{Duration, Instant};

/// What one contestant did in one round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    /// Things done a second.
    pub(crate) rate: f64,
    /// The time that half of all calls stayed under.
    pub(crate) p50: Duration,
    /// The time that 99 of 100 calls stayed under.
    pub(crate) p99: Duration,
}

impl Measured {
    /// So many things in a time, in one go.
    pub(crate) fn at_once(things: u64, took: Duration) -> Self {
        Self { rate: things as f64 / took.as_secs_f64(), ..Self::default() }
    }

    fn of(latencies: &mut [Duration], things_a_call: u64, took: Duration) -> Self {
        let calls = latencies.len() as u64;
        let (p50, p99) = percentiles(latencies);
        Self { p50, p99, ..Self::at_once(calls * things_a_call, took) }
    }
}

/// The times that 50 and 99 of 100 stayed under.
pub(crate) fn percentiles(latencies: &mut [Duration]) -> (Duration, Duration) {
    latencies.sort_unstable();
    let at = |hundredths: usize| {
        latencies.get(latencies.len() * hundredths / 100).copied().unwrap_or_default()
    };
    (at(50), at(99))
}

/// Calls each worker in a thread of its own until the time is over. A call does `things_a_call`
/// things: they are what is counted.
pub(crate) fn run_for<W>(duration: Duration, things_a_call: u64, workers: Vec<W>) -> Measured
where
    W: FnMut() + Send,
{
    let start = Barrier::new(workers.len() + 1);
    std::thread::scope(|scope| {
        let work = |worker: W| scope.spawn(|| work_for(duration, worker, &start));
        let threads: Vec<_> = workers.into_iter().map(work).collect();
        start.wait();
        let started = Instant::now();
        let finished =
            threads.into_iter().flat_map(|thread| thread.join().expect("a worker failed"));
        let mut latencies = finished.collect::<Vec<_>>();
        Measured::of(&mut latencies, things_a_call, started.elapsed())
    })
}

fn work_for(duration: Duration, mut worker: impl FnMut(), start: &Barrier) -> Vec<Duration> {
    let mut latencies = Vec::with_capacity(1 << 16);
    start.wait();
    let started = Instant::now();
    let mut before = started;
    while before.duration_since(started) < duration || latencies.is_empty() {
        worker();
        let now = Instant::now();
        latencies.push(now - before);
        before = now;
    }
    latencies
}
