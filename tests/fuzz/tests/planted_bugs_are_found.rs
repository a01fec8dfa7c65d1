//! The test of the test: mistakes that stores are known to make are planted, and must be found.

use std::sync::Mutex;

use hitherto_fuzz::Session;
use hitherto_store::planted::{PlantedBug, plant};

/// Memory is counted for the whole process, so one test runs at a time.
static SERIAL: Mutex<()> = Mutex::new(());
/// The damage that a store is looked at with before a bug counts as not found.
const DAMAGED_MAX: usize = 4000;

fn is_found(bug: PlantedBug) -> bool {
    let mut session = Session::new(1);
    plant(Some(bug));
    let found = (0..DAMAGED_MAX).any(|_| session.next_finding().is_some());
    plant(None);
    found
}

#[test]
fn believing_checksums_is_found() {
    let _alone = SERIAL.lock();
    assert!(is_found(PlantedBug::BelieveChecksums));
}

#[test]
fn cutting_at_damage_is_found() {
    let _alone = SERIAL.lock();
    assert!(is_found(PlantedBug::TruncateAtDamage));
}

#[test]
fn saving_half_a_commit_is_found() {
    let _alone = SERIAL.lock();
    assert!(is_found(PlantedBug::SalvageHalfCommits));
}
