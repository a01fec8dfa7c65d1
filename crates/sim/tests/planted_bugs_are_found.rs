//! The test of the test: mistakes that stores are known to make are planted, and must be found.

use hitherto_sim::{Plan, SimClock, SimDisk, run};
use hitherto_store::planted::{PlantedBug, plant};
use hitherto_store::{
    Append, Disk, EmbeddedStore, EventStore, NewEvent, Options, Query, Recorded, Result,
};

/// How many of the plans find it.
fn found_by_power_cuts(bug: Option<PlantedBug>) -> usize {
    found_by(bug, (0..200).map(|seed| Plan::of_crashes(seed, 4, 60, 60)))
}

fn found_by(bug: Option<PlantedBug>, plans: impl Iterator<Item = Plan>) -> usize {
    plant(bug);
    let found = plans.filter(|plan| run(*plan).is_err()).count();
    plant(None);
    println!("{bug:?} was found by {found} plans");
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
fn forgetting_a_file_before_its_place_in_the_archive_is_noted_is_found() {
    // It takes a while until there is something to move.
    let plans = (0..200).map(|seed| Plan::of_crashes(seed, 8, 330, 90));
    assert!(found_by(Some(PlantedBug::ForgetBeforeNoting), plans) > 5);
}

#[test]
fn naming_a_backup_before_it_is_synced_is_found() {
    assert!(found_by_power_cuts(Some(PlantedBug::NameBackupBeforeSync)) > 5);
}

#[test]
fn taking_what_one_read_brings_for_all_there_is_is_found() {
    assert!(found_by_power_cuts(Some(PlantedBug::BelieveShortReads)) > 100);
}

#[test]
fn letting_followers_see_what_is_not_synced_is_found() {
    assert!(found_by_power_cuts(Some(PlantedBug::PublishBeforeSync)) > 10);
}

#[test]
fn not_waking_a_follower_is_found() {
    assert!(found_by_power_cuts(Some(PlantedBug::WakeNobody)) > 100);
}

#[test]
fn returning_what_has_rotted_is_found() {
    assert!(found_by_power_cuts(Some(PlantedBug::BelieveChecksums)) > 5);
}

#[test]
fn removing_what_is_on_hold_is_found() {
    let plans = (0..40).map(|seed| Plan::of_crashes(seed, 2, 3_000, 150));
    let found = found_by(Some(PlantedBug::IgnoreHolds), plans);
    assert!(found > 10, "it was found in {found} runs of 40");
}

#[test]
fn taking_a_dictionary_that_was_there_before_is_found() {
    let plan = |seed| Plan { has_dictionaries: true, ..Plan::of_crashes(seed, 2, 3_000, 150) };
    assert!(found_by(Some(PlantedBug::TakeAnyDictionary), (0..40).map(plan)) > 10);
}

#[test]
fn gathering_what_was_removed_is_found() {
    let plan = |seed| Plan { has_dictionaries: true, ..Plan::of_crashes(seed, 2, 3_000, 150) };
    assert!(found_by(Some(PlantedBug::GatherWhatWasThere), (0..40).map(plan)) > 10);
}

#[test]
fn leaving_the_index_of_a_rewritten_file_is_found() {
    let plans = (0..40).map(|seed| Plan::of_crashes(seed, 2, 3_000, 150));
    assert!(found_by(Some(PlantedBug::LeaveIndexes), plans) > 10);
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
    assert_eq!(lost_from_the_middle(), 0);
}

#[test]
fn going_on_behind_what_a_lying_disk_has_lost_is_found() {
    plant(Some(PlantedBug::StepOverDamage));
    let found = lost_from_the_middle();
    plant(None);
    assert!(found > 10, "it was found in {found} power cuts of 200");
}

/// How often a store opens after a power cut on a disk that lied, and what is lost is not the end,
/// or something that was synced before.
fn lost_from_the_middle() -> usize {
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
    let is_wrong = |seed: &u64| {
        let Ok(store) = open(&disk.after_power_cut(*seed)) else { return false };
        let events: Result<Vec<_>> = store.read(Query::all()).collect();
        let versions = events.map(|events| events.iter().map(Recorded::version).collect());
        let is_whole =
            |there: Vec<u64>| there.len() >= 10 && there.iter().copied().eq(1..=there.len() as u64);
        !versions.is_ok_and(is_whole)
    };
    (0..200).filter(is_wrong).count()
}
