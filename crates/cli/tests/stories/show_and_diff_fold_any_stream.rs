//! A stream's fields, at any point of its past, without knowing its Rust types.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use crate::command::Shell;
use hitherto_store::{Before, EmbeddedStore, Target};
use serde_json::{Value, json};

/// Positions 1 to 5; `account-1` has versions 1 to 4, `account-2` one.
fn bank() -> Shell {
    let shell = Shell::new();
    shell.run(r#"append bank account-1 Opened {"number":"ACC-1","deposit":1000}"#).done();
    shell.run(r#"append bank account-1 Deposited {"amount":500}"#).done();
    shell.run(r#"append bank account-2 Opened {"number":"ACC-2","deposit":7}"#).done();
    shell.run(r#"append bank account-1 Withdrawn {"amount":200.50}"#).done();
    shell.run(r#"append bank account-1 Closed {"reason":"moved"}"#).done();
    shell
}

fn with_rules(shell: &Shell) {
    for rule in [
        "Opened deposit set --into balance",
        "Deposited amount add --into balance",
        "Withdrawn amount subtract --into balance",
        "Closed =true set --into is_closed",
    ] {
        shell.run(&format!("rules bank {rule}")).done();
    }
}

fn only(shell: &Shell, words: &str) -> Value {
    let lines = shell.run(&format!("{words} --json")).done().lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].clone()
}

/// When the event at a position was recorded.
fn time_of(shell: &Shell, position: u64) -> String {
    let lines = shell.run("read bank --json").done().lines();
    lines[usize::try_from(position - 1).unwrap()]["time"].as_str().unwrap().to_owned()
}

#[test]
fn without_rules_each_field_has_its_last_value_and_that_is_said() {
    let shell = bank();
    shell.run(r#"append bank account-2 Deposited {"amount":1}"#).done();
    shell.run(r#"append bank account-2 Deposited {"amount":2}"#).done();
    let shown = only(&shell, "show bank account-2");
    assert_eq!(shown["state"], json!({"number": "ACC-2", "deposit": 7, "amount": 2}));
    assert_eq!((&shown["version"], &shown["position"]), (&json!(3), &json!(7)));
    let note = shown["notes"][0].as_str().unwrap();
    assert!(note.contains("Deposited amount"), "{note}");
    assert!(note.contains("hitherto rules bank Deposited amount add"), "{note}");
}

#[test]
fn with_rules_amounts_are_added_up_at_every_version_position_and_time() {
    let shell = bank();
    with_rules(&shell);
    let states = [
        json!({"number": "ACC-1", "balance": 1000}),
        json!({"number": "ACC-1", "balance": 1500}),
        json!({"number": "ACC-1", "balance": 1299.50}),
        json!({"number": "ACC-1", "balance": 1299.50, "is_closed": true, "reason": "moved"}),
    ];
    for ((version, position), state) in (1..).zip([1, 2, 4, 5]).zip(&states) {
        let time = time_of(&shell, position);
        for point in [
            format!("--version {version}"),
            format!("--position {position}"),
            format!("--at {time}"),
            format!("--at v{version}"),
        ] {
            let shown = only(&shell, &format!("show bank account-1 {point}"));
            assert_eq!((&shown["state"], &shown["version"]), (state, &json!(version)), "{point}");
            assert_eq!(shown["newest_version"], json!(4));
            assert_eq!(shown["notes"], json!([]));
        }
    }
    assert_eq!(only(&shell, "show bank account-1")["state"], states[3]);
    // Between two of its events, the stream is as the earlier one left it.
    assert_eq!(only(&shell, "show bank account-1 --position 3")["version"], json!(2));
}

#[test]
fn people_see_a_table_and_may_see_the_events_instead() {
    let shell = bank();
    with_rules(&shell);
    let table = shell.run("show bank account-1 --version 3 --format table").done().stdout;
    assert!(table.starts_with("account-1 at version 3 of 4, position 4, "), "{table}");
    assert!(table.contains("balance  1299.50  version 3, Withdrawn"), "{table}");
    assert!(table.contains("number   ACC-1    version 1, Opened"), "{table}");
    assert!(!table.contains('\u{1b}'), "{table:?}");
    let events = shell.run("show bank account-1 --version 3 --events --json").done().lines();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Opened", "Deposited", "Withdrawn"]);
}

#[test]
fn a_difference_names_the_fields_and_the_events_between() {
    let shell = bank();
    with_rules(&shell);
    let changed = only(&shell, "diff bank account-1 --from v1 --to v4");
    assert_eq!((&changed["from_version"], &changed["to_version"]), (&json!(1), &json!(4)));
    let field = |field, before, after| json!({"field": field, "before": before, "after": after});
    let fields = [
        field("balance", json!(1000), json!(1299.50)),
        field("is_closed", Value::Null, json!(true)),
        field("reason", Value::Null, json!("moved")),
    ];
    assert_eq!(changed["fields"], json!(fields));
    let kinds: Vec<_> = changed["events"].as_array().unwrap().iter().map(|e| &e["kind"]).collect();
    assert_eq!(kinds, ["Deposited", "Withdrawn", "Closed"]);

    // Without points: what the last event changed; with one: what the event there changed.
    assert_eq!(only(&shell, "diff bank account-1")["fields"], json!(fields[1..]));
    let third = only(&shell, "diff bank account-1 --to p4");
    assert_eq!(third["fields"], json!([field("balance", json!(1500), json!(1299.50))]));
    let whole = only(&shell, "diff bank account-1 --from v0 --to v1");
    assert_eq!(whole["events"].as_array().unwrap().len(), 1);
    assert_eq!(whole["fields"].as_array().unwrap().len(), 2);
    let none = only(&shell, "diff bank account-1 --from p2 --to p3");
    assert_eq!((&none["fields"], &none["events"]), (&json!([]), &json!([])));

    let table = shell.run("diff bank account-1 --from v1 --to v4 --format table").done().stdout;
    assert!(table.contains("~  balance    1000    1299.50"), "{table}");
    assert!(table.contains("+  is_closed          true"), "{table}");
}

#[test]
fn what_is_removed_between_two_points_is_shown_as_gone() {
    let shell = Shell::new();
    shell.run("append bank order-1 Added {\"sku\":\"pear\",\"n\":2}").done();
    shell.run("append bank order-1 Dropped {\"sku\":\"pear\"}").done();
    shell.run("rules bank order/Added n add --into lines.{sku}").done();
    shell.run("rules bank order/Dropped sku remove --into lines.{sku}").done();
    let gone = only(&shell, "diff bank order-1");
    assert_eq!(gone["fields"][0], json!({"field": "lines.pear", "before": 2, "after": null}));
    let table = shell.run("diff bank order-1 --format table").done().stdout;
    assert!(table.contains("-  lines.pear  2"), "{table}");
}

#[test]
fn a_point_that_never_was_is_named() {
    let shell = bank();
    let before = "2020-01-01T00:00:00Z";
    for (words, named) in [
        ("show bank account-9", &["no stream account-9 in bank", "hitherto streams bank"][..]),
        ("show bank account-1 --version 5", &["never at version 5", "at version 4"]),
        ("show bank account-1 --version 0", &["at version 0 nothing had happened"]),
        ("show bank account-1 --position 6", &["no event is at position 6 yet", "position 5"]),
        ("show bank account-2 --position 2", &["did not exist at position 2", "at position 3"]),
        (&format!("show bank account-1 --at {before}"), &[before, "first event", "recorded at"]),
        (&format!("diff bank account-1 --from {before}"), &["did not exist at"]),
        ("diff bank account-1 --from v3 --to v2", &["version 3", "before it", "swap"]),
        ("diff bank account-1 --from v5", &["never at version 5"]),
        ("diff bank account-9", &["no stream account-9"]),
        ("show bank account-1 --at yesterday", &["--at", "v3 for version 3"]),
        ("show bank account-1 --at v1 --version 2", &["--version"]),
        ("show bank account-1 --rules none.json", &["none.json", "no such file of rules"]),
        ("show missing account-1", &["missing"]),
    ] {
        shell.run(words).refused(2, named);
    }
}

#[test]
fn rules_are_listed_replaced_and_forgotten() {
    let shell = bank();
    with_rules(&shell);
    shell.run("rules bank Deposited amount count --into deposits --also").done();
    assert_eq!(shell.run("rules bank --json").done().lines().len(), 5);
    assert_eq!(only(&shell, "show bank account-1")["state"]["deposits"], json!(1));
    shell.run("rules bank Deposited amount set").done();
    assert_eq!(shell.run("rules bank --json").done().lines().len(), 4);
    assert_eq!(only(&shell, "show bank account-1 --version 2")["state"]["amount"], json!(500));
    shell.run("rules bank Deposited amount --forget").done();
    let table = shell.run("rules bank --format table").done().stdout;
    assert!(table.contains("Withdrawn  amount   subtract  balance"), "{table}");
    assert!(!table.contains("Deposited"), "{table}");
    let early = shell.run("rules bank Dreamt of set");
    assert!(early.code == 0 && early.stderr.contains("no event of kind Dreamt"), "{early:?}");
}

#[test]
fn a_bad_rule_is_refused_and_leaves_the_rules_as_they_were() {
    let shell = bank();
    with_rules(&shell);
    let file = shell.path("bank").join("rules.json");
    let before = std::fs::read(&file).unwrap();
    shell.run("rules bank Deposited amount double").refused(2, &["double", "add"]);
    shell.run("rules bank Deposited amount").refused(2, &["what is done with amount", "subtract"]);
    shell.run("rules bank Deposited .amount add").refused(2, &["is no path"]);
    shell.run("rules bank Closed =true set").refused(2, &["--into"]);
    shell.run("rules bank Closed =yes set --into x").refused(2, &["is not JSON"]);
    shell.run("rules bank Closed amount --forget").refused(2, &["no rule for amount of Closed"]);
    shell.run("rules missing Closed amount set").refused(2, &["missing"]);
    assert_eq!(std::fs::read(&file).unwrap(), before);

    std::fs::write(&file, "{\"rules\":[{\"kind\":\"A\"}]}").unwrap();
    shell.run("show bank account-1").refused(2, &["rules.json", "holds no rules", "missing field"]);
}

#[test]
fn what_a_rule_cannot_do_is_told_beside_the_state() {
    let shell = bank();
    shell.run("rules bank Closed reason add --into balance").done();
    let text = br#"{"stream":"account-1","kind":"Seen","content_type":"text/plain","data":"hi"}"#;
    shell.feed("import bank", text).done();
    let shown = only(&shell, "show bank account-1");
    let notes = shown["notes"].to_string();
    assert!(notes.contains("version 4, Closed: reason add balance was not done"), "{notes}");
    assert!(notes.contains("version 5, Seen: its payload is no JSON"), "{notes}");
}

#[test]
fn the_store_may_be_left_out() {
    let shell = bank();
    let run = |store: &str| {
        let mut command = shell.command(["show", "account-1", "--json"]);
        command.env("HITHERTO_STORE", store).output().unwrap()
    };
    assert!(run("bank").status.success());
    let unset = shell.command(["show", "account-1"]).env_remove("HITHERTO_STORE").output().unwrap();
    let said = String::from_utf8(unset.stderr).unwrap();
    assert!(
        said.contains("in which store is account-1?") && said.contains("HITHERTO_STORE"),
        "{said}"
    );

    std::fs::rename(shell.path("bank"), shell.path("bank.hitherto")).unwrap();
    let found = shell.command(["show", "account-1"]).env_remove("HITHERTO_STORE").output().unwrap();
    assert!(found.status.success(), "{found:?}");
}

#[test]
fn what_is_personal_is_shown_with_its_key_until_it_is_forgotten() {
    let shell = Shell::new();
    let data = r#"{"name":{"$personal":{"subject":"person-7","value":"Zoe"}},"city":"Ulm"}"#;
    let append = ["append", "bank", "customer-7", "CustomerJoined", data, "--keys", "bank.keys"];
    shell.run_with(append).done();
    let with_keys = || only(&shell, "show bank customer-7 --keys bank.keys")["state"].to_string();
    assert!(with_keys().contains("Zoe"), "{}", with_keys());
    let without = only(&shell, "show bank customer-7")["state"].to_string();
    assert!(!without.contains("Zoe") && without.contains("Ulm"), "{without}");
    shell.run("forget bank person-7 --keys bank.keys").done();
    assert!(!with_keys().contains("Zoe"), "{}", with_keys());
    assert!(with_keys().contains("$forgotten"), "{}", with_keys());
}

#[test]
fn what_is_not_kept_any_more_is_told() {
    let shell = bank();
    let store = EmbeddedStore::open(shell.path("bank")).unwrap();
    store.truncate(Target::stream("account-1"), Before::Version(3)).unwrap();
    store.close().unwrap();
    let shown = only(&shell, "show bank account-1");
    assert_eq!(shown["state"], json!({"amount": 200.50, "reason": "moved"}));
    let notes = shown["notes"].to_string();
    assert!(notes.contains("what is kept begins with version 3"), "{notes}");
    let kept = ["is not kept any more", "begins with version 3"];
    for point in ["--version 2", "--position 2", "--at 2020-01-01"] {
        shell.run(&format!("show bank account-1 {point}")).refused(2, &kept);
    }
    assert_eq!(only(&shell, "diff bank account-1 --from v3")["fields"][0]["after"], "moved");
    shell.run("why bank 1").refused(2, &["the event at position 1 is not kept any more"]);
}
