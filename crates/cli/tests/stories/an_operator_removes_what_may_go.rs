//! Policies, truncation, deletion, holds and scavenging from the command line.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use crate::command::Shell;
use serde_json::json;

fn bank() -> Shell {
    let shell = Shell::new();
    for number in 1..=4 {
        let data = format!(r#"{{"number":{number}}}"#);
        shell.run_with(["append", "bank", "session-1", "Seen", &data]).done();
        shell.run_with(["append", "bank", "account-1", "Paid", &data]).done();
    }
    shell
}

fn versions(shell: &Shell, stream: &str) -> Vec<u64> {
    let lines = shell.run(&format!("read bank --stream {stream} --json")).done().lines();
    lines.iter().map(|line| line["version"].as_u64().unwrap()).collect()
}

#[test]
fn what_is_kept_is_listed_and_the_rest_is_gone() {
    let shell = bank();
    let said = shell.run("keep bank --category session --max-count 3 --max-age 30d").done().stdout;
    assert!(said.starts_with("category session keeps 30 days, of these the last 3"), "{said}");
    assert_eq!(versions(&shell, "session-1"), [2, 3, 4]);
    shell.run("truncate bank --stream account-1 --before-version 3").done();
    assert_eq!(versions(&shell, "account-1"), [3, 4]);
    shell.run("hold bank --kind Paid").done();
    shell.run("delete bank --stream account-1").refused(2, &["kind Paid is on hold", "release"]);
    let policies = shell.run("policies bank").done().lines().remove(0);
    assert_eq!(policies["holds"], json!(["kind Paid"]));
    let session = &policies["policies"][1];
    assert_eq!((&session["category"], &session["max_count"]), (&json!("session"), &json!(3)));
    assert_eq!(session["max_age_seconds"], json!(2_592_000));
    assert_eq!(policies["policies"][0]["removed_before_position"], json!(6));
    let table = shell.run("policies bank --format table").done().stdout;
    assert!(table.contains("30 days, of these the last 3"), "{table}");
    shell.run("release bank --kind Paid").done();
    shell.run("tombstone bank --stream account-1").done();
    shell.run("append bank account-1 Paid").refused(2, &["account-1 was tombstoned"]);
    let scavenged = shell.run("scavenge bank").done().lines().remove(0);
    assert_eq!(scavenged["events"], json!(5));
    shell.run("backup bank safe").done();
    let checked = shell.run("backup --check safe").done().stdout;
    assert!(checked.ends_with(", and the places of 5 that retention removed\n"), "{checked}");
    let stat = shell.run("stat bank").done().lines().remove(0);
    assert_eq!(stat["files"][0]["removed_events"], json!(5));
    assert_eq!(shell.run("verify bank").done().lines()[0]["damages"], json!([]));
    let exported = shell.run("export bank").done();
    let imported = shell.feed("import copy", exported.stdout.as_bytes()).done();
    assert_eq!(imported.lines()[0]["stored"], json!(3), "without what was decided");
}

#[test]
fn bad_input_is_named() {
    let shell = bank();
    let refused = [
        ("keep bank --category session", "--max-age"),
        ("keep bank --max-count 3", "--stream"),
        ("keep bank --stream session-1 --max-age soon", "30d"),
        ("keep bank --stream session-1 --max-count 0", "keep nothing"),
        ("truncate bank --stream session-1 --before-version 9", "at most 5"),
        ("delete bank --stream session-9", "session-9"),
        ("delete nowhere --stream session-1", "nowhere"),
        ("release bank --kind Paid", "not on hold"),
        ("scavenge nowhere", "nowhere"),
    ];
    for (words, named) in refused {
        shell.run(words).refused(2, &[named]);
    }
    assert!(!shell.path("nowhere").exists());
    assert_eq!(versions(&shell, "session-1"), [1, 2, 3, 4]);
}
