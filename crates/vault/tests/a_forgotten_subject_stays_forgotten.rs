//! Forgetting is one decision: it survives crashes at every step, repeats, other processes, and an
//! old copy of the keys.

#![allow(clippy::unwrap_used, reason = "a story stops where it goes wrong")]

mod common;

use common::{CANARY, join, payload, read};
use hitherto::{PrivacyEvent, Query, Store};
use hitherto_store::{EmbeddedStore, ErrorKind, EventStore};
use hitherto_vault::Vault;

fn name(store: &dyn EventStore) -> String {
    payload(&read(store, "customer-person-7")[0]).to_owned()
}

fn receipts(store: &dyn EventStore) -> usize {
    store.read(Query::of_kinds(["$SubjectForgotten"])).count()
}

fn is_forgotten(store: &dyn EventStore) -> bool {
    !name(store).contains(CANARY) && name(store).contains(r#""$forgotten""#)
}

#[test]
fn forgetting_twice_is_forgetting_once_and_others_stay() {
    let directory = tempfile::tempdir().unwrap();
    let vault = Vault::over(EmbeddedStore::in_memory(), directory.path().join("keys")).unwrap();
    join(&vault, "person-7", CANARY);
    join(&vault, "person-8", "Ada");
    let forgettings = vault.forgettings();
    vault.forget("person-7").unwrap();
    vault.forget("person-7").unwrap();
    assert_eq!(receipts(&vault), 1);
    assert!(is_forgotten(&vault));
    assert_ne!(vault.forgettings(), forgettings, "caches are told");
    assert!(payload(&read(&vault, "customer-person-8")[0]).contains("Ada"));
    let subjects = vault.subjects().unwrap();
    let forgotten: Vec<_> =
        subjects.iter().map(|one| (one.name.as_str(), one.is_forgotten)).collect();
    assert_eq!(forgotten, [("person-7", true), ("person-8", false)]);

    join(&vault, "person-7", "Zoe is back");
    let events = read(&vault, "customer-person-7");
    assert!(payload(&events[0]).contains("$forgotten") && payload(&events[1]).contains("back"));
    vault.forget("person-7").unwrap();
    assert_eq!(receipts(&vault), 2, "each key has its receipt");
    assert!(payload(&read(&vault, "customer-person-7")[1]).contains("$forgotten"));
}

#[test]
fn an_old_copy_of_the_keys_brings_nobody_back() {
    let directory = tempfile::tempdir().unwrap();
    let (bank, keys) = (directory.path().join("bank"), directory.path().join("keys"));
    let store = EmbeddedStore::open(&bank).unwrap();
    let vault = Vault::over(store.clone(), &keys).unwrap();
    join(&vault, "person-7", CANARY);
    join(&vault, "person-8", "Ada");
    let old = directory.path().join("old");
    std::fs::copy(&keys, &old).unwrap();
    vault.forget("person-7").unwrap();

    std::fs::rename(&old, &keys).unwrap();
    assert!(is_forgotten(&vault), "a vault that is open remembers");
    assert!(payload(&read(&vault, "customer-person-8")[0]).contains("Ada"));
    let reading = Vault::read_only(store.clone(), &keys).unwrap();
    assert!(is_forgotten(&reading), "a reader believes the receipt");
    drop((vault, reading));
    let vault = Vault::over(store, &keys).unwrap();
    assert!(is_forgotten(&vault), "and who may write destroys the key again");
    assert_eq!(receipts(&vault), 1);
}

#[test]
fn a_crash_between_the_key_and_the_receipt_is_healed_by_the_next_open() {
    let directory = tempfile::tempdir().unwrap();
    let (bank, keys) = (directory.path().join("bank"), directory.path().join("keys"));
    {
        let vault = Vault::over(EmbeddedStore::open(&bank).unwrap(), &keys).unwrap();
        join(&vault, "person-7", CANARY);
    }
    let before = directory.path().join("before");
    std::fs::create_dir(&before).unwrap();
    for entry in std::fs::read_dir(&bank).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), before.join(entry.file_name())).unwrap();
    }
    Vault::over(EmbeddedStore::open(&bank).unwrap(), &keys).unwrap().forget("person-7").unwrap();
    // The log as it was before the receipt, with the keys as they are: as a crash leaves them.
    let store = EmbeddedStore::open(&before).unwrap();
    assert_eq!(receipts(&store), 0);
    let vault = Vault::over(store, &keys).unwrap();
    assert_eq!(receipts(&vault), 1, "the receipt was made up for");
    assert!(is_forgotten(&vault));
}

#[test]
fn a_key_that_a_crash_left_to_be_overwritten_is_overwritten_by_the_next_open() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys");
    let store = EmbeddedStore::in_memory();
    let vault = Vault::over(store.clone(), &keys).unwrap();
    join(&vault, "person-7", CANARY);
    join(&vault, "person-8", "Ada");
    let before = std::fs::read(&keys).unwrap();
    vault.forget("person-7").unwrap();
    drop(vault);
    let after = std::fs::read(&keys).unwrap();
    let key = &before[2 * 128 + 24..2 * 128 + 56];
    let has_key = |bytes: &[u8]| bytes.windows(32).any(|window| window == key);
    assert!(has_key(&before) && !has_key(&after));

    // It was written down that the key is destroyed, and then the power went.
    let cut = [&before[..], &after[before.len()..before.len() + 128]].concat();
    std::fs::write(&keys, &cut).unwrap();
    let reading = Vault::read_only(store.clone(), &keys).unwrap();
    assert!(is_forgotten(&reading));
    let vault = Vault::over(store, &keys).unwrap();
    assert!(!has_key(&std::fs::read(&keys).unwrap()));
    assert!(is_forgotten(&vault));
    assert!(payload(&read(&vault, "customer-person-8")[0]).contains("Ada"));
}

#[test]
fn a_vault_in_another_process_forgets_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let (bank, keys) = (directory.path().join("bank"), directory.path().join("keys"));
    let vault = Vault::over(EmbeddedStore::open(&bank).unwrap(), &keys).unwrap();
    join(&vault, "person-7", CANARY);
    let other = Vault::read_only(EmbeddedStore::open_read_only(&bank).unwrap(), &keys).unwrap();
    assert!(name(&other).contains(CANARY));
    let mut followed = other.follow(Query::stream("customer-person-7"));
    vault.forget("person-7").unwrap();
    assert!(is_forgotten(&other));
    let event = followed.next().unwrap().unwrap();
    assert!(payload(&event).contains("$forgotten"), "also whoever follows since before");
    let found = other.find(event.id()).wait().unwrap().unwrap();
    assert!(payload(&found).contains("$forgotten"));
    assert_eq!(other.forget("person-7").unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_read_model_is_told_whom_to_forget() {
    let directory = tempfile::tempdir().unwrap();
    let vault = Vault::over(EmbeddedStore::in_memory(), directory.path().join("keys")).unwrap();
    join(&vault, "person-7", CANARY);
    vault.forget("person-7").unwrap();
    let mut receipts = Store::on(vault).read_as::<PrivacyEvent>(Query::all());
    let receipt = receipts.next().unwrap().unwrap();
    let PrivacyEvent::SubjectForgotten { subject, .. } = &receipt.data;
    assert_eq!(subject, "person-7");
    assert_eq!(receipt.tags().collect::<Vec<_>>(), ["subject:person-7"]);
    assert!(receipts.next().is_none());
}
