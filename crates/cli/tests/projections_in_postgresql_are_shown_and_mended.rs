//! `hitherto projections postgres://…`: the same as for a file, on a real server.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

#[path = "../../postgres/tests/stories/common/mod.rs"]
mod bank;
#[path = "stories/command/mod.rs"]
mod command;

use bank::Database;
use command::Shell;
use hitherto::{
    Append, Event, NewEvent, Projection, Projector, Recorded, Sql, Store, runner::Settings, wait,
};
use hitherto_postgres::Postgres;

#[derive(Event)]
enum DoorEvent {
    Opened {},
    Jammed {},
}

struct Doors;

impl Projection for Doors {
    const NAME: &'static str = "doors";
    type Event = DoorEvent;

    fn tables(&self) -> &'static str {
        "create table doors (door text primary key)"
    }

    fn project(&self, event: &Recorded<DoorEvent>, sql: &mut Sql) {
        match event.data {
            DoorEvent::Jammed {} => sql.refuse("it is jammed"),
            DoorEvent::Opened {} => sql.run("insert into doors values (?)", (event.stream_id(),)),
        }
    }
}

#[test]
fn projections_in_postgresql_are_listed_measured_and_mended() {
    let what = "projections in PostgreSQL on the command line";
    let Some(database) = Database::new(what) else { return };
    let url = &database.url;
    let shell = Shell::new();
    let store = Store::open(shell.path("store")).unwrap();
    for (door, kind) in [(1, "Opened"), (2, "Jammed"), (2, "Opened")] {
        let event = NewEvent::json(kind, "{}");
        wait(store.append(Append::to(format!("door-{door}")).event(event))).unwrap();
    }
    let place = Postgres::connect(url).unwrap();
    let settings = Settings { retry: hitherto::runner::Retry::never(), ..Settings::default() };
    let start = || {
        let starting = Projector::start(&store, place.clone(), Doors).settings(settings.clone());
        wait(starting.into_future()).unwrap()
    };
    let doors = start();
    wait(doors.catch_up()).unwrap();

    let listed = shell.run(&format!("projections {url} --store store --json")).done().stdout;
    assert!(listed.contains(r#""position":3"#) && listed.contains(r#""parked":2"#), "{listed}");
    let figures = shell.run(&format!("projections {url} --store store --prometheus")).done().stdout;
    for figure in
        ["parked{name=\"doors\",version=\"1\"} 2", "lag_events{name=\"doors\",version=\"1\"} 0"]
    {
        assert!(figures.contains(&format!("hitherto_follower_{figure}\n")), "{figures}");
    }
    let parked = shell.run(&format!("projections parked {url} doors")).done().stdout;
    assert!(parked.contains("it is jammed") && parked.contains("door-2"), "{parked}");

    drop(doors);
    shell.run(&format!("projections skip {url} doors 2")).done();
    let doors = start();
    while doors.status().parked > 0 {
        std::thread::yield_now();
    }
    let no_other = ["there is no other version of doors"];
    shell.run(&format!("projections rollback {url} doors")).refused(2, &no_other);
    shell.run("projections postgres://nobody@127.0.0.1:1/x").refused(2, &["PostgreSQL"]);
}
