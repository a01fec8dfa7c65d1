//! `hitherto projections`: where they stand, what is parked, comparing, switching, going back.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use crate::command::Shell;
use hitherto::checkpoints::Checkpoints;
use hitherto::projection::{Definition, Place};
use hitherto::runner::{Retry, Settings, follow};
use hitherto::{
    Append, Error, Event, NewEvent, Projection, Projector, Query, Recorded, Sql, Store,
};
use hitherto::{StoredEvent, wait};
use hitherto_sql::Sqlite;

#[derive(Event)]
enum DoorEvent {
    Opened {},
    Jammed {},
}

struct Doors<const VERSION: u32>;

impl<const VERSION: u32> Projection for Doors<VERSION> {
    const NAME: &'static str = "doors";
    const VERSION: u32 = VERSION;
    type Event = DoorEvent;

    fn tables(&self) -> &'static str {
        "create table doors (door text primary key, opened integer)"
    }

    fn project(&self, event: &Recorded<DoorEvent>, sql: &mut Sql) {
        match event.data {
            DoorEvent::Jammed {} if VERSION == 1 => sql.refuse("it is jammed"),
            _ => sql.run(
                "insert into doors values (?, 1) on conflict do update set opened = opened + 1",
                (event.stream_id(),),
            ),
        }
    }
}

fn run<P: Projection>(shell: &Shell, projection: P)
where
    Sqlite: Place<P>,
{
    let store = Store::open_read_only(shell.path("doors")).unwrap();
    let sqlite = Sqlite::open(shell.path("read.db")).unwrap().switch_by_hand();
    let starting = Projector::start(&store, sqlite, projection).retry(Retry::never());
    wait(wait(starting.into_future()).unwrap().catch_up()).unwrap();
}

/// A store with a jammed door, and a read model that does not know what to do with it.
fn doors() -> Shell {
    let shell = Shell::new();
    let store = Store::open(shell.path("doors")).unwrap();
    for (stream, kind) in [("door-1", "Opened"), ("door-2", "Jammed"), ("door-2", "Opened")] {
        wait(store.append(Append::to(stream).event(NewEvent::json(kind, "{}")))).unwrap();
    }
    drop(store);
    run(&shell, Doors::<1>);
    shell
}

#[test]
fn they_are_listed_with_how_far_behind_they_are() {
    let shell = doors();
    let line = shell.run("projections read.db --store doors --json").done().lines().remove(0);
    assert_eq!((&line["name"], &line["version"]), (&"doors".into(), &1.into()));
    assert_eq!(
        (&line["position"], &line["lag_events"], &line["parked"]),
        (&3.into(), &0.into(), &2.into())
    );
    assert_eq!((&line["state"], &line["handled"]), (&"live".into(), &1.into()));
    shell.run("append doors door-1 Opened {}").done();
    let line = shell.run("projections read.db --store doors").done().lines().remove(0);
    assert_eq!((&line["state"], &line["lag_events"]), (&"catching up".into(), &1.into()));
    assert!(line["lag_seconds"].as_f64().unwrap() >= 0.0);
    let table = shell.run("projections read.db --once --format table").done().stdout;
    assert!(table.starts_with("name") && table.contains("doors"), "{table}");
}

#[test]
fn what_is_parked_is_listed_and_orders_are_left_for_it() {
    let shell = doors();
    let parked = shell.run("projections parked read.db doors").done().lines();
    assert_eq!((parked.len(), &parked[0]["error"]), (2, &"it is jammed".into()));
    assert_eq!((&parked[0]["key"], &parked[0]["order"]), (&"door-2".into(), &().into()));
    shell.run("projections retry read.db doors --all").done();
    assert_eq!(shell.run("projections parked read.db doors").done().lines()[0]["order"], "retry");
    shell.run("projections skip read.db doors 2").done();
    shell.run("projections skip read.db doors 1").refused(2, &["nothing is parked at position 1"]);
    shell.run("projections skip read.db doors").refused(2, &["POSITION"]);
}

#[test]
fn versions_are_compared_switched_and_rolled_back() {
    let shell = doors();
    shell.run("projections rollback read.db doors").refused(2, &["no other version of doors"]);
    run(&shell, Doors::<2>);
    let compared = shell.run("projections compare read.db doors");
    assert_eq!(compared.code, 1, "{compared:?}");
    let compared = &compared.lines()[0];
    assert_eq!(compared["tables"][0]["beside_examples"], serde_json::json!([["2", 2]]));
    let switched = shell.run("projections switch read.db doors").done();
    assert_eq!(switched.stdout, "version 2 of doors is read from now on\n");
    let states = || {
        let lines = shell.run("projections read.db").done().lines();
        lines
            .iter()
            .map(|line| format!("{} {}", line["version"], line["state"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(states(), ["2 \"read\"", "1 \"before\""]);
    shell.run("projections rollback read.db doors").done();
    assert_eq!(states(), ["1 \"read\"", "2 \"held\""]);
}

#[test]
fn reactions_are_listed_by_their_checkpoints() {
    let shell = doors();
    let store = Store::open_read_only(shell.path("doors")).unwrap();
    let checkpoints = Checkpoints::in_directory(shell.path("checkpoints")).unwrap();
    let mails = checkpoints.of("mails", |event: &StoredEvent| match event.kind() {
        "Jammed" => Err(Error::invalid("no address")),
        _ => Ok(()),
    });
    let definition = Definition::new("mails", 1, Query::all());
    let settings = Settings { retry: Retry::never(), ..Settings::default() };
    let follower = follow(&store, definition, mails.unwrap(), settings).unwrap();
    wait(follower.catch_up()).unwrap();
    let line = shell.run("projections checkpoints --store doors").done().lines().remove(0);
    assert_eq!(
        (&line["name"], &line["position"], &line["parked"]),
        (&"mails".into(), &3.into(), &2.into())
    );
    shell.run("projections skip checkpoints mails 2").done();
    shell
        .run("projections switch checkpoints mails")
        .refused(2, &["only read models have versions"]);
}

#[test]
fn what_is_no_place_is_named() {
    let shell = Shell::new();
    shell.run("projections nowhere.db").refused(2, &["nowhere.db"]);
    std::fs::write(shell.path("letter.txt"), "dear aunt".repeat(1_000)).unwrap();
    let letter = shell.run("projections letter.txt").refused(2, &["not a database"]);
    assert!(!letter.stderr.contains("hitherto verify"), "it is no store: {letter:?}");
    std::fs::write(shell.path("empty.db"), "").unwrap();
    let table = shell.run("projections empty.db --once --format table").done();
    assert!(table.stdout.contains("no projection is kept here"), "{table:?}");
    assert_eq!(shell.run("projections empty.db --json").done().stdout, "");
}

#[test]
fn a_place_where_nothing_can_be_written_beside_is_named() {
    let shell = doors();
    std::fs::create_dir(shell.path("read.db-wal")).unwrap(); // as good as a directory that is read-only
    shell.run("projections read.db").refused(2, &["its directory must be one that can be written"]);
}
