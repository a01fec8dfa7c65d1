//! The example of the guide does what the guide says.

use crate::common;

#[path = "../../examples/balances.rs"]
mod balances;

#[test]
fn the_example_builds_compares_switches_and_goes_back() {
    let Some(database) = common::Database::new("the example of the guide") else { return };
    let seen = hitherto::wait(balances::story(&database.url)).unwrap();
    let expected = [
        "live at position 2",
        "accounts: 0 of 1 rows differ, [\"deposits\"] is new",
        "version 2 is read",
        "version 1 is read again",
    ];
    assert_eq!(seen, expected);
}
