//! Holds: what they cover is kept back from policies, operations and scavenges, and what would
//! remove it is refused.

use std::time::Duration;

use crate::common::kept::Kept;
use hitherto_store::{Before, ErrorKind, Hold, Keep, Target};

fn invoices() -> Hold {
    Hold::Kind("Invoiced".to_owned())
}

/// Versions 2 and 5 are invoices.
fn customer(kept: &Kept) {
    for kind in ["Noted", "Invoiced", "Noted", "Noted", "Invoiced", "Noted"] {
        kept.note("customer-1", kind, 1);
        kept.clock.jump(10);
    }
}

#[test]
fn what_would_remove_something_on_hold_is_refused_and_changes_nothing() {
    let kept = Kept::new();
    customer(&kept);
    let target = || Target::stream("customer-1");
    let category = || Target::category("customer");
    for hold in [invoices(), Hold::Stream("customer-1".into()), Hold::Category("customer".into())] {
        kept.store.hold(hold.clone()).expect("it is not on hold yet");
        let head = kept.store.stat().expect("it is open").head;
        let refused = [
            kept.store.delete(target()),
            kept.store.tombstone(category()),
            kept.store.truncate(target(), Before::Version(3)),
            kept.store.keep(category(), Keep::max_count(1)),
            kept.store.keep(target(), Keep::max_age(Duration::from_secs(15))),
        ];
        for answer in refused {
            let error = answer.expect_err("it is on hold");
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(&format!("{hold} is on hold")), "{error}");
        }
        assert_eq!(kept.store.stat().expect("it is open").head, head, "nothing was written");
        assert_eq!(kept.versions("customer-1").len(), 6);
        assert!(kept.store.hold(hold.clone()).is_err(), "it is on hold already");
        kept.store.release(hold).expect("it is on hold");
    }
    kept.store.hold(invoices()).expect("it is not on hold");
    kept.store.truncate(target(), Before::Version(2)).expect("no invoice is before that");
    assert_eq!(kept.versions("customer-1"), [2, 3, 4, 5, 6]);
}

#[test]
fn a_policy_takes_what_is_not_held_and_the_rest_when_it_is_released() {
    let mut kept = Kept::new();
    let minute = Keep::max_age(Duration::from_mins(1));
    kept.store.keep(Target::category("customer"), minute).expect("it can be");
    kept.store.hold(invoices()).expect("it is not on hold yet");
    customer(&kept);
    kept.clock.jump(1_000);
    for _ in 0..2 {
        assert_eq!(kept.versions("customer-1"), [2, 5]);
        kept.store.scavenge().expect("there is room");
        kept.reopen();
        assert_eq!(kept.store.policies().expect("it is open").holds, [invoices()]);
    }
    kept.store.release(invoices()).expect("it is on hold");
    assert_eq!(kept.versions("customer-1"), []);
}

#[test]
fn a_hold_brings_nothing_back() {
    let mut kept = Kept::new();
    let minute = Keep::max_age(Duration::from_mins(1));
    kept.store.keep(Target::category("customer"), minute).expect("it can be");
    customer(&kept); // 60 seconds
    kept.clock.jump(5);
    kept.store.hold(invoices()).expect("it is not on hold yet");
    kept.clock.jump(1_000);
    assert_eq!(kept.versions("customer-1"), [2, 5], "2 was 55 seconds old when it was held");
    kept.store.release(invoices()).expect("it is on hold");
    assert_eq!(kept.versions("customer-1"), []);
    kept.store.hold(invoices()).expect("it is not on hold any more");
    assert_eq!(kept.versions("customer-1"), []);
    kept.reopen();
    assert_eq!(kept.versions("customer-1"), []);
}
