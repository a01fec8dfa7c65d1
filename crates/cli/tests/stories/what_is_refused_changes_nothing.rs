//! An unknown person, something on hold, a store in the place of a new one, an archive that is
//! away, keys that are missing or of another store: each is named, and everything is as it was
//! before.

use std::collections::BTreeMap;
use std::path::Path;

use crate::command::Shell;

const PERSONAL: &str = r#"{"name":{"$personal":{"subject":"person-7","value":"Zoe"}}}"#;

/// All files with their contents.
fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(path).expect("it is a directory");
    let file = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        (name, std::fs::read(entry.path()).expect("it can be read"))
    };
    entries.map(|entry| file(entry.expect("it can be listed"))).collect()
}

/// What the store has, and which history it is.
fn history(shell: &Shell, store: &str) -> (String, String) {
    let events = shell.run(&format!("export {store}")).done().stdout;
    let stat = shell.run(&format!("stat {store} --json")).done().lines().remove(0);
    (events, stat["digest"].to_string())
}

fn bank() -> Shell {
    let shell = Shell::new();
    let append = |store: &str, keys: &str| {
        let words = ["append", store, "customer-7", "CustomerJoined", PERSONAL, "--keys", keys];
        shell.run_with(words).done();
    };
    append("bank", "bank.keys");
    append("other", "other.keys");
    shell.run("append bank invoice-1 InvoiceSent {\"amount\":500}").done();
    shell.run("append bank invoice-1 InvoicePaid {\"amount\":500}").done();
    shell
}

#[test]
fn an_unknown_person_and_keys_that_are_not_there_or_of_another_store() {
    let shell = bank();
    let read = |name: &str| std::fs::read(shell.path(name)).expect("it is there");
    let before = (history(&shell, "bank"), read("bank.keys"), read("other.keys"));
    shell.run("forget bank person-9 --keys bank.keys").refused(2, &["person-9", "keys list"]);
    for keys in ["no.keys", "other.keys"] {
        let named = if keys == "no.keys" { "is missing" } else { "another store" };
        shell.run(&format!("forget bank person-7 --keys {keys}")).refused(2, &[named]);
        shell.run(&format!("read bank --keys {keys}")).refused(2, &[named]);
        let words = ["append", "bank", "customer-8", "CustomerJoined", PERSONAL, "--keys", keys];
        shell.run_with(words).refused(2, &[named]);
    }
    shell.run("keys backup no.keys copy.keys").refused(2, &["no.keys", "is missing"]);
    assert!(!shell.path("no.keys").exists() && !shell.path("copy.keys").exists());
    assert_eq!((history(&shell, "bank"), read("bank.keys"), read("other.keys")), before);
}

#[test]
fn whatever_would_remove_what_is_on_hold() {
    let shell = bank();
    shell.run("hold bank --kind InvoiceSent").done();
    let before = history(&shell, "bank");
    for words in [
        "keep bank --category invoice --max-count 1",
        "keep bank --stream invoice-1 --max-count 1",
        "truncate bank --stream invoice-1 --before-version 2",
        "delete bank --category invoice",
        "tombstone bank --stream invoice-1",
        "hold bank --kind InvoiceSent",
    ] {
        shell.run(words).refused(2, &["InvoiceSent is on hold"]);
        assert_eq!(history(&shell, "bank"), before, "{words}");
    }
}

#[test]
fn a_store_in_the_place_of_what_is_restored() {
    let shell = bank();
    shell.run("backup bank safe").done();
    let (store, backup) = (files(&shell.path("other")), files(&shell.path("safe")));
    shell.run("restore safe other").refused(2, &["other is not empty"]);
    assert_eq!((files(&shell.path("other")), files(&shell.path("safe"))), (store, backup));
    assert!(!shell.path("other.partial").exists());
}

#[test]
fn an_archive_that_is_away() {
    let shell = bank();
    // More than one file has room for, because the newest full one stays.
    let text = "x".repeat(900_000);
    let line = format!(r#"{{"stream":"note-1","kind":"Noted","data":{{"text":"{text}"}}}}"#);
    let lines = (line + "\n").repeat(45);
    shell.feed("import bank", lines.as_bytes()).done();
    let moved = shell.run("archive bank --to cold").done().stdout;
    assert!(moved.contains(" files,") && !moved.starts_with("moved 0"), "{moved}");
    let before = history(&shell, "bank");
    std::fs::rename(shell.path("cold"), shell.path("elsewhere")).expect("it can be moved");
    let store = files(&shell.path("bank"));
    for words in ["export bank", "backup bank safe", "verify bank"] {
        let ended = shell.run(words);
        assert_ne!(ended.code, 0, "{words}: {ended:?}");
        assert!((ended.stdout + &ended.stderr).contains("cold"), "{words}");
    }
    assert!(!shell.path("cold").exists() && !shell.path("safe").join("manifest").exists());
    assert_eq!(files(&shell.path("bank")), store);
    std::fs::rename(shell.path("elsewhere"), shell.path("cold")).expect("it can be moved");
    assert_eq!(history(&shell, "bank"), before);
}
