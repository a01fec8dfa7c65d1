//! The power goes while a store is repaired, at every operation: what is there then is no store, or
//! the whole new one; and the repair can be done again.

use std::sync::Arc;

use crate::common::{append, open};
use hitherto_sim::{SimClock, SimDisk, small_files};
use hitherto_store::{
    Disk, EmbeddedStore, EventStore, Query, Recorded, Result, Salvage, repair_disk, verify_disk,
};

/// A store of some files, one of which has lost a commit by damage.
fn damaged_store() -> SimDisk {
    let disk = SimDisk::new();
    let store = open(&disk).expect("a new store");
    for number in 0..24 {
        store.append(append(number)).expect("it is sound");
    }
    store.close().expect("it closes");
    let names = disk.list().expect("it can be listed");
    let log = names.into_iter().find(|name| name.ends_with("log")).expect("there is one");
    // Where an event stands depends on whether the file is compressed; so it is tried out.
    for offset in (600..60_000).step_by(200) {
        disk.flip(&log, offset, 3);
        if repaired(&disk, &SimDisk::new()).is_ok_and(|salvage| !salvage.losses.is_empty()) {
            return disk;
        }
        disk.flip(&log, offset, 3);
    }
    panic!("no place in {log} has an event");
}

fn repaired(from: &SimDisk, to: &SimDisk) -> Result<Salvage> {
    repair_disk(Arc::new(from.clone()), Arc::new(to.clone()))
}

fn events(disk: &SimDisk) -> Option<Vec<Recorded>> {
    let store = EmbeddedStore::read_only_on(disk.clone(), SimClock::default(), small_files());
    store.ok()?.read(Query::all()).collect::<Result<_>>().ok()
}

#[test]
fn at_every_operation_it_leaves_no_store_or_the_whole_one() {
    let damaged = damaged_store();
    let whole = SimDisk::new();
    let salvage = repaired(&damaged, &whole).expect("it can be repaired");
    assert_eq!(salvage.losses.len(), 1, "{salvage:?}");
    let expected = events(&whole).expect("it is sound");
    let (mut none, mut some) = (0, 0);
    for operation in 1.. {
        let target = SimDisk::new();
        target.cut_power_at(operation);
        let done = repaired(&damaged, &target);
        if !target.is_off() {
            assert_eq!(done.expect("nothing failed"), salvage);
            break;
        }
        for seed in 0..4 {
            let after = target.after_power_cut(seed);
            let names = after.list().expect("it can be listed");
            if names.iter().any(|name| name == "format") {
                let found = events(&after);
                assert_eq!(found.as_ref(), Some(&expected), "operation {operation}, seed {seed}");
                let report = verify_disk(Arc::new(after)).expect("it can be read");
                assert_eq!(report.damages, [], "operation {operation}, seed {seed}");
                some += 1;
            } else {
                assert_eq!(events(&after), None, "operation {operation}: it is no store");
                none += 1;
            }
            assert_eq!(repaired(&damaged, &SimDisk::new()).expect("it works again"), salvage);
        }
    }
    assert!(none > 10 && some > 0, "{none} {some}");
}
