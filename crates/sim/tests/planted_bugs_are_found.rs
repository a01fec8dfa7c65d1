//! The test of the test: mistakes that stores are known to make are planted, and must be found.

use hitherto_sim::{Plan, SimClock, SimDisk, run};
use hitherto_store::planted::{PlantedBug, plant};
use hitherto_store::{Append, Disk, EmbeddedStore, EventStore, NewEvent, Options, Query};

/// How many of the plans find it.
fn found_by_power_cuts(bug: Option<PlantedBug>) -> usize {
    plant(bug);
    let plans = (0..200).map(|seed| Plan::of_crashes(seed, 4, 60, 60));
    let found = plans.filter(|plan| run(*plan).is_err()).count();
    plant(None);
    found
}

#[test]
fn without_a_planted_bug_nothing_is_found() {
    assert_eq!(found_by_power_cuts(None), 0);
}

#[test]
fn acknowledging_before_the_sync_is_found() {
    assert!(found_by_power_cuts(Some(PlantedBug::AcknowledgeBeforeSync)) > 50);
}

#[test]
fn not_syncing_the_directory_is_found() {
    assert!(found_by_power_cuts(Some(PlantedBug::SkipDirectorySync)) > 10);
}

#[test]
fn naming_a_rewritten_file_before_it_is_synced_is_found() {
    assert!(found_by_power_cuts(Some(PlantedBug::NameBeforeSync)) > 5);
}

#[test]
fn removing_what_is_on_hold_is_found() {
    plant(Some(PlantedBug::IgnoreHolds));
    let plans = (0..40).map(|seed| Plan::of_crashes(seed, 2, 3_000, 150));
    let found = plans.filter(|plan| run(*plan).is_err()).count();
    plant(None);
    assert!(found > 10, "it was found in {found} runs of 40");
}

/// How many events are there after acknowledged data was damaged; none if the store refuses to
/// open.
fn events_after_damage() -> Option<usize> {
    let disk = SimDisk::new();
    let mut options = Options::default();
    options.background = false;
    let open =
        |disk: &SimDisk| EmbeddedStore::on(disk.clone(), SimClock::default(), options.clone()).ok();
    let store = open(&disk).expect("a new store");
    for _ in 0..10 {
        store.append(Append::to("a-1").event(NewEvent::json("Happened", "{}"))).expect("it fits");
    }
    drop(store);
    assert!(disk.list().expect("it can be listed").contains(&"000000000001.log".to_owned()));
    disk.flip("000000000001.log", 4096 + 600, 3);
    open(&disk).map(|store| store.read(Query::all()).count())
}

#[test]
fn cutting_at_damage_is_found() {
    assert_eq!(events_after_damage(), None, "a sound store refuses to open");
    plant(Some(PlantedBug::TruncateAtDamage));
    let left = events_after_damage().expect("the bug lets it open");
    plant(None);
    assert!(left < 10, "the bug lost acknowledged events, {left} are left");
}

#[test]
fn a_disk_that_lies_about_syncs_is_noticed_or_loses_whole_commits_from_the_end() {
    let disk = SimDisk::new();
    let mut options = Options::default();
    options.background = false;
    options.log_file_bytes_min = 8 << 10;
    let open =
        |disk: &SimDisk| EmbeddedStore::on(disk.clone(), SimClock::default(), options.clone());
    let store = open(&disk).expect("a new store");
    let append = || Append::to("a-1").event(NewEvent::json("Happened", "x".repeat(300)));
    (0..10).for_each(|_| drop(store.append(append())));
    disk.lie_about_flushes();
    (0..50).for_each(|_| drop(store.append(append())));
    drop(store);
    for seed in 0..200 {
        let Ok(store) = open(&disk.after_power_cut(seed)) else { continue };
        let events: Vec<_> = store.read(Query::all()).map(|event| event.expect("whole")).collect();
        assert!(events.len() >= 10, "what was synced before is there");
        let versions = events.iter().map(hitherto_store::Recorded::version);
        assert!(versions.eq(1..=events.len() as u64), "and there is no gap");
    }
}
