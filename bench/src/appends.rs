//! What W1, W2 and W3 have in common: some writers, each with its own stream, append and wait.

use std::error::Error;
use std::sync::Arc;

use hitherto_store::EmbeddedStore;

use crate::hitherto;
use crate::limit::{EVENT_BYTES, GroupCommit, Waiter, ZeroedFile};
use crate::measure::run_for;
use crate::place::Place;
use crate::settings::Settings;
use crate::table::{Contestant, Outcome, Role, Table};

/// How many append how much.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) writers: usize,
    pub(crate) events_a_commit: usize,
}

/// The table of our store, SQLite and the limit under a load.
pub(crate) fn compete(
    settings: &Settings,
    title: &str,
    load: Load,
) -> Result<Table, Box<dyn Error>> {
    let limit = match load.writers {
        1 => "limit: one sync a commit, by hand",
        _ => "limit: group commit by hand",
    };
    let contestants: Vec<Contestant<'_>> = vec![
        (Role::Ours, "**hitherto**", Box::new(|| ours(settings, load))),
        #[cfg(feature = "peers")]
        (Role::Peer, "SQLite by hand", Box::new(|| sqlite(settings, load))),
        (Role::Limit, limit, Box::new(|| by_hand(settings, load))),
    ];
    Table::new(title, "events/s").compete(settings.rounds, contestants)
}

fn ours(settings: &Settings, load: Load) -> Outcome {
    let place = Place::fresh(&settings.directory, "hitherto")?;
    let store = EmbeddedStore::open(place.path())?;
    let events = load.events_a_commit;
    let workers =
        (0..load.writers).map(|stream| hitherto::writer(&store, stream, events)).collect();
    Ok(run_for(settings.duration(), events as u64, workers))
}

#[cfg(feature = "peers")]
fn sqlite(settings: &Settings, load: Load) -> Outcome {
    let place = Place::fresh(&settings.directory, "sqlite")?;
    let table = crate::sqlite::Sqlite::open(place.path())?;
    let events = load.events_a_commit;
    let workers = (0..load.writers).map(|stream| table.writer(stream, events)).collect();
    Ok(run_for(settings.duration(), events as u64, workers))
}

fn by_hand(settings: &Settings, load: Load) -> Outcome {
    let place = Place::fresh(&settings.directory, "limit")?;
    let mut file = ZeroedFile::large(place.path())?;
    let bytes = vec![1; load.events_a_commit * EVENT_BYTES];
    let things = load.events_a_commit as u64;
    if load.writers == 1 {
        let write = || file.write(&bytes).expect("the disk works");
        return Ok(run_for(settings.duration(), things, vec![write]));
    }
    let group = Arc::new(GroupCommit::into(file));
    let worker = |_| {
        let (group, waiter, bytes) = (Arc::clone(&group), Waiter::new(), bytes.clone());
        move || group.append(&bytes, &waiter)
    };
    Ok(run_for(settings.duration(), things, (0..load.writers).map(worker).collect()))
}
