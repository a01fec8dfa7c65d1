//! `repair` makes a new store of what is whole and says which events of which streams are not in
//! it; that store can be written, exported and imported.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::os::unix::fs::FileExt;

use crate::command::Shell;
use serde_json::json;

/// A store whose second event of `account-1` is damaged.
fn damaged_store() -> Shell {
    let shell = Shell::new();
    for (stream, data) in
        [("account-1", "1"), ("account-2", "2"), ("account-1", "33333333"), ("account-1", "4")]
    {
        shell.run_with(["append", "bank", stream, "Noted", data]).done();
    }
    let path = shell.path("bank/000000000001.log");
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(8).position(|window| window == b"33333333").unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(b"5", at as u64).unwrap();
    shell
}

#[test]
fn what_is_lost_is_listed_and_the_exit_code_says_so() {
    let shell = damaged_store();
    let ended = shell.run("repair bank new --json");
    assert_eq!(ended.code, 1, "{ended:?}");
    let line = ended.lines().remove(0);
    assert_eq!(line["is_complete"], json!(false));
    assert_eq!((&line["events"], &line["head"]), (&json!(3), &json!(4)));
    let loss = &line["losses"][0];
    assert_eq!(loss["file"], json!("000000000001.log"));
    assert_eq!((&loss["first_position"], &loss["last_position"]), (&json!(3), &json!(3)));
    let gap = json!({"stream": "account-1", "first_version": 2, "last_version": 2,
        "after_position": 1, "before_position": 4});
    assert_eq!(line["lost_versions"], json!([gap]));
    let text = shell.run("repair bank newer --format table");
    assert_eq!(text.code, 1, "{text:?}");
    for part in ["saved 3 events in 3 commits", "event 3 cannot be read", "account-1", "backup"] {
        assert!(text.stdout.contains(part), "{part}: {text:?}");
    }
}

#[test]
fn the_new_store_is_sound_and_takes_appends() {
    let shell = damaged_store();
    shell.run("append bank account-1 Noted 5").refused(2, &["hitherto repair"]);
    assert_eq!(shell.run("repair bank new").code, 1);
    let report = shell.run("verify new").done().lines().remove(0);
    assert_eq!((&report["is_right"], &report["events"]), (&json!(true), &json!(3)));
    assert_eq!(report["accepted_losses"][0]["first_position"], json!(3));
    let text = shell.run("verify new --format table").done().stdout;
    assert!(text.contains("event 3 was lost before a repair"), "{text}");
    shell.run("append new account-1 Noted 5 --expect 2").refused(1, &["3"]);
    shell.run("append new account-1 Noted 5 --expect 3").done();
    let lines = shell.run("read new --stream account-1 --json").done().lines();
    let numbers = |name: &str| lines.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    assert_eq!(numbers("version"), [1, 3, 4]);
    assert_eq!(numbers("position"), [1, 4, 5]);
    let again = shell.run("repair new newer").done().lines().remove(0);
    assert_eq!((&again["is_complete"], &again["events"]), (&json!(true), &json!(4)));
    assert_eq!(again["earlier_losses"][0]["last_position"], json!(3));
}

#[test]
fn a_repaired_store_is_exported_and_imported() {
    let shell = damaged_store();
    assert_eq!(shell.run("repair bank new").code, 1);
    shell.run("export new bank.jsonl").done();
    shell.run("import copy bank.jsonl").done();
    let ids = |store: &str| {
        let lines = shell.run(&format!("read {store} --json")).done().lines();
        lines.iter().map(|line| line["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids("copy"), ids("new"));
    let last = shell.run("read copy --stream account-1 --json").done().lines().pop().unwrap();
    assert_eq!((&last["version"], &last["position"]), (&json!(2), &json!(3)), "counted anew");
}

#[test]
fn a_sound_store_is_copied_and_nothing_is_written_over() {
    let shell = Shell::new();
    shell.run("append bank account-1 Noted 1").done();
    let text = shell.run("repair bank new --format table").done().stdout;
    assert!(text.contains("saved 1 event") && text.contains("every event was saved"), "{text}");
    shell.run("repair bank new").refused(2, &["not empty"]);
    shell.run("repair nothing newer").refused(2, &["nothing"]);
    assert!(!shell.path("newer").exists());
}
