//! The conformance suite through a vault, and what a vault adds to it: repeats of sealed events,
//! and many callers whose keys are made at once.

#![allow(clippy::unwrap_used, reason = "a story stops where it goes wrong")]

mod common;

use std::sync::Arc;

use common::{CANARY, joined, payload, read};
use hitherto_conformance::{Subject, run_all};
use hitherto_store::{Append, EmbeddedStore, ErrorKind, EventStore, Query};
use hitherto_vault::Vault;

#[derive(Default)]
struct BehindVault(Option<tempfile::TempDir>);

impl Subject for BehindVault {
    fn start(&mut self) -> Arc<dyn EventStore> {
        self.0 = Some(tempfile::tempdir().unwrap());
        self.restart().unwrap()
    }

    fn restart(&mut self) -> Option<Arc<dyn EventStore>> {
        let directory = self.0.as_ref().unwrap().path();
        let store = EmbeddedStore::open(directory.join("store")).unwrap();
        Some(Arc::new(Vault::over(store, directory.join("keys")).unwrap()))
    }
}

#[test]
fn a_store_behind_a_vault_keeps_the_rules() {
    run_all("behind a vault", &mut BehindVault::default()).assert_passed();
}

#[test]
fn a_repeat_of_what_was_sealed_is_known_also_after_a_restart_and_another_content_is_not() {
    let mut subject = BehindVault::default();
    let vault = subject.start();
    let event = joined("person-7", CANARY);
    let append = Append::to("customer-7").event(event.clone());
    assert!(!vault.append(append.clone()).unwrap().repeated);
    assert!(vault.append(append.clone()).unwrap().repeated);
    drop(vault);
    let vault = subject.restart().unwrap();
    assert!(vault.append(append).unwrap().repeated);
    let other = Append::to("customer-7").event(joined("person-7", "Ada").id(event.id));
    assert_eq!(vault.append(other).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(read(&*vault, "customer-7").len(), 1);
}

#[test]
fn many_callers_make_one_key_a_subject_and_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::in_memory();
    std::thread::scope(|scope| {
        for caller in 0..8 {
            // Each has a vault of its own, as processes have.
            let vault = Vault::over(store.clone(), directory.path().join("keys")).unwrap();
            scope.spawn(move || {
                for number in 0..10 {
                    let subject = format!("person-{}", number % 3);
                    let append = Append::to(format!("customer-{caller}"))
                        .event(joined(&subject, &format!("{CANARY} {caller} {number}")));
                    vault.submit(append).wait().unwrap();
                }
            });
        }
    });
    let vault = Vault::over(store, directory.path().join("keys")).unwrap();
    assert_eq!(vault.subjects().unwrap().len(), 3);
    let events: Vec<_> = vault.read(Query::category("customer")).collect::<Result<_, _>>().unwrap();
    assert_eq!(events.iter().filter(|event| payload(event).contains(CANARY)).count(), 80);
    vault.forget("person-0").unwrap();
    let left = vault.read(Query::category("customer"));
    assert_eq!(left.filter(|event| payload(event.as_ref().unwrap()).contains(CANARY)).count(), 48);
}
