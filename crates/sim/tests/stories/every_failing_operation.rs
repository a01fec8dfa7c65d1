//! Each operation of the disk fails, once or from then on: nothing that was acknowledged is lost,
//! and what is unknown is there whole or not at all.

use crate::common::{open, work};
use hitherto_sim::Operation::{Names, Read, Sync, Write};
use hitherto_sim::{History, Operation, Plan, SimDisk, run};
use hitherto_store::{EventStore, Query};

/// Fails each operation of a kind in turn until a run ends without having met it.
fn each_fails(operation: Operation, is_lasting: bool, restart: impl Fn(&SimDisk, u64) -> SimDisk) {
    for number in 1.. {
        let (disk, mut history) = (SimDisk::new(), History::default());
        if is_lasting {
            disk.fail_from(operation, number);
        } else {
            disk.fail_once(operation, number);
        }
        work(&disk, &mut history, 12);
        if !disk.has_failed() {
            work(&disk, &mut history, 3); // a store that is there already is opened otherwise
        }
        if !disk.has_failed() {
            assert!(number > 4, "{operation:?} was met {number} times only");
            return;
        }
        for seed in 0..4 {
            let what = format!("{operation:?} {number}, lasting: {is_lasting}, seed {seed}");
            let store = open(&restart(&disk, seed));
            let store = store.unwrap_or_else(|error| panic!("{what}: {error}"));
            history.check(&store).unwrap_or_else(|error| panic!("{what}: {error}"));
        }
        let store = open(&restart(&disk, number)).expect("it opened above");
        history.settle(&store).unwrap_or_else(|error| panic!("{operation:?} {number}: {error}"));
        assert!(store.read(Query::all()).all(|event| event.is_ok()));
    }
}

#[test]
fn before_a_power_cut() {
    for operation in [Read, Write, Sync, Names] {
        for is_lasting in [false, true] {
            each_fails(operation, is_lasting, SimDisk::after_power_cut);
        }
    }
}

#[test]
fn before_a_restart_of_the_process() {
    for operation in [Read, Write, Names] {
        for is_lasting in [false, true] {
            each_fails(operation, is_lasting, |disk, _| disk.after_kill());
        }
    }
}

/// The kernel tells a failed sync once and takes the pages for clean from then on. A process that
/// opens the store again reads them from the cache, and syncs them again with success, though they
/// are not on the disk.
#[test]
fn a_failed_sync_is_not_healed_by_another_one() {
    for is_lasting in [false, true] {
        each_fails(Sync, is_lasting, |disk, seed| {
            let restarted = disk.after_kill();
            drop(open(&restarted));
            restarted.after_power_cut(seed)
        });
    }
}

#[test]
fn what_is_served_after_a_failed_sync_is_there_after_a_power_cut() {
    for seed in 0..200 {
        let plan = Plan { faults: &[Sync], ..Plan::of_crashes(seed, 6, 100_000, 60) };
        run(plan).unwrap_or_else(|failure| panic!("{failure:?}"));
    }
}

#[test]
fn at_random_together_with_power_cuts() {
    let plan = |seed| Plan::of_crashes(seed, 6, [150, 100_000][seed as usize % 2], 80);
    for seed in 0..100 {
        let plan = plan(seed);
        let cut = Plan { faults: &[Read, Write, Sync, Names], has_kills: false, ..plan };
        let killed = Plan { faults: &[Read, Write, Names], ..plan };
        let small = Plan { is_small: true, ..plan };
        for plan in [cut, killed, small] {
            run(plan).unwrap_or_else(|failure| panic!("{failure:?}"));
        }
    }
}
