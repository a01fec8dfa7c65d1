//! Whoever has seen enough of the output may close it.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::command::Shell;

#[test]
fn a_closed_pipe_ends_a_command_without_a_word() {
    let shell = Shell::new();
    let line = format!("{{\"kind\":\"A\",\"data\":\"{}\"}}\n", "x".repeat(1_000));
    shell.feed("import bank", line.repeat(2_000).as_bytes()).done(); // more than any pipe holds

    for words in ["read bank --json", "read bank --format table", "export bank", "follow bank"] {
        let mut command = shell.command(words.split_whitespace());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first_line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut first_line).unwrap();
        assert!(!first_line.is_empty());
        drop(stdout);

        let status = child.wait().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((status.code(), said.as_str()), (Some(0), ""), "{words}");
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let shell = Shell::new();
    shell.run("append bank a-1 A").done();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = shell.command(["read", "bank"]).stdout(full).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.starts_with("error: standard output cannot be written"), "{said}");
}
