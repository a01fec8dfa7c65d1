//! An import with a bad line says which one, why, and how to go on.

use crate::command::Shell;

const GOOD: &str = "{\"stream\":\"account-1\",\"kind\":\"Deposited\"}\n";

fn lines_with(bad: &[u8], at: usize) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = vec![GOOD.as_bytes(); 9];
    lines[at - 1] = bad;
    lines.concat()
}

#[test]
fn nothing_of_the_commit_with_the_bad_line_is_stored() {
    let shell = Shell::new();
    let refused = shell.feed("import bank --batch 4", &lines_with(b"{\"knd\":1}\n", 7));
    refused.refused(2, &["line 7: ", "`knd`", "4 events are stored", "after line 4"]);
    assert_eq!(shell.run("read bank").done().lines().len(), 4);

    let rest = GOOD.repeat(5);
    shell.feed("import bank --batch 4", rest.as_bytes()).done();
    assert_eq!(shell.run("read bank").done().lines().len(), 9);
}

#[test]
fn every_way_to_be_wrong_is_named() {
    let shell = Shell::new();
    let oversized = format!("{{\"kind\":\"A\",\"data\":\"{}\"}}\n", "x".repeat(8 << 20));
    let endless = format!("{{\"kind\":\"A\",\"data\":\"{}\"}}\n", "x".repeat(17 << 20));
    let long_kind = format!("{{\"kind\":\"{}\"}}\n", "k".repeat(256));
    let cases: [(&[u8], &str); 8] = [
        (b"{\n", "not an event in JSON"),
        (b"{\"kind\":\"\xff\"}\n", "not UTF-8 from byte 10 on"),
        (b"{\"kind\":\"\"}\n", "the kind is empty"),
        (b"{\"kind\":\"A\",\"stream\":\"\"}\n", "the stream name is empty"),
        (long_kind.as_bytes(), "256 is over the limit of 255"),
        (oversized.as_bytes(), "keep a reference in the event"),
        (endless.as_bytes(), "longer than 16.0 MiB"),
        (b"[1,2]\n", "not an event in JSON"),
    ];
    for (bad, named) in cases {
        let refused = shell.feed("import bank", &lines_with(bad, 3));
        refused.refused(2, &["line 3: ", named, "Nothing was stored"]);
    }
    assert!(shell.run("read bank").done().stdout.is_empty());
}

#[test]
fn an_id_that_names_another_event_is_refused_with_its_lines() {
    let shell = Shell::new();
    let id = "018f0000-0000-7000-8000-000000000001";
    shell.run(&format!("append bank account-1 Opened --id {id}")).done();
    let other = format!("{{\"stream\":\"account-1\",\"kind\":\"Closed\",\"id\":\"{id}\"}}\n");
    let refused = shell.feed("import bank --batch 2", &lines_with(other.as_bytes(), 3));
    refused.refused(2, &["line 3: ", id, "2 events are stored, all up to line 2"]);
    let kinds: Vec<_> = shell.run("read bank --kind Closed").done().lines();
    assert!(kinds.is_empty(), "{kinds:?}");
}

#[test]
fn empty_lines_are_read_over_and_a_last_line_needs_no_end() {
    let shell = Shell::new();
    shell.feed("import bank", b"\n{\"kind\":\"A\"}\r\n  \n{\"kind\":\"B\"}").done();
    assert_eq!(shell.run("read bank").done().lines().len(), 2);
    shell.feed("import bank", b"").done();
    assert_eq!(shell.run("read bank").done().lines().len(), 2);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let shell = Shell::new();
    shell.run("import bank missing.jsonl").refused(2, &["missing.jsonl cannot be read"]);
    assert!(!shell.path("bank").exists(), "nothing was made for nothing");
}
