//! All names and ids have one of eight hashes: streams never mix, expectations stay exact, and
//! whatever is looked for is found.

use hitherto_sim::{fresh_plan, run};
use hitherto_store::planted::{PlantedBug, plant};

const SEEDS: u64 = 60;

/// The seeds that show something.
fn found_with(luck: PlantedBug) -> Vec<u64> {
    plant(Some(luck));
    let found = (0..SEEDS).filter(|&seed| run(fresh_plan(seed)).is_err()).collect();
    plant(None);
    found
}

#[test]
fn names_are_compared_not_only_their_hashes() {
    assert_eq!(found_with(PlantedBug::HashesCollide), []);
}

#[test]
fn taking_one_name_for_another_is_found() {
    assert!(!found_with(PlantedBug::TrustHashes).is_empty());
}
