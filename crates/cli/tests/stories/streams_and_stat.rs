//! What is in a store, in short.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use crate::command::Shell;
use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, Options};
use serde_json::json;

fn bank() -> Shell {
    let shell = Shell::new();
    shell.run("append bank card-1 Issued").done();
    shell.run("append bank account-2 Opened").done();
    shell.run("append bank account-1 Opened").done();
    shell.run("append bank account-2 Closed").done();
    shell.run("append bank - Noted").done();
    shell
}

#[test]
fn streams_are_listed_by_name_with_version_and_position() {
    let shell = bank();
    let stream = |name, version, position| json!({"stream": name, "version": version, "last_position": position});
    let accounts = [stream("account-1", 1, 3), stream("account-2", 2, 4)];
    let all = [accounts[0].clone(), accounts[1].clone(), stream("card-1", 1, 1)];
    assert_eq!(shell.run("streams bank").done().lines(), all);
    assert_eq!(shell.run("streams bank --category account").done().lines(), accounts);
    assert_eq!(shell.run("streams bank --category acc").done().stdout, "");
    let table = shell.run("streams bank --format table").done().stdout;
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.contains("account-2        2              4"), "{table}");
}

#[test]
fn stat_counts_events_streams_and_bytes() {
    let shell = bank();
    let stat = shell.run("stat bank").done().lines().remove(0);
    assert_eq!((&stat["head"], &stat["streams"]), (&json!(5), &json!(3)));
    let file = &stat["files"][0];
    assert_eq!((&file["first_position"], &file["events"]), (&json!(1), &json!(5)));
    let [used, allocated] =
        ["used_bytes", "allocated_bytes"].map(|key| file[key].as_u64().unwrap());
    assert!(0 < used && used <= allocated, "{file}");
    let table = shell.run("stat bank --format table").done().stdout;
    assert!(table.contains("streams   3"), "{table}");
}

#[test]
fn stat_says_how_much_is_compressed_and_how_well() {
    let shell = Shell::new();
    let mut options = Options::default();
    (options.log_file_bytes_min, options.log_file_bytes_max) = (64 << 10, 64 << 10);
    let store = EmbeddedStore::open_with(shell.path("bank"), options).unwrap();
    for _ in 0..5 {
        let event = || NewEvent::json("Noted", format!("\"{}\"", "all is well ".repeat(20)));
        store.append(Append::to("note-1").events((0..100).map(|_| event()))).unwrap();
    }
    let raw = || shell.run("stat bank --format table").done().stdout;
    assert!(!raw().contains("compressed"), "nothing is yet: {}", raw());
    store.compress().unwrap();
    store.close().unwrap();
    let table = shell.run("stat bank --format table").done().stdout;
    let line =
        table.lines().find(|line| line.contains("files are compressed")).expect("it is said");
    let percent = line.split('(').nth(1).and_then(|rest| rest.split(' ').next());
    let percent: u64 = percent.unwrap().parse().unwrap();
    assert!((1..50).contains(&percent), "{line}");
}
