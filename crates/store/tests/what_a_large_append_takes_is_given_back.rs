//! Memory that a large append took was once kept for as long as the store was open. A process of
//! its own: all that is allocated in it is counted.

use std::alloc::System;

use cap::Cap;
use hitherto_store::{Append, EmbeddedStore, EventStore, NewEvent, Options};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

const ALLOWED: usize = 16 << 20;

#[test]
fn what_a_large_append_takes_is_given_back() {
    let mut options = Options::default();
    options.memory_bytes_max = ALLOWED as u64;
    let directory = tempfile::tempdir().expect("there is room");
    let store = EmbeddedStore::open_with(directory.path(), options).expect("it opens");
    let event = || NewEvent::json("Uploaded", "x".repeat(1 << 20));
    store.append(Append::to("film-1").events((0..48).map(|_| event()))).expect("it is stored");
    let kept = ALLOCATOR.allocated();
    assert!(kept <= ALLOWED, "{} KiB are kept", kept >> 10);
}
