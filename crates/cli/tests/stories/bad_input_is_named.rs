//! Every bad input ends with an error that names it, and leaves everything as it was.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::command::Shell;

#[test]
fn commands_that_read_do_not_create_a_store() {
    let shell = Shell::new();
    for verb in ["read", "follow", "streams", "stat", "verify", "export"] {
        shell.run(&format!("{verb} missing")).refused(2, &["missing"]);
        assert!(!shell.path("missing").exists(), "{verb} made a directory");
    }
    for words in ["show missing a-1", "diff missing a-1", "why missing 1", "rules missing"] {
        shell.run(words).refused(2, &["missing"]);
        assert!(!shell.path("missing").exists(), "{words} made a directory");
    }
}

#[test]
fn a_directory_that_is_no_store_is_not_made_one() {
    let shell = Shell::new();
    std::fs::create_dir(shell.path("letters")).unwrap();
    std::fs::write(shell.path("letters/dear.txt"), "Dear Ann").unwrap();
    for words in ["read letters", "stat letters", "verify letters", "append letters a-1 A"] {
        shell.run(words).refused(2, &["letters"]);
    }
    assert_eq!(std::fs::read_dir(shell.path("letters")).unwrap().count(), 1);
}

#[test]
fn a_file_is_no_store() {
    let shell = Shell::new();
    std::fs::write(shell.path("file"), "Dear Ann").unwrap();
    for words in ["read file", "stat file", "verify file", "append file a-1 A"] {
        shell.run(words).refused(2, &["file"]);
    }
}

#[test]
fn what_is_not_utf8_is_named_by_its_place() {
    let shell = Shell::new();
    let wrong = OsStr::from_bytes(b"account-\xff");
    let arguments = ["append", "bank"].map(OsStr::new).into_iter().chain([wrong, OsStr::new("A")]);
    shell.run_with(arguments).refused(2, &[r#"argument 3 ("account-\xFF")"#]);
    assert!(!shell.path("bank").exists());
}

#[test]
fn what_is_not_json_is_named() {
    let shell = Shell::new();
    shell.run("append bank a-1 A {amount:5}").refused(2, &["[JSON]", "not JSON"]);
    shell.run("append bank a-1 A {} --metadata ann").refused(2, &["--metadata", "not JSON"]);
    assert!(!shell.path("bank").exists());
}

#[test]
fn names_over_a_limit_are_refused() {
    let shell = Shell::new();
    shell.run("append bank a-1 A").done();
    let long = |bytes| "x".repeat(bytes);
    shell.run_with(["append", "bank", "", "A"]).refused(2, &["the stream name is empty"]);
    shell.run_with(["append", "bank", "a-1", ""]).refused(2, &["the kind is empty"]);
    shell.run_with(["append", "bank", "a\n1", "A"]).refused(2, &["control character"]);
    shell.run_with(["append", "bank", &long(513), "A"]).refused(2, &["limit of 512"]);
    shell.run_with(["append", "bank", "a-1", &long(256)]).refused(2, &["limit of 255"]);
    shell.run_with(["append", "bank", "a-1", "A", "--tag", ""]).refused(2, &["the tag is empty"]);
    assert_eq!(shell.run("read bank").done().lines().len(), 1);
}

#[test]
fn wrong_arguments_are_refused_with_what_would_be_right() {
    let shell = Shell::new();
    shell.run("append bank a-1 A --id seven").refused(2, &["--id", "write a UUID"]);
    shell.run("append bank a-1").refused(2, &["<KIND>"]);
    shell.run("append bank --from-stdin a-1 A").refused(2, &["--from-stdin"]);
    shell.run("append bank a-1 A --unless-or").refused(2, &["one side of --unless-or is empty"]);
    shell.run("append bank a-1 A --after 3").refused(2, &["--unless-"]);
    shell.run("append bank - A --expect 3").refused(2, &["--expect"]);
    shell.run("read bank --since yesterday").refused(2, &["--since", "2026-01-04"]);
    shell.run("read bank --after -1").refused(2, &["-1"]);
    shell.run("import bank --batch 0").refused(2, &["--batch"]);
    shell.run("reed bank").refused(2, &["reed", "read"]);
    assert!(!shell.path("bank").exists());
    shell.run("append bank a-1 A").done();
    shell.run("read bank --after-version 3").refused(2, &["versions count within one stream"]);
}
