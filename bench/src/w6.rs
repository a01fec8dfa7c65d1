//! W6: from the acknowledgement of an append to its delivery to a follower, at 500 appends a
//! second; and what followers cost that wait for something else.

use std::error::Error;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use hitherto_store::{EmbeddedStore, EventStore, Events, Query};

use crate::filled::stream_name;
use crate::hitherto::Hitherto;
use crate::measure::{Measured, percentiles, run_for};
use crate::peers::{Choice, writer};
use crate::place::Place;
use crate::settings::Settings;
use crate::table::{Contestant, Outcome, Role, Table, grouped};
use crate::target::Target::{self, MedianMicros, OfLimit};

const APPENDS_A_SECOND: f64 = 500.0;
/// Followers that wait for events that never come.
const IDLE: usize = 1000;

pub(crate) fn run(settings: &Settings) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut tables = vec![delivery(settings)?];
    if settings.takes_part(Choice::Hitherto) {
        tables.push(beside_idle_followers(settings, 1)?);
        tables.push(beside_idle_followers(settings, 16)?);
    }
    Ok(tables)
}

fn delivery(settings: &Settings) -> Result<Table, Box<dyn Error>> {
    let targets: &[Target] = &[MedianMicros(30.0)];
    let mut contestants = Vec::new();
    for choice in settings.appending() {
        let (role, title) = (choice.role(), choice.title());
        if choice != Choice::Hitherto {
            contestants.push(Contestant::without(role, title));
            continue;
        }
        let beside = format!("{title}, beside {} idle followers", grouped(IDLE as f64));
        contestants.push(Contestant::new(role, title, || follow(settings, 0)).reach(targets));
        contestants.push(Contestant::new(role, beside, || follow(settings, IDLE)).reach(targets));
    }
    if settings.takes_part(Choice::Limit) {
        let name = "limit: a channel between two threads";
        contestants.push(Contestant::new(Role::Limit, name, || Ok(hop(settings))));
    }
    let title = "W6: from acknowledged to delivered to a follower, 500 appends/s";
    Table::new(title, "events/s").compete(settings.rounds(), contestants)
}

/// What followers cost the writers that they do not wait for: nothing that can be measured.
fn beside_idle_followers(settings: &Settings, writers: u64) -> Result<Table, Box<dyn Error>> {
    let title = Choice::Hitherto.title();
    let name = format!("{title}, beside {} idle followers", grouped(IDLE as f64));
    let beside = Contestant::new(Role::Ours, name, || appended(settings, writers, IDLE));
    let alone = Contestant::new(Role::Limit, "limit: the same without them", || {
        appended(settings, writers, 0)
    });
    let who = if writers == 1 { "1 writer".to_owned() } else { format!("{writers} writers") };
    let title = format!("W6: appends beside followers of other streams, {who}, 1 event a commit");
    let contestants = vec![beside.reach(&[OfLimit(0.95)]), alone];
    Table::new(title, "events/s").compete(settings.rounds(), contestants)
}

fn appended(settings: &Settings, writers: u64, idle: usize) -> Outcome {
    let place = Place::fresh(&settings.directory, "hitherto")?;
    let store = EmbeddedStore::open(place.path())?;
    let waiting = idle_followers(&store, idle);
    let peer = Hitherto::from(store);
    let workers = (0..writers).map(|number| writer(&peer, stream_name(number), 1)).collect();
    let measured = run_for(settings.duration(), 1, workers);
    drop(waiting);
    Ok(measured)
}

/// Each follows a stream of its own that never comes to be, has read everything, and waits.
fn idle_followers(store: &EmbeddedStore, followers: usize) -> Vec<Events> {
    let wait = |number| {
        let mut following = store.follow(Query::stream(format!("idle-{number}").as_str()));
        let polled = following.poll_next(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "nothing is there to be read");
        following
    };
    (0..followers).map(wait).collect()
}

fn follow(settings: &Settings, idle: usize) -> Outcome {
    let place = Place::fresh(&settings.directory, "hitherto")?;
    let store = EmbeddedStore::open(place.path())?;
    let waiting = idle_followers(&store, idle);
    let following = store.follow(Query::all());
    let (delivered, deliveries) = channel();
    let thread = std::thread::spawn(move || {
        following.map_while(Result::ok).for_each(|_| tell(&delivered));
    });
    let peer = Hitherto::from(store.clone());
    let measured = at_a_pace(settings, writer(&peer, stream_name(1), 1), &deliveries);
    store.close()?;
    thread.join().expect("the follower ends when the store is closed");
    drop(waiting);
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
