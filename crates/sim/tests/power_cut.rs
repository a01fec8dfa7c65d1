//! The power goes at every moment: what was acknowledged is there, whole, and nothing else.

use hitherto_sim::{Plan, run};

#[test]
fn at_every_operation_of_a_small_run() {
    for operations_max in 1..120 {
        for seed in 0..12 {
            let plan = Plan { seed, crashes: 1, operations_max, appends_max: 30 };
            run(plan).unwrap_or_else(|failure| panic!("{failure:?}"));
        }
    }
}

#[test]
fn again_and_again_in_long_runs_also_while_it_recovers() {
    for seed in 1_000..1_400 {
        let plan = Plan { seed, crashes: 8, operations_max: 90, appends_max: 60 };
        run(plan).unwrap_or_else(|failure| panic!("{failure:?}"));
    }
}
