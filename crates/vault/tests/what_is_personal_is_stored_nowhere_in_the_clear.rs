//! A canary is appended as personal data, folded, kept in snapshots and compressed: no file has it,
//! neither while it can be read nor after it was forgotten.

#![allow(clippy::unwrap_used, reason = "a story stops where it goes wrong")]

mod common;

use common::{CANARY, Customer, files_with, join, open, payload, personal, read};
use hitherto::{Repository, Snapshots, Store};
use hitherto_store::{Append, EventStore, NewEvent, Query};
use hitherto_vault::Vault;

#[test]
fn what_is_personal_is_stored_nowhere_in_the_clear() {
    let directory = tempfile::tempdir().unwrap();
    let (bank, keys) = (directory.path().join("bank"), directory.path().join("bank.keys"));
    let store = open(&bank);
    let vault = Vault::over(store.clone(), &keys).unwrap();
    join(&vault, "person-7", CANARY);
    let metadata = format!(r#"{{"by":{}}}"#, personal("person-7", CANARY));
    let whole = NewEvent::json("Noted", personal("person-7", CANARY)).metadata(metadata);
    vault.append(Append::to("note-1").event(whole)).unwrap();
    fill(&vault);
    let customers =
        Repository::<Customer>::new(&Store::on(vault.clone())).snapshots(Snapshots::every(1));
    let load = || hitherto::wait(customers.load("person-7")).unwrap().name;
    assert_eq!((load(), load()), (CANARY.to_owned(), CANARY.to_owned()));
    store.compress().unwrap();
    let compressed = store.stat().unwrap().files.iter().filter(|file| file.is_compressed).count();
    assert!(compressed > 0, "there is a compressed file to look into");
    let snapshots = bank.join("snapshots.cache");
    assert!(snapshots.exists(), "there is a snapshot to look into");
    store.backup(directory.path().join("backup")).unwrap();
    assert_eq!(files_with(directory.path(), CANARY), [""; 0]);

    let (head, digest) =
        (store.head().wait().unwrap(), store.digest(store.head().wait().unwrap()).unwrap());
    let copy = directory.path().join("bank.keys.copy");
    std::fs::copy(&keys, &copy).unwrap();
    vault.forget("person-7").unwrap();

    assert_eq!(load(), "(forgotten)");
    assert_eq!(store.digest(head).unwrap(), digest, "history is what it was");
    let noted = read(&vault, "note-1");
    let forgotten = r#"{"$forgotten":{"subject":"person-7"}}"#;
    assert_eq!(payload(&noted[0]), forgotten);
    assert_eq!(noted[0].metadata(), format!(r#"{{"by":{forgotten}}}"#).as_bytes());
    assert_eq!((noted[0].version(), noted[0].position().0), (1, 3), "it stands where it stood");
    store.backup(directory.path().join("later")).unwrap();
    for (backup, copy) in [("backup", "copy"), ("later", "copy of later")] {
        let copy = directory.path().join(copy);
        hitherto_store::restore(directory.path().join(backup), &copy).unwrap();
        let restored = Vault::read_only(open(&copy), &keys).unwrap();
        assert_eq!(payload(&read(&restored, "note-1")[0]), forgotten, "in {backup}, too");
    }
    drop((customers, vault));
    store.close().unwrap();
    assert_eq!(files_with(directory.path(), CANARY), [""; 0]);
    assert_ne!(std::fs::read(&copy).unwrap(), std::fs::read(&keys).unwrap());
}

fn fill(store: &dyn EventStore) {
    for number in 0..100 {
        let text = format!(r#"{{"number":{number},"text":"{}"}}"#, "x".repeat(400));
        store.append(Append::to("other-1").event(NewEvent::json("Filled", text))).unwrap();
    }
    assert_eq!(store.read(Query::stream("other-1")).count(), 100);
}
