//! What is exported from one store and imported into another is the same.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use crate::command::Shell;
use hitherto_store::{Append, ContentType, EmbeddedStore, EventStore, NewEvent, Query, Recorded};

/// Interleaved streams, payloads of every sort, everything that can be said about an event.
fn fill(shell: &Shell, name: &str) {
    let store = EmbeddedStore::open(shell.path(name)).unwrap();
    for number in 0..50_u32 {
        let stream = format!("account-{}", number % 3);
        let event = NewEvent::json("Deposited", format!("{{\"amount\": {number}}}")).tag("a:1");
        store.append(Append::to(stream).event(event)).unwrap();
    }
    let payloads: [(ContentType, &'static [u8]); 6] = [
        (ContentType::Json, b"{\n \"over\": \"lines\"\n}"),
        (ContentType::Json, b"not json"),
        (ContentType::Text, b"plain \x07 text\n"),
        (ContentType::Text, b"\xff"),
        (ContentType::Binary, b"\x00\xff"),
        (ContentType::Binary, b""),
    ];
    for (content_type, payload) in payloads {
        let event = NewEvent::new("Odd", content_type, payload).metadata(&b"{ }"[..]);
        let event = event.schema_version(9).correlation(hitherto_store::EventId::new());
        store.append(Append::without_stream().event(event)).unwrap();
    }
    store.close().unwrap();
}

fn events(shell: &Shell, name: &str) -> Vec<Recorded> {
    let store = EmbeddedStore::open_read_only(shell.path(name)).unwrap();
    store.read(Query::all()).map(Result::unwrap).collect()
}

#[track_caller]
fn assert_same(shell: &Shell, one: &str, other: &str) {
    let (one, other) = (events(shell, one), events(shell, other));
    assert_eq!(one.len(), other.len());
    for (a, b) in one.iter().zip(&other) {
        assert_eq!((a.position(), a.version()), (b.position(), b.version()));
        assert_eq!((a.stream(), a.to_new_event()), (b.stream(), b.to_new_event()));
    }
}

#[test]
fn a_store_comes_through_a_file_as_it_was() {
    let shell = Shell::new();
    fill(&shell, "bank");
    shell.run("export bank bank.jsonl").done();
    let imported = shell.run("import copy bank.jsonl").done().lines().remove(0);
    assert_eq!((&imported["stored"], &imported["head"]), (&56.into(), &56.into()));
    assert_same(&shell, "bank", "copy");
}

#[test]
fn a_store_comes_through_a_pipe_as_it_was_with_commits_of_any_size() {
    let shell = Shell::new();
    fill(&shell, "bank");
    let lines = shell.run("export bank").done().stdout;
    for (name, command) in [
        ("one", "import one --batch 1"),
        ("seven", "append seven --from-stdin --batch 7"),
        ("default", "import default -"),
    ] {
        shell.feed(command, lines.as_bytes()).done();
        assert_same(&shell, "bank", name);
    }
}

#[test]
fn an_import_repeated_with_commits_of_another_size_stores_nothing_twice() {
    let shell = Shell::new();
    fill(&shell, "bank");
    let lines = shell.run("export bank").done().stdout;
    let first_twenty: String = lines.split_inclusive('\n').take(20).collect();
    shell.feed("import copy --batch 3", first_twenty.as_bytes()).done();
    let imported = shell.feed("import copy --batch 8", lines.as_bytes()).done().lines().remove(0);
    assert_eq!((&imported["stored"], &imported["repeated"]), (&36.into(), &20.into()));
    assert_same(&shell, "bank", "copy");
}

#[test]
fn an_export_takes_a_query_and_never_overwrites() {
    let shell = Shell::new();
    fill(&shell, "bank");
    shell.run("export bank some.jsonl --stream account-1 --limit 2").done();
    let some = std::fs::read_to_string(shell.path("some.jsonl")).unwrap();
    assert_eq!(some.lines().count(), 2);
    shell.run("export bank some.jsonl").refused(2, &["some.jsonl", "choose another name"]);
    assert_eq!(std::fs::read_to_string(shell.path("some.jsonl")).unwrap(), some);
}
