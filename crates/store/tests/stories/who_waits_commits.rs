//! Who waits for what submits commits it in this thread, and nothing stays behind: not when the
//! future does not await it, panics, waits in between for others, fills the queue, or blocks its
//! thread by other means.

use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use hitherto_store::{
    Append, ContentType, EmbeddedStore, EventStore, NewEvent, Options, Query, SystemClock, wait,
};

use crate::common::hooked::HookedDisk;

fn append(bytes: usize) -> Append {
    let payload = vec![b'x'; bytes];
    Append::without_stream().event(NewEvent::new("Sent", ContentType::Binary, payload))
}

/// A store, and which threads have synced something.
fn store() -> (EmbeddedStore, Arc<Mutex<Vec<ThreadId>>>) {
    let disk = HookedDisk::default();
    let mut options = Options::default();
    options.log_file_bytes_max = 256 << 20;
    options.log_file_bytes_min = 256 << 20;
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options).expect("it opens");
    let threads = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&threads);
    disk.on_sync(move || {
        noted.lock().expect("nobody panics with it").push(std::thread::current().id());
        Ok(())
    });
    (store, threads)
}

fn other_thread_reads_it(store: &EmbeddedStore) {
    let beside = store.clone();
    let reading = move || beside.follow(Query::all()).next().expect("a follow never ends");
    std::thread::spawn(reading).join().expect("it reads").expect("it is sound");
}

#[test]
fn what_is_awaited_is_committed_in_this_thread() {
    let (store, threads) = store();
    let saved = wait(async { store.submit(append(8)).await }).expect("it is stored");
    assert_eq!(saved.position.0, 1);
    let threads = threads.lock().expect("nobody panics with it");
    assert_eq!(*threads, [std::thread::current().id()]);
}

#[test]
fn what_is_not_awaited_is_committed_when_the_future_is_ready_or_panics() {
    let (store, _) = store();
    let mut ticket = None;
    wait(async { ticket = Some(store.submit(append(8))) });
    let ticket = ticket.expect("it was submitted");
    assert_eq!(ticket.wait().expect("it is stored").position.0, 1);

    let mut ticket = None;
    let panics = std::panic::AssertUnwindSafe(|| {
        wait(async {
            ticket = Some(store.submit(append(8)));
            panic!("on purpose");
        });
    });
    std::panic::catch_unwind(panics).expect_err("it panics");
    let ticket = ticket.expect("it was submitted before");
    assert_eq!(ticket.wait().expect("it is stored").position.0, 2);
}

#[test]
fn what_was_left_before_another_wait_is_not_forgotten() {
    let (store, _) = store();
    wait(async {
        let _left = store.submit(append(8));
        wait(async { other_thread_reads_it(&store) });
        let ticket = store.submit(append(8));
        assert_eq!(ticket.wait().expect("a ticket commits too").position.0, 2);
        let ticket = store.submit(append(8));
        let ticket = ticket.wait_within(Duration::from_mins(1)).expect("it does not take long");
        assert_eq!(ticket.expect("it is stored").position.0, 3);
    });
}

#[test]
fn a_queue_that_is_full_of_what_was_left_is_emptied() {
    let (store, _) = store();
    let tickets = wait(async {
        let submit = |_| store.submit(append(1 << 20));
        (0..80).map(submit).collect::<Vec<_>>()
    });
    for ticket in tickets {
        ticket.wait().expect("it is stored");
    }
    assert_eq!(store.head().wait().expect("it is sound").0, 80);
}

#[test]
fn stores_do_not_wait_for_each_other() {
    let (one, _) = store();
    let (other, _) = store();
    wait(async {
        let (first, second) = (one.submit(append(8)), other.submit(append(8)));
        assert_eq!(second.await.expect("it is stored").position.0, 1);
        assert_eq!(first.await.expect("it is stored").position.0, 1);
    });
}

/// Another runtime within the future, or a channel, knows nothing of what was left.
#[test]
fn who_blocks_the_thread_by_other_means_does_not_wait_for_ever() {
    let (store, threads) = store();
    let (sends, receives) = std::sync::mpsc::channel();
    for number in 1..=3 {
        let (beside, sends) = (store.clone(), sends.clone());
        wait(async {
            let _left = store.submit(append(8));
            std::thread::spawn(move || {
                let event = beside.follow(Query::all()).nth(number - 1).expect("there is one");
                sends.send(event.expect("it is sound").position()).expect("somebody waits");
            });
            let read = receives.recv_timeout(Duration::from_mins(1)).expect("it is committed");
            assert_eq!(read.0, number as u64);
        });
    }
    let threads = threads.lock().expect("nobody panics with it");
    assert_ne!(*threads, [std::thread::current().id()], "this thread was blocked");
}
