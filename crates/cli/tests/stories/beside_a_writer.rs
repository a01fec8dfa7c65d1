//! Reading works while another process has the store open for writing; a second writer is refused.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::command::Shell;
use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent};
use serde_json::Value;

fn deposit(store: &EmbeddedStore, amount: u64) {
    let event = NewEvent::json("MoneyDeposited", format!("{{\"amount\":{amount}}}"));
    store.append(Append::to("account-1").event(event)).unwrap();
}

#[test]
fn every_reading_command_works_beside_a_writer() {
    let shell = Shell::new();
    let store = EmbeddedStore::open(shell.path("bank")).unwrap();
    deposit(&store, 1);
    deposit(&store, 2);
    assert_eq!(shell.run("read bank").done().lines().len(), 2);
    assert_eq!(shell.run("export bank").done().lines().len(), 2);
    assert_eq!(shell.run("streams bank").done().lines()[0]["version"], 2);
    assert_eq!(shell.run("stat bank").done().lines()[0]["head"], 2);
    assert_eq!(shell.run("verify bank").done().lines()[0]["events"], 2);
    deposit(&store, 3);
    assert_eq!(shell.run("read bank").done().lines().len(), 3);
}

#[test]
fn a_second_writer_is_refused_and_told_who_writes() {
    let shell = Shell::new();
    let store = EmbeddedStore::open(shell.path("bank")).unwrap();
    deposit(&store, 1);
    let writer = format!("process {}", std::process::id());
    shell.run("append bank account-1 A").refused(2, &["bank", &writer]);
    shell.feed("import bank", b"{\"kind\":\"A\"}\n").refused(2, &["bank", &writer]);
    drop(store);
    shell.run("append bank account-1 A").done();
    assert_eq!(shell.run("read bank").done().lines().len(), 2);
}

#[test]
fn a_follower_catches_up_and_then_sees_each_event_as_it_happens() {
    let shell = Shell::new();
    let store = EmbeddedStore::open(shell.path("bank")).unwrap();
    deposit(&store, 1);
    let mut command = shell.command(["follow", "bank", "--json", "--limit", "3"]);
    let mut follower = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    for amount in 1..=3 {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!((&line["position"], &line["data"]["amount"]), (&amount.into(), &amount.into()));
        deposit(&store, amount + 1);
    }
    assert!(lines.next().is_none(), "three were asked for");
    assert!(follower.wait().unwrap().success());
}

#[test]
fn only_new_events_are_followed_if_asked() {
    let shell = Shell::new();
    let store = EmbeddedStore::open(shell.path("bank")).unwrap();
    deposit(&store, 1);
    let mut command = shell.command(["follow", "bank", "--json", "--only-new", "--limit", "1"]);
    let mut follower = command.stdout(Stdio::piped()).spawn().unwrap();
    // It is unknown when the follower begins: new events come until it has seen one.
    while follower.try_wait().unwrap().is_none() {
        deposit(&store, 2);
    }
    let line = BufReader::new(follower.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["data"]["amount"], 2);
}
