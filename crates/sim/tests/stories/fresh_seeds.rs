//! A few seconds of runs that nobody has seen before, at every test run. A failure prints its plan,
//! which then becomes a test of its own.

use std::time::{Duration, Instant};

use hitherto_sim::{fresh_plan, run};

const TIME: Duration = Duration::from_secs(8);

#[test]
fn seeds_of_today_break_no_promise() {
    let id = hitherto_store::EventId::new();
    let start = u64::from_le_bytes(id.as_bytes()[8..].try_into().expect("eight bytes"));
    let started = Instant::now();
    let mut runs = 0;
    while started.elapsed() < TIME {
        let seed = start.wrapping_add(runs);
        run(fresh_plan(seed)).unwrap_or_else(|failure| panic!("{failure:?}"));
        runs += 1;
    }
    println!("{runs} runs from seed {start}");
    assert!(runs > 0);
}
