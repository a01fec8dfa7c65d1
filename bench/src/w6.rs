//! W6: from the acknowledgement of an append to its delivery to a follower, at 500 appends a
//! second.

use std::error::Error;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use hitherto_store::{EmbeddedStore, EventStore, Query};

use crate::filled::stream_name;
use crate::hitherto::Hitherto;
use crate::measure::{Measured, percentiles};
use crate::peers::{Choice, writer};
use crate::place::Place;
use crate::settings::Settings;
use crate::table::{Contestant, Outcome, Role, Table};
use crate::target::Target::MedianMicros;

const APPENDS_A_SECOND: f64 = 500.0;

pub(crate) fn run(settings: &Settings) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut contestants = Vec::new();
    for choice in settings.appending() {
        let (role, title) = (choice.role(), choice.title());
        contestants.push(match choice {
            Choice::Hitherto => {
                Contestant::new(role, title, || follow(settings)).reach(&[MedianMicros(30.0)])
            }
            _ => Contestant::without(role, title),
        });
    }
    if settings.takes_part(Choice::Limit) {
        let name = "limit: a channel between two threads";
        contestants.push(Contestant::new(Role::Limit, name, || Ok(hop(settings))));
    }
    let title = "W6: from acknowledged to delivered to a follower, 500 appends/s";
    Ok(vec![Table::new(title, "events/s").compete(settings.rounds(), contestants)?])
}

fn follow(settings: &Settings) -> Outcome {
    let place = Place::fresh(&settings.directory, "hitherto")?;
    let store = EmbeddedStore::open(place.path())?;
    let following = store.follow(Query::all());
    let (delivered, deliveries) = channel();
    let thread = std::thread::spawn(move || {
        following.map_while(Result::ok).for_each(|_| tell(&delivered));
    });
    let peer = Hitherto::from(store.clone());
    let measured = at_a_pace(settings, writer(&peer, stream_name(1), 1), &deliveries);
    store.close()?;
    thread.join().expect("the follower ends when the store is closed");
    Ok(measured)
}

fn hop(settings: &Settings) -> Measured {
    let (give, take) = channel::<()>();
    let (delivered, deliveries) = channel();
    let thread = std::thread::spawn(move || take.iter().for_each(|()| tell(&delivered)));
    let measured = at_a_pace(settings, || give.send(()).expect("it is listened to"), &deliveries);
    drop(give);
    thread.join().expect("it ends when nothing can come any more");
    measured
}

fn tell(delivered: &Sender<Instant>) {
    // Nobody listens any more once the time is over.
    let _ = delivered.send(Instant::now());
}

/// Does something 500 times a second; each time takes how long after it the delivery was noticed.
fn at_a_pace(
    settings: &Settings,
    mut append: impl FnMut(),
    deliveries: &Receiver<Instant>,
) -> Measured {
    let started = Instant::now();
    let mut latencies = Vec::new();
    while started.elapsed() < settings.duration() || latencies.is_empty() {
        append();
        let acknowledged = Instant::now();
        let delivered = deliveries.recv().expect("what is appended is delivered");
        latencies.push(delivered.saturating_duration_since(acknowledged));
        let next = started + Duration::from_secs_f64(latencies.len() as f64 / APPENDS_A_SECOND);
        std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
    }
    let (p50, p99) = percentiles(&mut latencies);
    Measured { p50, p99, ..Measured::at_once(latencies.len() as u64, started.elapsed()) }
}
