//! What was appended by one process is read by another, in both formats.

use crate::command::Shell;
use serde_json::json;

#[test]
fn an_event_is_read_back_with_everything_that_was_said_about_it() {
    let shell = Shell::new();
    let id = "018f0000-0000-7000-8000-000000000001";
    let stored = shell
        .run_with([
            "append",
            "bank",
            "account-1",
            "MoneyDeposited",
            r#"{"amount":500}"#,
            "--tag",
            "customer:7",
            "--tag",
            "branch:2",
            "--id",
            id,
            "--metadata",
            r#"{"by":"ann"}"#,
            "--schema-version",
            "2",
            "--correlation",
            id,
            "--causation",
            id,
        ])
        .done();
    let expected = json!({"position":1,"stream":"account-1","version":1,"id":id,"repeated":false});
    assert_eq!(stored.lines(), [expected]);

    let mut read = shell.run("read bank").done().lines();
    let time = read[0]["time"].take();
    assert!(time.as_str().is_some_and(|time| time.ends_with('Z')), "{time}");
    let expected = json!({
        "position": 1, "time": null, "stream": "account-1", "version": 1,
        "kind": "MoneyDeposited", "schema_version": 2, "id": id,
        "tags": ["customer:7", "branch:2"], "correlation": id, "causation": id,
        "data": {"amount": 500}, "metadata": {"by": "ann"},
    });
    assert_eq!(read, [expected]);
}

#[test]
fn an_event_may_belong_to_no_stream() {
    let shell = Shell::new();
    shell.run("append school - SeatTaken --tag course:7").done();
    let line = shell.run("read school --tag course:7").done().lines().remove(0);
    assert_eq!((&line["stream"], &line["version"]), (&json!(null), &json!(null)));
    assert_eq!(line["data"], json!({}));
}

#[test]
fn expectations_hold_or_the_append_is_refused() {
    let shell = Shell::new();
    shell.run("append bank account-1 AccountOpened --expect none").done();
    shell.run("append bank account-1 MoneyDeposited --expect exists").done();
    shell.run("append bank account-1 MoneyDeposited --expect 2").done();
    shell.run("append bank account-1 MoneyDeposited --expect any").done();
    shell.run("append bank account-1 AccountOpened --expect none").refused(1, &["account-1", "4"]);
    shell.run("append bank account-1 MoneyDeposited --expect 3").refused(1, &["account-1", "4"]);
    shell.run("append bank account-2 MoneyDeposited --expect exists").refused(1, &["account-2"]);
    shell
        .run("append bank account-1 A --expect 3rd")
        .refused(2, &["--expect", "any, none, exists"]);
    assert_eq!(shell.run("read bank").done().lines().len(), 4);
}

#[test]
fn a_condition_refuses_a_decision_on_an_old_past() {
    let shell = Shell::new();
    let seat = "append school - SeatTaken --tag course:7 --tag student:1";
    let unless = "--unless-kind SeatTaken --unless-tag course:7 --unless-or --unless-tag student:9";
    shell.run(&format!("{seat} {unless}")).done();
    shell.run(&format!("{seat} {unless} --after 1")).done();
    shell.run(&format!("{seat} {unless} --after 1")).refused(1, &["condition"]);
    assert_eq!(shell.run("read school").done().lines().len(), 2);
}

#[test]
fn an_append_repeated_with_its_id_is_stored_once() {
    let shell = Shell::new();
    let append = "append bank account-1 A --id 018f0000-0000-7000-8000-000000000001";
    shell.run(append).done();
    shell.run("append bank account-1 B").done();
    let again = shell.run(append).done().lines().remove(0);
    assert_eq!((&again["position"], &again["repeated"]), (&json!(1), &json!(true)));
    let other = append.replace("account-1 A", "account-1 C");
    shell.run(&other).refused(2, &["018f0000-0000-7000-8000-000000000001"]);
    assert_eq!(shell.run("read bank").done().lines().len(), 2);
}

#[test]
fn every_narrowing_of_a_query_narrows() {
    let shell = Shell::new();
    for words in [
        "append bank account-1 Opened --tag customer:1",
        "append bank account-2 Opened --tag customer:2",
        "append bank card-1 Issued --tag customer:1",
        "append bank account-1 Closed --tag customer:1",
    ] {
        shell.run(words).done();
    }
    let positions = |query: &str| -> Vec<u64> {
        let lines = shell.run(&format!("read bank --json {query}")).done().lines();
        lines.iter().map(|line| line["position"].as_u64().unwrap()).collect()
    };
    assert_eq!(positions(""), [1, 2, 3, 4]);
    assert_eq!(positions("--stream account-1"), [1, 4]);
    assert_eq!(positions("--stream account-1 --after-version 1"), [4]);
    assert_eq!(positions("--stream account-1 --up-to-version 1"), [1]);
    assert_eq!(positions("--category account"), [1, 2, 4]);
    assert_eq!(positions("--kind Opened --kind Issued"), [1, 2, 3]);
    assert_eq!(positions("--tag customer:1 --kind Opened"), [1]);
    assert_eq!(positions("--tag customer:2 --or --kind Closed"), [2, 4]);
    assert_eq!(positions("--after 1 --up-to 3"), [2, 3]);
    assert_eq!(positions("--backward --limit 2"), [4, 3]);
    assert_eq!(positions("--since 1h"), [1, 2, 3, 4]);
    assert_eq!(positions("--until 2020-01-01"), [0; 0]);
    assert_eq!(positions("--since 2100-01-01T00:00:00Z"), [0; 0]);
}

#[test]
fn people_get_a_table_without_colours_in_a_pipe() {
    let shell = Shell::new();
    shell.run_with(["append", "bank", "account-1", "MoneyDeposited", r#"{"amount":500}"#]).done();
    let table = shell.run("read bank --format table").done().stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert!(lines[0].starts_with("position  time"), "{table}");
    assert!(lines[1].contains("account-1") && lines[1].ends_with(r#"{"amount":500}"#), "{table}");
    assert!(!table.contains('\u{1b}'), "{table}");
    let stored = shell.run("append bank account-1 A --format table").done().stdout;
    assert!(stored.starts_with("stored at position 2, account-1 version 2, id "), "{stored}");
}
