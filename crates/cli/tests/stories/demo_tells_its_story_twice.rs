//! The demo runs on a new store and on the store that it left behind.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::command::{Ended, Shell};

fn demo(shell: &Shell) -> Ended {
    shell.run("demo --events 1050").done()
}

/// The commands that the demo printed, without the program.
fn commands(story: &str) -> Vec<String> {
    let program = env!("CARGO_BIN_EXE_hitherto");
    let lines = story.lines().filter_map(|line| line.trim().strip_prefix(program));
    lines.map(|line| line.trim().replace('\'', "")).collect()
}

#[test]
fn every_check_holds_on_a_new_and_on_an_existing_store() {
    let shell = Shell::new();
    for (run, found) in [("001", "a new store"), ("002", "an existing store with 1,0")] {
        let story = demo(&shell).stdout;
        assert!(story.contains(found), "{story}");
        assert!(story.contains(&format!("account-ACC-{run} version 1: AccountOpened")), "{story}");
        assert!(!story.contains('✗') && story.contains("checks hold"), "{story}");
        for told in [
            "1300.00 by full replay of 3 events",
            "by a snapshot at version 2 and the rest: 2 events read",
            "by process",
            "tried again",
            "InsufficientFunds",
            "at version 1 the balance was 1000.00",
            "schema version 1",
            "CourseFull",
            "1,050 events stored",
            "events a second",
            "who waits for the position of a write reads it",
            "the old one has noticed: superseded by version 2",
            "mended and retried, nothing is parked",
            "0 damaged places found",
        ] {
            assert!(story.contains(told), "{told:?} is not in {story}");
        }
    }
    shell.run("verify demo.hitherto").done();
}

#[test]
fn the_commands_that_it_prints_work_as_printed() {
    let shell = Shell::new();
    let story = demo(&shell).stdout;
    let commands = commands(&story);
    assert_eq!(commands.len(), 4, "{story}");
    assert_eq!(shell.run(&commands[0]).done().lines().len(), 5);
    shell.run(&commands[1]).done();
    shell.run(&commands[1]).refused(1, &["account-ACC-001", "6"]);

    assert_eq!(shell.run(&commands[3]).done().lines()[0]["name"], "savings");

    let mut follow = shell.command(commands[2].split_whitespace());
    let mut follower = follow.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    assert_eq!(lines.take(6).map(Result::unwrap).count(), 6);
    follower.kill().unwrap();
    follower.wait().unwrap();
}

#[test]
fn a_store_that_is_in_use_is_refused() {
    let shell = Shell::new();
    let _held = hitherto_store::EmbeddedStore::open(shell.path("demo.hitherto")).unwrap();
    shell.run("demo").refused(2, &["demo.hitherto", "process"]);
}

#[test]
fn a_closed_pipe_ends_the_story_without_a_word() {
    let shell = Shell::new();
    let mut command = shell.command(["demo", "--events", "1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
