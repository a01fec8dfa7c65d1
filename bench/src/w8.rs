//! W8: append under a condition on one kind and one tag, with 1 and 16 writers.

use std::error::Error;

use crate::filled::stream_name;
use crate::measure::run_for;
use crate::peers::{Choice, Conditions, Peer, writer};
use crate::place::Place;
use crate::sample::{COMMON_KIND, Samples};
use crate::settings::Settings;
use crate::table::{Contestant, Outcome, Role, Table};
use crate::target::Target::{OfLimit, OfPeers};

pub(crate) fn run(settings: &Settings) -> Result<Vec<Table>, Box<dyn Error>> {
    Ok(vec![compete(settings, 1)?, compete(settings, 16)?])
}

fn compete(settings: &Settings, writers: usize) -> Result<Table, Box<dyn Error>> {
    let mut contestants = Vec::new();
    for choice in settings.appending() {
        let (role, title) = (choice.role(), choice.title());
        let round = move || {
            appended(settings, choice, writers, |peer, number| {
                Box::new(deciding(peer, &number.to_string()))
            })
        };
        contestants.push(if choice.has_conditions() {
            Contestant::new(role, title, round).reach(&[OfLimit(0.9), OfPeers(1.0)])
        } else {
            Contestant::without(role, title)
        });
    }
    if settings.takes_part(Choice::Limit) {
        let round = || {
            appended(settings, Choice::Hitherto, writers, |peer, number| {
                Box::new(writer(peer, stream_name(number), 1))
            })
        };
        let name = "limit: hitherto, expected version";
        contestants.push(Contestant::new(Role::Limit, name, round));
    }
    let who = if writers == 1 { "1 writer".to_owned() } else { format!("{writers} writers") };
    let title = format!("W8: append under a condition on one kind and one tag, {who}");
    Table::new(title, "events/s").compete(settings.rounds(), contestants)
}

type Worker<'a> = Box<dyn FnMut() + Send + 'a>;

fn appended(
    settings: &Settings,
    choice: Choice,
    writers: usize,
    worker: impl for<'a> Fn(&'a dyn Peer, u64) -> Worker<'a>,
) -> Outcome {
    let place = Place::fresh(&settings.directory, &choice.word())?;
    let peer = choice.open(place.path())?;
    let workers = (0..writers as u64).map(|number| worker(&*peer, number)).collect();
    Ok(run_for(settings.duration(), 1, workers))
}

/// Appends events with a tag of its own, each time if it has seen all of them.
pub(crate) fn deciding<'a>(peer: &'a dyn Peer, name: &str) -> impl FnMut() + Send + use<'a> {
    let conditions: &dyn Conditions = peer.conditions().expect("it was asked before");
    let tag = format!("order:{name}");
    let mut samples = Samples::new();
    let mut seen = 0;
    move || {
        let mut sample = samples.make();
        sample.kind = COMMON_KIND;
        let appended = conditions.append_unless(sample, &tag, seen);
        seen = appended.expect("nobody else uses this tag");
    }
}
