//! The process that is killed: appends from several threads, and says what was acknowledged.
//!
//! A line `round thread number position` on standard output says that the append of this key was
//! acknowledged, with the position of its first event. It is written before the next append begins.
//! `seen PERSON`, `forgotten PERSON` and `backup HEAD` say the same of what they name.

use std::error::Error;
use std::io::{self, Write};

use hitherto_kill_test::{
    Key, Places, THREADS, Way, boundary, make_noise, options, own_stream, person, seen,
};
use hitherto_store::{DirectoryArchive, EmbeddedStore, EventStore, Position, Query, Result, Saved};
use hitherto_vault::Vault;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let places = arguments.next().ok_or("the first argument is where everything lies")?;
    let places = Places::below(places);
    let round = arguments.next().ok_or("the second argument is the round")?.parse()?;
    let store = EmbeddedStore::open_with(places.store(), options(round))?;
    let vault = Vault::over(store.clone(), places.keys())?;
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || append_for_ever(store, Key { round, thread, number: 0 }));
        }
        scope.spawn(|| remove_for_ever(&store, round));
        scope.spawn(|| meet_people_for_ever(&vault, round));
        scope.spawn(|| care_for_ever(&store, &places, round));
    });
    Err("the process was not killed".into())
}

fn append_for_ever(store: &EmbeddedStore, mut key: Key) {
    let mut version = last(store, Query::stream(own_stream(key.thread))).1;
    let mut seen = last(store, boundary(key.thread)).0;
    loop {
        let saved = append(store, key, version, seen).expect("nobody else appends here");
        match key.way() {
            Way::OwnStream | Way::TwoStreams => version = saved.versions[0],
            Way::Condition => seen = saved.position,
            Way::Twice => {}
        }
        if acknowledge(key, &saved).is_err() {
            return; // nobody listens any more
        }
        key.number += 1;
    }
}

/// Appends what nobody needs, removes it again, and gives its room back, while the others append.
fn remove_for_ever(store: &EmbeddedStore, round: u64) {
    for number in round.. {
        make_noise(store, number).expect("nobody minds");
        if number.is_multiple_of(8) {
            store.scavenge().expect("there is room");
        }
    }
}

/// Sees people and forgets every second of them, while the others append.
fn meet_people_for_ever(vault: &Vault, round: u64) {
    for number in 0.. {
        let person = person(round, number);
        vault.append(seen(&person)).expect("nobody minds");
        let mut told = say(&format!("seen {person}"));
        if number.is_multiple_of(2) {
            vault.forget(&person).expect("somebody was seen a moment ago");
            told = told.and_then(|()| say(&format!("forgotten {person}")));
        }
        if told.is_err() {
            return; // nobody listens any more
        }
    }
}

/// In turns takes a backup, moves old files to the archive and compresses, while the others append.
fn care_for_ever(store: &EmbeddedStore, places: &Places, round: u64) {
    let archive = DirectoryArchive::create(places.archive()).expect("there is room");
    for turn in round.. {
        match turn % 3 {
            0 => {
                let backup = store.backup(places.backup()).expect("there is room");
                if say(&format!("backup {}", backup.head)).is_err() {
                    return; // nobody listens any more
                }
            }
            1 => drop(store.archive(&archive, 0).expect("there is room")),
            _ => store.compress().expect("there is room"),
        }
    }
}

fn append(store: &EmbeddedStore, key: Key, version: u64, seen: Position) -> Result<Saved> {
    let saved = store.append(key.append(version, seen))?;
    assert!(!saved.repeated, "{key} was never appended before");
    if key.way() == Way::Twice {
        let repeated = store.append(key.append(version, seen))?;
        assert_eq!(repeated.first_position, saved.first_position, "{key} is stored once");
        assert!(repeated.repeated, "{key} was appended a moment ago");
    }
    Ok(saved)
}

fn acknowledge(key: Key, saved: &Saved) -> io::Result<()> {
    say(&format!("{key} {}", saved.first_position))
}

fn say(line: &str) -> io::Result<()> {
    io::stdout().lock().write_all(format!("{line}\n").as_bytes())
}

/// Position and version of the last event that matches.
fn last(store: &EmbeddedStore, query: Query) -> (Position, u64) {
    let last = store.read(query.backward().limit(1)).next();
    last.map_or((Position::START, 0), |event| {
        let event = event.expect("the store is well");
        (event.position(), event.version())
    })
}
