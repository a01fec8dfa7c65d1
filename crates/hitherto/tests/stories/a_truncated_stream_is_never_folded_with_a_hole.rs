//! What loading gives when retention has removed events of the stream: a state from a snapshot, one
//! from an event that stands alone, a new beginning after a deletion, or an error. Never a state
//! with a hole.

use hitherto::{
    Aggregate, EmbeddedStore, ErrorKind, Event, Repository, Root, Snapshots, Store, wait,
};
use hitherto_store::{Before, EventStore, Keep, Query, Target};
use serde::{Deserialize, Serialize};

#[derive(Event)]
enum BookEvent {
    Booked { amount: i64 },
    CarriedForward { balance: i64 },
}
use BookEvent::{Booked, CarriedForward};

#[derive(Default, Clone, Serialize, Deserialize)]
struct Book {
    #[serde(skip)]
    root: Root<BookEvent>,
    balance: i64,
}

impl Aggregate for Book {
    const CATEGORY: &'static str = "book";
    type Id = String;
    type Event = BookEvent;
    type Error = ();

    fn root(&mut self) -> &mut Root<BookEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &BookEvent) {
        match event {
            Booked { amount } => self.balance += amount,
            CarriedForward { balance } => self.balance = *balance,
        }
    }

    fn stands_alone(event: &BookEvent) -> bool {
        matches!(event, CarriedForward { .. })
    }
}

fn target() -> Target {
    Target::stream("book-1")
}

/// Three bookings of 10.
fn book(
    configure: impl Fn(Repository<Book>) -> Repository<Book>,
) -> (EmbeddedStore, Repository<Book>) {
    let store = EmbeddedStore::in_memory();
    let books = configure(Repository::new(&Store::on(store.clone())));
    for _ in 0..3 {
        wait(books.update("1", |book| book.raise(Booked { amount: 10 }))).expect("it is new");
    }
    (store, books)
}

fn truncate(store: &EmbeddedStore, version: u64) {
    store.truncate(target(), Before::Version(version)).expect("it has so many");
}

#[test]
fn without_a_snapshot_it_is_an_error_that_says_why() {
    let (store, books) = book(|books| books);
    truncate(&store, 3);
    let error = wait(books.load("1")).err().expect("two bookings are missing");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("before version 3 were removed by retention"), "{error}");
    assert!(wait(books.update("1", |book| book.raise(Booked { amount: 1 }))).is_err());
    for version in 1..=3 {
        let error = wait(books.at_version("1", version)).err().expect("it is gone");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    truncate(&store, 4);
    let error = wait(books.load("1")).err().expect("all of them are missing");
    assert_eq!(error.kind(), ErrorKind::NotFound, "and it is not taken for a new one");
}

#[test]
fn a_snapshot_of_what_is_gone_goes_on_also_when_its_own_event_is_gone() {
    for (kept_from, scavenges) in [(3, false), (4, false), (4, true)] {
        let (store, books) = book(|books| books.snapshots(Snapshots::every(3)));
        truncate(&store, kept_from);
        if scavenges {
            store.scavenge().expect("there is room");
        }
        assert_eq!(wait(books.load("1")).expect("the snapshot is of version 3").balance, 30);
        let saved = wait(books.update("1", |book| book.raise(Booked { amount: 1 })));
        assert_eq!(saved.expect("it can be loaded").version, 4);
        assert_eq!(wait(books.load("1")).expect("and again").balance, 31);
    }
}

#[test]
fn an_event_that_stands_alone_begins_the_state() {
    let (store, books) = book(|books| books);
    let carry = |book: &mut Book| book.raise(CarriedForward { balance: book.balance });
    wait(books.update("1", carry)).expect("it can be loaded");
    wait(books.update("1", |book| book.raise(Booked { amount: 5 }))).expect("it can be loaded");
    truncate(&store, 4);
    let mut book = wait(books.load("1")).expect("version 4 stands alone");
    assert_eq!((book.balance, book.root().version()), (35, 5));
    store.keep(target(), Keep::max_count(1)).expect("it can be");
    let error = wait(books.load("1")).err().expect("version 5 does not stand alone");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_deleted_stream_begins_anew_behind_its_last_version() {
    for (cache, snapshots) in [(false, false), (true, false), (false, true), (true, true)] {
        let (store, books) = book(|mut books| {
            if cache {
                books = books.cache(10);
            }
            if snapshots { books.snapshots(Snapshots::every(1)) } else { books }
        });
        store.delete(target()).expect("it is there");
        let mut book = wait(books.load("1")).expect("it may be reopened");
        assert_eq!((book.balance, book.root().version()), (0, 3));
        let saved = wait(books.update("1", |book| book.raise(Booked { amount: 7 })));
        assert_eq!(saved.expect("it may be reopened").version, 4);
        assert_eq!(wait(books.load("1")).expect("it is there").balance, 7);
        assert_eq!(store.read(Query::stream("book-1")).count(), 1);
        assert!(wait(books.at_version("1", 2)).is_err(), "that life is over");
        store.tombstone(target()).expect("it is there");
        let refused = wait(books.update("1", |book| book.raise(Booked { amount: 7 })));
        assert!(refused.is_err(), "never again");
    }
}
