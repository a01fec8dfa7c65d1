//! Any number of callers at once: one order of all appends, in which each decided rightly.

use std::sync::atomic::{AtomicU64, Ordering};

use hitherto_store::{Append, EventStore, ExpectedVersion, Position, Query};

use super::case;
use crate::Case;
use crate::story::{event, expecting, positions, read};

pub(super) const CASES: &[Case] = &[
    case!(Concurrency, of_many_at_one_version_exactly_one_wins),
    case!(Concurrency, of_many_under_one_condition_exactly_one_wins),
    case!(Concurrency, who_is_told_saved_can_read_it_at_once),
    case!(Concurrency, many_repeats_at_once_store_one),
    case!(Concurrency, a_ticket_can_be_waited_for_awaited_or_dropped),
    case!(Concurrency, submitted_appends_keep_their_order),
];

const THREADS: u64 = 8;
const ROUNDS: u64 = 40;

/// Runs the same on several threads at once.
fn together(work: impl Fn(u64) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let work = &work;
            scope.spawn(move || work(thread));
        }
    });
}

fn of_many_at_one_version_exactly_one_wins(store: &dyn EventStore) {
    let winners: Vec<AtomicU64> = (0..ROUNDS).map(|_| AtomicU64::new(0)).collect();
    together(|_| {
        for (version, wins) in (0..ROUNDS).zip(&winners) {
            if expecting(store, "a-1", ExpectedVersion::Exact(version)).is_ok() {
                wins.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let counts: Vec<_> = winners.iter().map(|wins| wins.load(Ordering::Relaxed)).collect();
    assert_eq!(counts, vec![1; ROUNDS as usize]);
    assert_eq!(positions(store, Query::stream("a-1")).len() as u64, ROUNDS);
}

fn of_many_under_one_condition_exactly_one_wins(store: &dyn EventStore) {
    together(|_| {
        for seat in 0..ROUNDS {
            let taken = event("SeatTaken").tag(format!("seat:{seat}"));
            let append = Append::without_stream().event(taken);
            let _ = store.append(append.unless(Query::tag("seat", seat), Position::START));
        }
    });
    for seat in 0..ROUNDS {
        assert_eq!(read(store, Query::tag("seat", seat)).len(), 1);
    }
}

fn who_is_told_saved_can_read_it_at_once(store: &dyn EventStore) {
    together(|thread| {
        let stream = format!("a-{thread}");
        for version in 1..=ROUNDS {
            let saved = store.append(Append::to(stream.as_str()).event(event("Happened")));
            assert_eq!(saved.expect("it is sound").version, version);
            assert_eq!(read(store, Query::stream(stream.as_str())).len() as u64, version);
        }
    });
    let all = positions(store, Query::all());
    assert_eq!(all, (1..=THREADS * ROUNDS).collect::<Vec<_>>());
}

fn many_repeats_at_once_store_one(store: &dyn EventStore) {
    let appends: Vec<_> = (0..ROUNDS).map(|_| Append::to("a-1").event(event("Happened"))).collect();
    let written = AtomicU64::new(0);
    together(|_| {
        for append in &appends {
            let saved = store.append(append.clone()).expect("it is sound");
            written.fetch_add(u64::from(!saved.repeated), Ordering::Relaxed);
        }
    });
    assert_eq!(written.into_inner(), ROUNDS);
    assert_eq!(positions(store, Query::all()).len() as u64, ROUNDS);
}

fn a_ticket_can_be_waited_for_awaited_or_dropped(store: &dyn EventStore) {
    let submit = || store.submit(Append::to("a-1").event(event("Happened")));
    drop(submit());
    assert_eq!(submit().wait().expect("it is sound").version, 2);
    let mut ticket = Box::pin(submit());
    let saved = loop {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match ticket.as_mut().poll(&mut context) {
            std::task::Poll::Ready(saved) => break saved,
            std::task::Poll::Pending => std::thread::yield_now(),
        }
    };
    assert_eq!(saved.expect("it is sound").version, 3);
}

fn submitted_appends_keep_their_order(store: &dyn EventStore) {
    let submit = |version| {
        let append = Append::to("a-1").expect(ExpectedVersion::Exact(version));
        store.submit(append.event(event("Happened")))
    };
    let tickets: Vec<_> = (0..ROUNDS).map(submit).collect();
    for (ticket, version) in tickets.into_iter().zip(1..) {
        assert_eq!(ticket.wait().expect("each comes after the one before").version, version);
    }
}
