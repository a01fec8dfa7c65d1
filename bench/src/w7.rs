//! W7: bytes on disk for an event, memory, and the time from start to the first read.

use std::error::Error;

use hitherto_store::EmbeddedStore;

use crate::filled::Stores;
use crate::measure::Measured;
use crate::place::Place;
use crate::probe;
use crate::settings::Settings;
use crate::table::{Role, Table, grouped};

/// A store that lies on disk, closed: its role, its name in the table, its probe.
type Lying<'a> = (Role, &'a str, &'a str, &'a Place);

pub(crate) fn run(settings: &Settings, stores: &Stores) -> Result<Vec<Table>, Box<dyn Error>> {
    let lying: Vec<Lying<'_>> = vec![
        (Role::Ours, "**hitherto**", "hitherto", &stores.ours_place),
        #[cfg(feature = "peers")]
        (Role::Peer, "SQLite by hand", "sqlite", &stores.sqlite_place),
    ];
    let events = grouped(stores.events as f64);
    let mut disk = Table::new(format!("W7: disk, after {events} events"), "bytes/event");
    let mut memory = Table::new("W7: memory after opening and one read", "MiB");
    let mut reopening = Table::new("W7: from start to the first read", "ms");
    for (role, name, probe, place) in lying {
        let measured = |rate| Measured { rate, ..Measured::default() };
        if role == Role::Ours {
            let used = measured(used_bytes(place)? as f64 / stores.events as f64);
            disk.add(role, "**hitherto**, the events themselves", used);
        }
        disk.add(role, name, measured(place.allocated_bytes()? as f64 / stores.events as f64));
        let mut found = (0..settings.rounds.max(1))
            .map(|_| probe::ask(probe, place.path()))
            .collect::<Result<Vec<_>, _>>()?;
        found.sort_by(|a, b| a.first_read_ms.total_cmp(&b.first_read_ms));
        let median = found[found.len() / 2];
        memory.add(role, name, measured(median.resident_mib));
        reopening.add(role, name, measured(median.first_read_ms));
    }
    Ok(vec![disk, memory, reopening])
}

/// Without the space that is prepared for what comes next.
fn used_bytes(place: &Place) -> Result<u64, Box<dyn Error>> {
    let stat = EmbeddedStore::open_read_only(place.path())?.stat()?;
    Ok(stat.files.iter().map(|file| file.used_bytes).sum())
}
