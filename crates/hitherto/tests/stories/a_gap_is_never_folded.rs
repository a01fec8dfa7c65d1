//! A stream that an event is missing from gives an error, and not a state that never was.

use std::sync::Arc;
use std::task::{Context, Poll};

use crate::common::*;
use hitherto::{
    Append, EmbeddedStore, ErrorKind, EventId, EventStore, Events, Position, Query, Repository,
    Result, Snapshots, Store, Ticket, wait,
};
use hitherto_store::{EventSource, Recorded, SnapshotCache};

/// A store that loses the event at one position when it is read.
struct Losing {
    inner: EmbeddedStore,
    lost: Position,
}

struct Lossy {
    events: Events,
    lost: Position,
}

impl EventSource for Lossy {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Recorded>>> {
        match self.events.poll_next(context) {
            Poll::Ready(Some(Ok(event))) if event.position() == self.lost => {
                self.events.poll_next(context)
            }
            other => other,
        }
    }
}

impl EventStore for Losing {
    fn submit(&self, append: Append) -> Ticket {
        self.inner.submit(append)
    }

    fn read(&self, query: Query) -> Events {
        Events::new(Lossy { events: self.inner.read(query), lost: self.lost })
    }

    fn follow(&self, query: Query) -> Events {
        self.inner.follow(query)
    }

    fn find(&self, id: EventId) -> Ticket<Option<Recorded>> {
        self.inner.find(id)
    }

    fn head(&self) -> Ticket<Position> {
        self.inner.head()
    }

    fn snapshots(&self) -> Option<Arc<dyn SnapshotCache>> {
        self.inner.snapshots()
    }
}

fn losing(lost: u64) -> Repository<BankAccount> {
    let inner = EmbeddedStore::in_memory();
    let accounts = Repository::<BankAccount>::new(&Store::on(inner.clone()));
    wait(accounts.update("a", |account| account.open("a", 100))).expect("it opens");
    for _ in 2..=5 {
        wait(accounts.update("a", |account| account.deposit(1))).expect("it is open");
    }
    Repository::new(&Store::on(Losing { inner, lost: Position(lost) }))
}

#[test]
fn a_missing_event_is_noticed_wherever_it_is_followed_by_another() {
    for lost in 1..=4 {
        for accounts in [losing(lost), losing(lost).cache(10).snapshots(Snapshots::every(1))] {
            let error = wait(accounts.load("a")).expect_err("an event is missing");
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains(&format!("version {lost} was to come")), "{error}");
            assert!(wait(accounts.update("a", |account| account.deposit(1))).is_err());
        }
    }
}

#[test]
fn a_missing_last_event_is_noticed_by_the_save() {
    let accounts = losing(5);
    let mut account = wait(accounts.load("a")).expect("nothing shows it");
    account.deposit(1).expect("it is open");
    let error = wait(accounts.save(&mut account)).expect_err("the version is another");
    assert_eq!(error.kind(), ErrorKind::Conflict);
}
