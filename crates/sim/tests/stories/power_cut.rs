//! The power goes at every moment: what was acknowledged is there, whole, and nothing else.

use crate::common::{open, work};
use hitherto_sim::{History, Plan, SimDisk, run};
use hitherto_store::{EventStore, Query};

#[test]
fn at_every_operation_of_a_small_run() {
    for operations_max in 1..120 {
        for seed in 0..12 {
            let plan = Plan::of_crashes(seed, 1, operations_max, 30);
            run(plan).unwrap_or_else(|failure| panic!("{failure:?}"));
        }
    }
}

#[test]
fn again_and_again_in_long_runs_also_while_it_recovers() {
    for seed in 1_000..1_400 {
        let plan = Plan::of_crashes(seed, 8, 90, 60);
        run(plan).unwrap_or_else(|failure| panic!("{failure:?}"));
    }
}

/// The disk and what its caller knows when the power goes at an operation; none if it did not.
fn cut_at(disk: SimDisk, history: &mut History, operation: u64) -> Option<SimDisk> {
    disk.cut_power_at(disk.operations() + operation);
    work(&disk, history, 6);
    disk.is_off().then_some(disk)
}

/// At each of its operations the power goes, and comes back with each of some damages.
fn every_crash_of(disk: &SimDisk, seeds: u64, mut then: impl FnMut(SimDisk, u64, u64)) {
    for operation in 1.. {
        let fresh = disk.after_kill();
        let mut history = History::default();
        let Some(cut) = cut_at(fresh, &mut history, operation) else { return };
        for seed in 0..seeds {
            let after = cut.after_power_cut(seed);
            let store = open(&after).map_err(|error| error.to_string());
            let found = store.and_then(|store| history.check(&store));
            found.unwrap_or_else(|what| panic!("operation {operation}, seed {seed}: {what}"));
            then(cut.after_power_cut(seed), operation, seed);
        }
    }
}

/// The crash, the crash while it recovers from it, and the crash while it recovers from that.
#[test]
fn at_every_operation_of_a_recovery_and_of_the_recovery_from_that() {
    let mut third = 0;
    every_crash_of(&SimDisk::new(), 2, |after, first, seed| {
        every_crash_of(&after, 1, |after, second, _| {
            let mut history = History::default();
            let operation = 1 + (first * 7 + second * 3 + seed) % 12;
            let cut = cut_at(after, &mut history, operation);
            let Some(cut) = cut else { return };
            third += 1;
            let what = format!("operations {first}, {second}, {operation}, seed {seed}");
            let store = open(&cut.after_power_cut(first ^ second));
            let store = store.unwrap_or_else(|error| panic!("{what}: {error}"));
            history.check(&store).unwrap_or_else(|error| panic!("{what}: {error}"));
            history.settle(&store).unwrap_or_else(|error| panic!("{what}: {error}"));
        });
    });
    assert!(third > 500, "{third}");
}

/// A process that is killed leaves its writes in the cache. The next one finds them there, and may
/// only serve them when they are on the disk.
#[test]
fn what_is_served_after_a_kill_survives_a_power_cut_right_after() {
    for operation in 1.. {
        let mut history = History::default();
        let Some(cut) = cut_at(SimDisk::new(), &mut history, operation) else { return };
        let restarted = cut.after_kill();
        let Ok(store) = open(&restarted) else { panic!("operation {operation}: it does not open") };
        let served: Vec<_> =
            store.read(Query::all()).map(|event| event.expect("it can be read")).collect();
        for seed in 0..8 {
            let after = open(&restarted.after_power_cut(seed)).expect("it opens");
            let found = history.check(&after).expect("what was acknowledged is there");
            assert_eq!(found, served, "operation {operation}, seed {seed}");
        }
    }
}
