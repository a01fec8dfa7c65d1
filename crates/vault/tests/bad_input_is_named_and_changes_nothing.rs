//! Personal data without a vault, unknown subjects, keys that are missing, of another store or
//! damaged: each is a named error, and nothing is half done.

#![allow(clippy::unwrap_used, reason = "a story stops where it goes wrong")]

mod common;

use common::{CANARY, join, joined, payload, personal, read};
use hitherto_store::{Append, EmbeddedStore, ErrorKind, EventStore, NewEvent, Position};
use hitherto_vault::Vault;

#[track_caller]
fn refused<T>(answer: hitherto_store::Result<T>, kind: ErrorKind, named: &str) {
    let error = answer.err().expect("it is refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(named), "{named:?} is not in {error}");
}

#[test]
fn personal_data_without_a_vault_is_refused() {
    let store = EmbeddedStore::in_memory();
    let append = Append::to("customer-7").event(joined("person-7", CANARY));
    refused(store.append(append), ErrorKind::Invalid, "put a vault in front of the store");
    let metadata = NewEvent::json("Noted", "{}").metadata(personal("person-7", CANARY));
    refused(store.append(Append::to("n-1").event(metadata)), ErrorKind::Invalid, "\"$personal\"");
    assert_eq!(store.head().wait().unwrap(), Position::START);
}

#[test]
fn what_is_not_personal_passes_a_vault_and_leaves_no_keys() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys");
    let vault = Vault::over(EmbeddedStore::in_memory(), &keys).unwrap();
    let text = r#"{ "text" : "say \"$personal\" now", "n":1.50 }"#;
    vault.append(Append::to("a-1").event(NewEvent::json("Said", text))).unwrap();
    assert_eq!(payload(&read(&vault, "a-1")[0]), text);
    assert_eq!(read(&vault, "a-1")[0].position(), Position(1));
    assert!(!keys.exists());
}

#[test]
fn a_malformed_personal_value_or_a_reserved_word_is_refused_and_nothing_is_appended() {
    let directory = tempfile::tempdir().unwrap();
    let vault = Vault::over(EmbeddedStore::in_memory(), directory.path().join("keys")).unwrap();
    join(&vault, "person-7", CANARY);
    let (head, keys) = (vault.head().wait().unwrap(), directory.path().join("keys"));
    let before = std::fs::read(&keys).unwrap();
    for (payload, named) in [
        (r#"{"$personal":{"subject":"person-7"}}"#, "\"value\":"),
        (r#"{"$personal":"Zoe"}"#, "is not {\"subject\""),
        (r#"{"$personal":{"subject":"","value":1}}"#, "cannot be a subject"),
        (r#"{"$personal":{"subject":"person-7","value":1},"x":1}"#, "only key"),
        (r#"{"x":{"$sealed":{"subject":"person-7","key":"","data":""}}}"#, "already"),
        (r#"{"x":{"$personal":{"subject":"p","value":1}"#, "must be JSON"),
    ] {
        let append = Append::to("x-1").event(NewEvent::json("Noted", payload));
        refused(vault.append(append), ErrorKind::Invalid, named);
    }
    let forged = NewEvent::json("$SubjectForgotten", r#"{"subject":"person-7","key":""}"#);
    refused(vault.append(Append::to("x-1").event(forged)), ErrorKind::Invalid, "use `forget`");
    refused(vault.forget("person-9"), ErrorKind::NotFound, "person-9");
    assert_eq!(vault.head().wait().unwrap(), head);
    assert_eq!(std::fs::read(keys).unwrap(), before);
    assert!(payload(&read(&vault, "customer-person-7")[0]).contains(CANARY));
}

#[test]
fn keys_that_are_missing_of_another_store_or_damaged_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (store, other) = (EmbeddedStore::in_memory(), EmbeddedStore::in_memory());
    join(&Vault::over(store.clone(), path("keys")).unwrap(), "person-7", CANARY);
    join(&Vault::over(other.clone(), path("others")).unwrap(), "person-7", "Ada");

    refused(Vault::over(store.clone(), path("nowhere")), ErrorKind::NotFound, "is missing");
    assert!(!path("nowhere").exists());
    refused(Vault::over(store.clone(), path("others")), ErrorKind::Invalid, "another store");
    let empty = EmbeddedStore::in_memory();
    refused(Vault::over(empty.clone(), path("keys")), ErrorKind::Invalid, "another store");
    assert_eq!(empty.head().wait().unwrap(), Position::START);

    let whole = std::fs::read(path("keys")).unwrap();
    for place in [0, 20, 130, 200, 270, 383] {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        std::fs::write(path("keys"), &damaged).unwrap();
        let opened = Vault::over(store.clone(), path("keys"));
        assert!(opened.is_err(), "byte {place} was changed");
        assert_eq!(std::fs::read(path("keys")).unwrap(), damaged, "nothing was changed");
    }
    std::fs::write(path("keys"), &whole).unwrap();
    let vault = Vault::over(store, path("keys")).unwrap();
    assert!(payload(&read(&vault, "customer-person-7")[0]).contains(CANARY));
}

#[test]
fn an_older_copy_without_a_key_is_told_from_a_forgotten_subject() {
    let directory = tempfile::tempdir().unwrap();
    let (keys, old) = (directory.path().join("keys"), directory.path().join("old"));
    let store = EmbeddedStore::in_memory();
    let vault = Vault::over(store.clone(), &keys).unwrap();
    join(&vault, "person-7", CANARY);
    std::fs::copy(&keys, &old).unwrap();
    join(&vault, "person-8", "Ada");
    let vault = Vault::over(store, &old).unwrap();
    assert!(payload(&read(&vault, "customer-person-7")[0]).contains(CANARY));
    let missing = vault.read(hitherto_store::Query::stream("customer-person-8")).next().unwrap();
    refused(missing, ErrorKind::NotFound, "no receipt");
}

#[test]
fn a_sealed_value_that_was_moved_to_another_event_does_not_open() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::in_memory();
    let vault = Vault::over(store.clone(), directory.path().join("keys")).unwrap();
    join(&vault, "person-7", CANARY);
    let sealed = read(&store, "customer-person-7")[0].to_new_event();
    let moved = NewEvent::json("CustomerJoined", sealed.payload);
    store.append(Append::to("customer-9").event(moved)).unwrap();
    let moved = vault.read(hitherto_store::Query::stream("customer-9")).next().unwrap();
    refused(moved, ErrorKind::Corrupt, "changed or moved");
}
