//! Whatever cannot be opened is refused with the reason and left as it was.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hitherto_store::{Append, EmbeddedStore, Error, ErrorKind, EventStore, NewEvent, Query};

fn store_with_events(events: u64) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let store = EmbeddedStore::open(directory.path()).expect("a new store");
    for _ in 0..events {
        store.append(Append::to("a-1").event(NewEvent::json("Happened", "{}"))).expect("it fits");
    }
    store.close().expect("it closes");
    directory
}

fn refusal(path: &Path) -> Error {
    EmbeddedStore::open(path).expect_err("it is refused")
}

fn listing(path: &Path) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let entries = std::fs::read_dir(path).expect("a directory").map(|entry| {
        let entry = entry.expect("it can be listed");
        (entry.file_name(), std::fs::read(entry.path()).expect("a file"))
    });
    let mut all: Vec<_> = entries.collect();
    all.sort();
    all
}

#[test]
fn a_directory_with_other_things_in_it_is_left_alone() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join("letter.txt"), "dear").expect("it is written");
    let error = refusal(directory.path());
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("letter.txt"), "{error}");
    assert_eq!(listing(directory.path()).len(), 1);
}

#[test]
fn a_file_is_no_store() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("file");
    std::fs::write(&file, "text").expect("it is written");
    assert_eq!(refusal(&file).kind(), ErrorKind::Invalid);
    assert_eq!(std::fs::read(&file).expect("it is there"), b"text");
}

#[test]
fn reading_does_not_create_a_store() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for path in [directory.path().to_owned(), directory.path().join("missing")] {
        let error = EmbeddedStore::open_read_only(&path).expect_err("there is none");
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    assert!(listing(directory.path()).is_empty());
}

#[test]
fn a_store_of_a_newer_format_is_refused_by_name_and_left_alone() {
    let directory = store_with_events(3);
    let path = directory.path().join("format");
    let mut format = std::fs::read(&path).expect("it is there");
    for copy in format.chunks_exact_mut(512) {
        copy[8] = 2;
        let checksum = crc32c::crc32c(&copy[..508]);
        copy[508..].copy_from_slice(&checksum.to_le_bytes());
    }
    std::fs::write(&path, format).expect("it is written");
    let before = listing(directory.path());
    let error = refusal(directory.path());
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("format 2"), "{error}");
    assert_eq!(listing(directory.path()), before);
}

#[test]
fn one_damaged_copy_of_format_is_no_loss_and_two_are_reported() {
    let directory = store_with_events(3);
    let path = directory.path().join("format");
    let mut format = std::fs::read(&path).expect("it is there");
    format[20] ^= 1;
    std::fs::write(&path, &format).expect("it is written");
    EmbeddedStore::open(directory.path())
        .expect("the other copy is whole")
        .close()
        .expect("closed");
    let report = hitherto_store::verify(directory.path()).expect("it can be read");
    assert_eq!(report.damages[0].file, "format");
    format[600] ^= 1;
    std::fs::write(&path, &format).expect("it is written");
    assert_eq!(refusal(directory.path()).kind(), ErrorKind::Corrupt);
}

#[test]
fn a_lost_format_file_is_not_taken_for_a_new_store() {
    let directory = store_with_events(3);
    std::fs::remove_file(directory.path().join("format")).expect("it was there");
    let error = refusal(directory.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(directory.path().join("000000000001.log").exists());
}

#[test]
fn a_missing_last_log_file_is_noticed() {
    let directory = store_with_events(0);
    let big = || NewEvent::json("Happened", "x".repeat(700_000));
    let store = EmbeddedStore::open(directory.path()).expect("it opens");
    for _ in 0..4 {
        store.append(Append::to("a-1").event(big())).expect("it fits");
    }
    let last = store.stat().expect("a sound store").files.last().expect("files").name.clone();
    store.close().expect("it closes");
    std::fs::remove_file(directory.path().join(last)).expect("it was there");
    let error = refusal(directory.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("missing"), "{error}");
}

#[test]
fn a_second_writer_is_refused_with_the_first_one_named_and_may_read() {
    let directory = store_with_events(3);
    let first = EmbeddedStore::open(directory.path()).expect("the first one");
    let error = refusal(directory.path());
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let process = format!("process {}", std::process::id());
    assert!(error.to_string().contains(&process), "{error}");
    let reader = EmbeddedStore::open_read_only(directory.path()).expect("beside the writer");
    assert_eq!(reader.read(Query::all()).count(), 3);
    drop(first);
    refusal_is_over(directory.path());
}

fn refusal_is_over(path: &Path) {
    EmbeddedStore::open(path).expect("the first one is gone");
}

#[test]
fn a_directory_without_permission_to_write_can_be_read() {
    let directory = store_with_events(3);
    let read_only = std::fs::Permissions::from_mode(0o555);
    std::fs::set_permissions(directory.path(), read_only).expect("it is ours");
    let reader = EmbeddedStore::open_read_only(directory.path()).expect("reading is allowed");
    assert_eq!(reader.read(Query::all()).count(), 3);
    let error = reader.append(Append::to("a-1").event(NewEvent::json("Happened", "{}")));
    assert_eq!(error.expect_err("it only reads").kind(), ErrorKind::Invalid);
}

/// What an interrupted run leaves ends so, and is removed; a file of somebody else once went with
/// it.
#[test]
fn a_file_of_somebody_else_that_ends_in_tmp_is_left_alone() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let letter = directory.path().join("letter.tmp");
    std::fs::write(&letter, "dear").expect("it is written");
    let error = refusal(directory.path());
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let store = EmbeddedStore::in_memory();
    let error = store.backup(directory.path()).expect_err("there is something else");
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(std::fs::read(&letter).expect("it is there"), b"dear");
    assert_eq!(listing(directory.path()).len(), 1);
}
