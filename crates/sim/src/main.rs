//! Runs plans for as long as asked, from a seed or from a fresh one: `hitherto-sim [SEED]
//! [SECONDS]`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use hitherto_sim::{fresh_plan, run};
use hitherto_store::EventId;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (Ok(seed), Ok(seconds)) =
        (arguments.next().unwrap_or_else(|| Ok(fresh_seed())), arguments.next().unwrap_or(Ok(60)))
    else {
        eprintln!("usage: hitherto-sim [SEED] [SECONDS], two whole numbers");
        return ExitCode::from(2);
    };
    play(seed, Duration::from_secs(seconds))
}

fn fresh_seed() -> u64 {
    let id = EventId::new();
    u64::from_le_bytes(id.as_bytes()[8..].try_into().expect("eight bytes"))
}

fn play(first_seed: u64, limit: Duration) -> ExitCode {
    let started = Instant::now();
    let (mut runs, mut crashes) = (0, 0);
    println!("from seed {first_seed}");
    while started.elapsed() < limit {
        let seed = first_seed.wrapping_add(runs);
        match run(fresh_plan(seed)) {
            Ok(trace) => crashes += u64::from(trace.crashes),
            Err(failure) => {
                println!("a promise was broken: {}\n{:?}", failure.what, failure.plan);
                return ExitCode::FAILURE;
            }
        }
        runs += 1;
    }
    println!("{runs} runs with {crashes} crashes, no promise broken");
    ExitCode::SUCCESS
}
