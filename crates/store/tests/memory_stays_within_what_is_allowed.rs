//! What a store allocates stays within its option, however fast it is filled, and whatever is
//! filled into it. A process of its own: all that is allocated in it is counted.

use std::alloc::System;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cap::Cap;
use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, Options, Tag};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const ALLOWED: usize = 16 << 20;

/// One test at a time, because all are counted together.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn options() -> Options {
    let mut options = Options::default();
    options.memory_bytes_max = ALLOWED as u64;
    options.raw_bytes_max = 32 << 20;
    options
}

fn event() -> NewEvent {
    NewEvent::json("Moved", r#"{"to":"a place that is not worth to be named here"}"#)
}

#[track_caller]
fn check_memory() {
    let most = ALLOCATOR.max_allocated();
    assert!(most <= ALLOWED, "{} KiB were allocated at once", most >> 10);
}

#[test]
fn a_store_that_is_filled_at_once_takes_no_more_than_it_may() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("there is room");
    let store = EmbeddedStore::open_with(directory.path(), options()).expect("it opens");
    for round in 0..300_u32 {
        let mut append = Append::default();
        for number in 0..1000 {
            // Some of all streams come again, in another file.
            let stream = format!("parcel-{}", (round * 1000 + number) % 77_777);
            append = append.and(Append::to(stream).event(event()));
        }
        store.append(append).expect("it is stored");
    }
    check_memory();
}

#[test]
fn many_tags_that_come_at_once_take_no_more_than_they_may() {
    let _alone = alone();
    let mut options = options();
    options.log_file_bytes_min = options.log_file_bytes_max;
    let directory = tempfile::tempdir().expect("there is room");
    let store = EmbeddedStore::open_with(directory.path(), options).expect("it opens");
    for round in 0..4_u32 {
        let tagged = |number: u32| {
            (0..32).fold(event(), move |event, tag| event.tag(Tag::new("item", number * 32 + tag)))
        };
        let append = |number| Append::without_stream().event(tagged(round * 2_000 + number));
        let tickets: Vec<_> = (0..2_000).map(|number| store.submit(append(number))).collect();
        for ticket in tickets {
            ticket.wait().expect("it is stored");
        }
    }
    check_memory();
}

/// A log file may be larger than what an index of it would have room for.
#[test]
fn a_store_without_its_index_files_is_opened_with_no_more_memory_than_it_may_take() {
    let _alone = alone();
    let directory = tempfile::tempdir().expect("there is room");
    let mut options = options();
    (options.log_file_bytes_min, options.log_file_bytes_max) = (128 << 20, 128 << 20);
    let store = EmbeddedStore::open_with(directory.path(), options.clone()).expect("it opens");
    for round in 0..400_u32 {
        let events = (0..1000).map(|number| event().tag(Tag::new("item", round * 1000 + number)));
        store.append(Append::without_stream().events(events)).expect("it is stored");
    }
    store.close().expect("it closes");
    for file in std::fs::read_dir(directory.path()).expect("it is there") {
        let path = file.expect("it is there").path();
        if path.extension().is_some_and(|extension| extension == "idx") {
            std::fs::remove_file(path).expect("it is there");
        }
    }
    let store = EmbeddedStore::open_with(directory.path(), options).expect("it opens");
    let found = store.read(hitherto_store::Query::tag("item", 123_456_u32)).count();
    assert_eq!((found, store.stat().expect("it is open").files.len()), (1, 1));
    check_memory();
}
