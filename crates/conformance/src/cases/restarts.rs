//! What was acknowledged is there after a restart, and means the same.

use hitherto_store::{Append, ErrorKind, ExpectedVersion, Query};

use super::restarting;
use crate::story::{event, happen, positions, read, refused};
use crate::{Case, Ran, Subject};

pub(super) const CASES: &[Case] = &[
    restarting("everything_is_there_after_a_restart", everything_is_there_after_a_restart),
    restarting("versions_and_positions_go_on_after_a_restart", numbers_go_on_after_a_restart),
    restarting("a_repeat_is_known_after_a_restart", a_repeat_is_known_after_a_restart),
];

fn everything_is_there_after_a_restart(subject: &mut dyn Subject) -> Ran {
    let store = subject.start();
    for number in 0..30 {
        let tagged = event("Happened").tag(format!("third:{}", number % 3));
        store.append(Append::to(format!("a-{}", number % 4)).event(tagged)).expect("it is sound");
    }
    let queries =
        || [Query::all(), Query::stream("a-1"), Query::tag("third", 2), Query::category("a")];
    let before = queries().map(|query| read(&*store, query));
    drop(store);
    let Some(store) = subject.restart() else { return Ran::NotClaimed };
    assert_eq!(queries().map(|query| read(&*store, query)), before);
    Ran::Passed
}

fn numbers_go_on_after_a_restart(subject: &mut dyn Subject) -> Ran {
    let mut store = subject.start();
    for round in 0..4 {
        for number in 1..=5 {
            let saved = happen(&*store, "a-1", "Happened");
            assert_eq!((saved.version, saved.position.0), (round * 5 + number, round * 5 + number));
        }
        drop(store);
        let Some(restarted) = subject.restart() else { return Ran::NotClaimed };
        store = restarted;
        let wrong = Append::to("a-1").expect(ExpectedVersion::NoStream).event(event("Happened"));
        refused(&*store, wrong, ErrorKind::Conflict);
    }
    assert_eq!(positions(&*store, Query::all()), (1..=20).collect::<Vec<_>>());
    Ran::Passed
}

fn a_repeat_is_known_after_a_restart(subject: &mut dyn Subject) -> Ran {
    let store = subject.start();
    let appends = [ExpectedVersion::NoStream, ExpectedVersion::Exact(1), ExpectedVersion::Any];
    let appends =
        appends.map(|expected| Append::to("a-1").expect(expected).event(event("Happened")));
    let first = appends.clone().map(|append| store.append(append).expect("it is sound"));
    drop(store);
    let Some(store) = subject.restart() else { return Ran::NotClaimed };
    for (append, first) in appends.into_iter().zip(first) {
        let again = store.append(append.clone()).expect("it was stored before");
        assert_eq!(
            (again.position, again.version, again.repeated),
            (first.position, first.version, true)
        );
        let mut changed = append;
        changed.writes[0].events[0].payload = "1".into();
        refused(&*store, changed, ErrorKind::Invalid);
    }
    Ran::Passed
}
