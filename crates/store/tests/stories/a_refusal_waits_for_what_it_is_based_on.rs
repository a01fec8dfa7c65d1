//! An append is refused because of another in the same batch: whoever is told so must be able to
//! rely on it, so the refusal waits for the sync as a "saved" does.

use std::io;
use std::sync::{Arc, Mutex};

use hitherto_store::{
    Append, EmbeddedStore, ErrorKind, EventStore, ExpectedVersion, NewEvent, Options, Query,
    SystemClock, Ticket,
};

use crate::common::hooked::HookedDisk;

fn append() -> Append {
    let event = NewEvent::json("Opened", "{}");
    Append::to("account-1").expect(ExpectedVersion::NoStream).event(event)
}

/// What two appends that exclude one another are answered, written in one batch whose sync ends so.
fn answers_if_the_sync(ends: io::Result<()>) -> [Option<ErrorKind>; 2] {
    let mut options = Options::default();
    options.background = false;
    let disk = HookedDisk::default();
    let store = EmbeddedStore::on(disk.clone(), SystemClock, options).expect("it opens");
    let tickets: Arc<Mutex<Vec<Ticket>>> = Arc::default();
    let (beside, given) = (store.clone(), Arc::clone(&tickets));
    // While the first is synced two more come, and wait for each other.
    disk.on_sync(move || {
        let both = [append(), append()].map(|append| beside.submit(append));
        given.lock().expect("nobody panicked").extend(both);
        Ok(())
    });
    disk.on_sync(|| ends);
    store.append(Append::to("other").event(NewEvent::json("Happened", "{}"))).expect("it fits");
    let tickets = std::mem::take(&mut *tickets.lock().expect("nobody panicked"));
    let kinds = tickets.into_iter().map(|ticket| ticket.wait().err().map(|error| error.kind()));
    let kinds = kinds.collect::<Vec<_>>().try_into().expect("there were two");
    assert!(store.read(Query::all()).all(|event| event.is_ok()), "reads go on");
    kinds
}

#[test]
fn it_is_told_when_the_reason_is_durable() {
    assert_eq!(answers_if_the_sync(Ok(())), [None, Some(ErrorKind::Conflict)]);
}

#[test]
fn it_is_not_told_when_the_reason_may_be_lost() {
    let failed = Err(io::Error::other("the disk is gone"));
    assert_eq!(answers_if_the_sync(failed), [Some(ErrorKind::Unavailable); 2]);
}
