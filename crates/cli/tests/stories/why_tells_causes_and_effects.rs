//! Why an event happened, and what followed from it, across streams.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use crate::command::Shell;
use serde_json::{Value, json};

fn id(number: u64) -> String {
    format!("00000000-0000-0000-0000-{number:012}")
}

/// A transfer (positions 2, 4, 5, 7) among events that have nothing to do with it.
///
/// ```text
/// 2 Requested        transfer-1
/// ├─ 4 Withdrawn     account-1
/// │  └─ 7 Deposited  account-2
/// └─ 5 Noted         audit-1
/// ```
fn bank() -> Shell {
    let shell = Shell::new();
    let lines = [
        ("account-1", "Opened", 1, None, None),
        ("transfer-1", "Requested", 2, None, None),
        ("account-3", "Opened", 3, None, None),
        ("account-1", "Withdrawn", 4, Some(2), Some(2)),
        ("audit-1", "Noted", 5, Some(2), Some(2)),
        ("account-3", "Renamed", 6, Some(3), Some(3)),
        ("account-2", "Deposited", 7, Some(4), Some(2)),
    ];
    let line =
        |(stream, kind, number, cause, story): &(&str, &str, u64, Option<u64>, Option<u64>)| {
            json!({
                "stream": stream, "kind": kind, "id": id(*number),
                "causation": cause.map(id), "correlation": story.map(id),
            })
        };
    import(&shell, &lines.iter().map(line).collect::<Vec<_>>());
    shell
}

fn import(shell: &Shell, lines: &[Value]) {
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    shell.feed("import bank --batch 1", lines.join("\n").as_bytes()).done();
}

/// Depth and position of each event.
fn told(shell: &Shell, words: &str) -> Vec<(u64, u64)> {
    let lines = shell.run(&format!("why bank {words} --json")).done().lines();
    let number = |line: &Value, key: &str| line[key].as_u64().unwrap();
    lines.iter().map(|line| (number(line, "depth"), number(line, "position"))).collect()
}

const WHOLE: [(u64, u64); 4] = [(0, 2), (1, 4), (2, 7), (1, 5)];

#[test]
fn the_whole_story_is_told_from_whichever_event() {
    let shell = bank();
    for asked in ["2", "4", "5", "7", &id(7)] {
        assert_eq!(told(&shell, asked), WHOLE, "{asked}");
    }
    assert_eq!(told(&shell, "6"), [(0, 3), (1, 6)]);
    assert_eq!(told(&shell, "1"), [(0, 1)]);
    let asked = shell.run("why bank 7 --json").done().lines();
    let is_asked: Vec<_> = asked.iter().map(|line| line["is_asked"].as_bool().unwrap()).collect();
    assert_eq!(is_asked, [false, false, true, false]);
    assert_eq!((&asked[2]["kind"], &asked[2]["id"]), (&json!("Deposited"), &json!(id(7))));
}

#[test]
fn people_see_a_tree() {
    let shell = bank();
    let table = shell.run("why bank 7 --format table").done().stdout;
    assert!(table.starts_with("why Deposited at position 7 happened\n"), "{table}");
    for line in ["\nRequested ", "\n├─ Withdrawn ", "\n│  └─ Deposited ◂ ", "\n└─ Noted "]
    {
        assert!(table.contains(line), "{line:?}: {table}");
    }
    let alone = shell.run("why bank 1 --format table").done().stdout;
    assert!(alone.contains("It names no cause, and no event names it"), "{alone}");
}

#[test]
fn what_led_to_it_alone_and_bounds_are_asked_for() {
    let shell = bank();
    assert_eq!(told(&shell, "7 --causes"), [(0, 2), (1, 4), (2, 7)]);
    assert_eq!(told(&shell, "4 --up-to 5"), [(0, 2), (1, 4), (1, 5)]);
    assert_eq!(told(&shell, "2 --limit 2"), [(0, 2), (1, 4)]);
    let cut = shell.run("why bank 2 --limit 2 --format table").done().stdout;
    assert!(cut.contains("--limit shows more"), "{cut}");
}

#[test]
fn a_long_chain_of_causes_is_told_from_its_end() {
    let shell = Shell::new();
    let cause = |number: u64| (number > 1).then(|| id(number - 1));
    let line = |number| json!({"kind": "A", "id": id(number), "causation": cause(number)});
    import(&shell, &(1..=9).map(line).collect::<Vec<_>>());
    assert_eq!(told(&shell, "8 --limit 3"), [(0, 6), (1, 7), (2, 8)]);
    assert_eq!(told(&shell, "8 --limit 3 --causes"), [(0, 6), (1, 7), (2, 8)]);
    let table = shell.run("why bank 8 --limit 3 --causes --format table").done().stdout;
    assert!(table.contains("More led to it than this"), "{table}");
    let whole = shell.run("why bank 8 --causes --format table").done().stdout;
    assert!(!whole.contains("More led to it"), "{whole}");
}

#[test]
fn events_that_share_a_request_are_of_one_story() {
    let shell = Shell::new();
    let request = id(99);
    let line = |number, cause: Option<u64>| {
        let (id, cause) = (id(number), cause.map(id));
        json!({"stream": format!("s-{number}"), "kind": "A", "id": id, "causation": cause, "correlation": request})
    };
    import(&shell, &[line(1, Some(99)), line(2, None), line(3, Some(2))]);
    assert_eq!(told(&shell, "3"), [(0, 2), (1, 3), (0, 1)]);
    let table = shell.run("why bank 1 --format table").done().stdout;
    assert!(
        table.contains(&format!("caused by {request}, which is no event of this store")),
        "{table}"
    );
    assert!(table.contains("2 other events of the same story"), "{table}");
}

#[test]
fn causes_in_a_circle_end() {
    let shell = Shell::new();
    let line = |number, cause| json!({"kind": "A", "id": id(number), "causation": id(cause)});
    import(&shell, &[line(1, 2), line(2, 1), line(3, 3)]);
    assert_eq!(told(&shell, "1"), [(0, 1), (1, 2)]);
    assert_eq!(told(&shell, "3"), [(0, 3)]);
}

#[test]
fn an_event_that_is_not_there_is_named() {
    let shell = bank();
    shell.run("why bank 8").refused(2, &["no event is at position 8 yet", "position 7"]);
    shell.run("why bank 0").refused(2, &["positions count from 1"]);
    shell.run(&format!("why bank {}", id(8))).refused(2, &["no event with the id", &id(8)]);
    shell.run("why bank seven").refused(2, &["\"seven\" is no event", "position", "UUID"]);
    shell.run("why missing 1").refused(2, &["missing"]);
    shell.run("why bank 1 --causes --up-to 3").refused(2, &["--up-to"]);
}
