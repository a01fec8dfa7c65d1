//! A disk that takes its time slows its callers down: what waits for it is bounded, nobody is told
//! "failed" because it is late, and all is answered in the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use hitherto_store::planted::{PlantedBug, plant};
use hitherto_store::{
    Append, ContentType, EmbeddedStore, EventStore, NewEvent, Options, Query, SystemClock, Ticket,
};

use crate::common::hooked::HookedDisk;

const APPENDS: usize = 200;
const MIB: usize = 1 << 20;
/// What may wait, one batch that is written, and one append more.
const UNDER_WAY_MAX: usize = 64 + 64 + 1;

fn append(bytes: usize) -> Append {
    let payload = vec![b'x'; bytes];
    Append::without_stream().event(NewEvent::new("Sent", ContentType::Binary, payload))
}

fn slow_store() -> (EmbeddedStore, std::sync::mpsc::Sender<()>) {
    let disk = HookedDisk::default();
    let mut options = Options::default();
    options.log_file_bytes_max = 256 << 20;
    options.log_file_bytes_min = 256 << 20;
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options).expect("it opens");
    let (release, released) = channel();
    disk.on_sync(move || {
        let _ = released.recv(); // also if nobody is there any more
        Ok(())
    });
    (store, release)
}

#[test]
fn what_waits_for_it_is_bounded() {
    let under_way = waiting_for_a_slow_disk(None, 60);
    assert!(under_way <= UNDER_WAY_MAX, "{under_way} MiB wait in memory");
}

#[test]
fn a_queue_without_bound_is_found() {
    waiting_for_a_slow_disk(Some(PlantedBug::QueueWithoutBound), UNDER_WAY_MAX + 1);
}

/// How many appends of a MiB wait while the disk does not go on, at least so many. All are stored
/// in the end.
fn waiting_for_a_slow_disk(bug: Option<PlantedBug>, at_least: usize) -> usize {
    let (store, release) = slow_store();
    let first = store.submit(append(8));
    let submitted = Arc::new(AtomicUsize::new(0));
    let (beside, counted) = (store.clone(), Arc::clone(&submitted));
    let submitting = std::thread::spawn(move || -> Vec<Ticket> {
        plant(bug);
        let submit = |_| {
            let ticket = beside.submit(append(MIB));
            counted.fetch_add(1, Ordering::SeqCst);
            ticket
        };
        (0..APPENDS).map(submit).collect()
    });
    while submitted.load(Ordering::SeqCst) < at_least {
        std::thread::yield_now();
    }
    // Whoever could go on has had its chance by then.
    for _ in 0..1_000 {
        std::thread::yield_now();
    }
    let under_way = submitted.load(Ordering::SeqCst);
    release.send(()).expect("it is waited for");
    assert_eq!(first.wait().expect("it is stored").position.0, 1);
    for ticket in submitting.join().expect("it ends") {
        ticket.wait().expect("it is stored");
    }
    assert_eq!(store.head().wait().expect("it is sound").0, 1 + APPENDS as u64);
    under_way
}

#[test]
fn who_does_not_wait_any_longer_can_come_back_for_the_answer() {
    let (store, release) = slow_store();
    let ticket = store.submit(append(8));
    let ticket = ticket.wait_within(Duration::ZERO).expect_err("it is not synced yet");
    assert_eq!(store.read(Query::all()).count(), 0, "nobody sees it yet");
    release.send(()).expect("it is waited for");
    assert_eq!(ticket.wait().expect("it is stored").position.0, 1);
    let ticket = store.submit(append(8));
    let answer = ticket.wait_within(Duration::from_mins(10)).expect("it is in time");
    assert_eq!(answer.expect("it is stored").position.0, 2);
}
