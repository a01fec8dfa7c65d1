//! W7: bytes on disk for an event, memory, and the time from start to the first read.

use std::error::Error;

use hitherto_store::{EmbeddedStore, FileStat};

use crate::filled::{FilledStore, Stores};
use crate::peers::Choice;
use crate::place::Place;
use crate::probe::{self, Found, Then};
use crate::settings::Settings;
use crate::table::{Role, Table, grouped};
use crate::target::Target::{self, AtMost};

pub(crate) fn run(settings: &Settings, stores: &Stores) -> Result<Vec<Table>, Box<dyn Error>> {
    let found = probed(settings, stores)?;
    let table = |title: &str, unit, targets, figure: fn(&Found) -> f64| {
        let mut table = Table::new(title, unit).less_is_better();
        for (store, found) in stores.all.iter().zip(&found) {
            table.add(store.choice.role(), store.choice.title(), figure(found), targets);
        }
        table
    };
    let memory: &[Target] = &[AtMost(64.0)];
    Ok(vec![
        disk(stores)?,
        table("W7: memory of its own, open and after one read", "MiB", memory, |found| {
            found.opened.own_mib
        }),
        table("W7: memory of its own, after a replay of everything", "MiB", memory, |found| {
            found.then.own_mib
        }),
        table("W7: memory with mapped files, after a replay of everything", "MiB", &[], |found| {
            found.then.resident_mib
        }),
        table("W7: from start to the first read", "ms", &[AtMost(5.0)], |found| {
            found.first_read_ms
        }),
    ])
}

/// What each store's probe found, in the round of the median first read. They run in turns.
fn probed(settings: &Settings, stores: &Stores) -> Result<Vec<Found>, Box<dyn Error>> {
    let mut found = vec![Vec::new(); stores.all.len()];
    for _ in 0..settings.rounds() {
        for (store, found) in stores.all.iter().zip(&mut found) {
            found.push(probe::ask(store.choice, store.place.path(), Then::Replay)?);
        }
    }
    let median = |mut found: Vec<Found>| {
        found.sort_by(|a, b| a.first_read_ms.total_cmp(&b.first_read_ms));
        found[found.len() / 2]
    };
    Ok(found.into_iter().map(median).collect())
}

fn disk(stores: &Stores) -> Result<Table, Box<dyn Error>> {
    let title = format!("W7: disk, after {} events", grouped(stores.events as f64));
    let mut table = Table::new(title, "bytes/event").less_is_better();
    for FilledStore { choice, place, .. } in &stores.all {
        let an_event = |bytes: u64| bytes as f64 / stores.events as f64;
        if choice.role() == Role::Ours {
            let name = format!("{}, the log files without prepared space", choice.title());
            table.add(choice.role(), name, an_event(used_bytes(place)?), &[]);
        }
        let targets: &[Target] =
            if *choice == Choice::Compressed { &[AtMost(150.0)] } else { &[AtMost(390.0)] };
        table.add(choice.role(), choice.title(), an_event(place.allocated_bytes()?), targets);
    }
    Ok(table)
}

/// Without indexes, and without the space that is prepared for what comes next.
fn used_bytes(place: &Place) -> Result<u64, Box<dyn Error>> {
    let stat = EmbeddedStore::open_read_only(place.path())?.stat()?;
    let used = |file: &FileStat| {
        if file.is_compressed { file.allocated_bytes } else { file.used_bytes }
    };
    Ok(stat.files.iter().map(used).sum())
}
