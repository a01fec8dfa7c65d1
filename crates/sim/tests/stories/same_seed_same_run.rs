//! A run follows from its seed alone: else a failure could not be shown again.

use hitherto_sim::{Plan, run};

#[test]
fn the_same_plan_does_the_same_and_another_seed_does_not() {
    let plan = |seed| Plan::of_crashes(seed, 5, 200, 60);
    let trace = |seed| run(plan(seed)).expect("no promise is broken");
    assert_eq!(trace(3), trace(3));
    assert_ne!(trace(3), trace(4));
    assert!(trace(3).acknowledged > 20);
}
