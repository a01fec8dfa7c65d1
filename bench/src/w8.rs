//! W8: append under a condition on one kind and one tag, with 1 and 16 writers.

use std::error::Error;

use hitherto_store::{Append, EmbeddedStore, EventStore, Position, Query, Tag};

use crate::hitherto::{self, new_event};
use crate::measure::run_for;
use crate::place::Place;
use crate::sample::{COMMON_KIND, Samples};
use crate::settings::Settings;
use crate::table::{Contestant, Outcome, Role, Table};

pub(crate) fn run(settings: &Settings) -> Result<Vec<Table>, Box<dyn Error>> {
    Ok(vec![compete(settings, 1)?, compete(settings, 16)?])
}

fn compete(settings: &Settings, writers: usize) -> Result<Table, Box<dyn Error>> {
    let contestants: Vec<Contestant<'_>> = vec![
        (
            Role::Ours,
            "**hitherto**, condition on a kind and a tag",
            Box::new(|| appends(settings, writers, deciding)),
        ),
        (
            Role::Limit,
            "limit: hitherto, expected version",
            Box::new(|| appends(settings, writers, expecting)),
        ),
    ];
    let who = if writers == 1 { "1 writer".to_owned() } else { format!("{writers} writers") };
    let title = format!("W8: append under a condition on one kind and one tag, {who}");
    Table::new(title, "events/s").compete(settings.rounds, contestants)
}

type Writer = fn(&EmbeddedStore, usize) -> Box<dyn FnMut() + Send>;

fn appends(settings: &Settings, writers: usize, writer: Writer) -> Outcome {
    let place = Place::fresh(&settings.directory, "hitherto")?;
    let store = EmbeddedStore::open(place.path())?;
    let workers = (0..writers).map(|number| writer(&store, number)).collect();
    Ok(run_for(settings.duration(), 1, workers))
}

fn expecting(store: &EmbeddedStore, number: usize) -> Box<dyn FnMut() + Send> {
    Box::new(hitherto::writer(store, number, 1))
}

fn deciding(store: &EmbeddedStore, number: usize) -> Box<dyn FnMut() + Send> {
    let store = store.clone();
    let mut samples = Samples::new();
    let mut seen = Position::START;
    Box::new(move || {
        let mut event = new_event(samples.make()).tag(Tag::new("order", number));
        event.kind = COMMON_KIND.into();
        let boundary = Query::tag("order", number).kinds([COMMON_KIND]);
        let append = Append::without_stream().event(event).unless(boundary, seen);
        seen = store.append(append).expect("nobody else uses this tag").position;
    })
}
