//! What W1, W2 and W3 have in common: some writers, each with its own stream, append and wait.

use std::error::Error;
use std::sync::Arc;

use crate::limit::{EVENT_BYTES, GroupCommit, Waiter, ZeroedFile};
use crate::measure::run_for;
use crate::peers::{Choice, writer};
use crate::place::Place;
use crate::settings::Settings;
use crate::table::{Contestant, Outcome, Role, Table};
use crate::target::Target;

/// How many append how much, and what we want to reach.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) writers: usize,
    pub(crate) events_a_commit: usize,
    pub(crate) targets: &'static [Target],
}

/// The table of all stores and the limit under a load.
pub(crate) fn compete(
    settings: &Settings,
    title: &str,
    load: Load,
) -> Result<Table, Box<dyn Error>> {
    let mut contestants = Vec::new();
    for choice in settings.appending() {
        let round = move || appended(settings, choice, load);
        contestants.push(Contestant::new(choice.role(), choice.title(), round).reach(load.targets));
    }
    if settings.takes_part(Choice::Limit) {
        let name = match load.writers {
            1 => "limit: one sync a commit, by hand",
            _ => "limit: group commit by hand",
        };
        let round = || by_hand(settings, load);
        contestants.push(Contestant::new(Role::Limit, name, round));
    }
    Table::new(title, "events/s").compete(settings.rounds(), contestants)
}

fn appended(settings: &Settings, choice: Choice, load: Load) -> Outcome {
    let place = Place::fresh(&settings.directory, &choice.word())?;
    let peer = choice.open(place.path())?;
    let events = load.events_a_commit;
    let worker = |number| writer(&*peer, format!("order-{number:08}"), events);
    let workers = (0..load.writers).map(worker).collect();
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
