//! Two processes and one store: one writes, whatever path the other takes to it.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::panic::catch_unwind;
use std::path::Path;

use hitherto_faults_test::{Program, append, check, options, read_everything, succeeds};
use hitherto_store::planted::{PlantedBug, plant};
use hitherto_store::{EmbeddedStore, ErrorKind, EventStore};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hitherto-faults-test");

fn assert_is_refused(path: &Path, holder: &Program) {
    let error = EmbeddedStore::open_with(path, options(true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let holder = format!("process {}", holder.id());
    assert!(error.to_string().contains(&holder), "{error} says who has it");
    assert!(error.to_string().contains("read-only"), "{error} says what can be done");
}

#[test]
fn a_second_writer_is_refused_by_every_path_until_the_first_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let (store, link) = (directory.path().join("store"), directory.path().join("link"));
    let mut program = Program::start(&[], PROGRAM, &store);
    program.ask("open").unwrap();
    program.number("append 20");
    std::os::unix::fs::symlink(&store, &link).unwrap();
    let around = store.join("..").join("store");
    for path in [&store, &link, &around] {
        assert_is_refused(path, &program);
        let mut other = Program::start(&[], PROGRAM, path);
        assert!(other.ask("open").unwrap_err().starts_with("Unavailable"));
        let beside = EmbeddedStore::open_read_only(path).unwrap();
        assert_eq!(read_everything(&beside).unwrap(), 20, "reading beside a writer works");
    }
    assert_eq!(program.number("append 20"), 40, "the first writer was not disturbed");
    drop(program); // killed: its lock goes with it, and the file `lock` that is left is harmless
    assert!(store.join("lock").exists());
    check(&link, 40);
}

#[test]
fn a_writer_that_is_stopped_and_goes_on_is_still_the_only_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let mut program = Program::start(&[], PROGRAM, &store);
    program.ask("open").unwrap();
    program.number("append 10");
    let id = program.id().to_string();
    assert!(succeeds(&["kill", "-STOP", &id]));
    while !is_stopped(&id) {
        std::thread::yield_now();
    }
    assert_is_refused(&store, &program);
    let beside = EmbeddedStore::open_read_only(&store).unwrap();
    assert_eq!(read_everything(&beside).unwrap(), 10, "reading beside it works");
    assert!(succeeds(&["kill", "-CONT", &id]));
    assert_eq!(program.number("append 10"), 20, "it goes on");
    assert_eq!(read_everything(&beside).unwrap(), 20, "and is seen");
    program.ask("close").unwrap();
    check(&store, 20);
}

/// Two writers, each of which believes to be the only one.
fn two_write(path: &Path) {
    let mut raw = options(false);
    raw.raw_bytes_max = u64::MAX;
    let open = || EmbeddedStore::open_with(path, raw.clone()).unwrap();
    let first = open();
    (1..=5).for_each(|number| drop(first.append(append(number)).unwrap()));
    let second = open();
    (6..=45).for_each(|number| drop(first.append(append(number)).unwrap()));
    second.append(append(6)).unwrap();
    drop((first, second));
    check(path, 45);
}

#[test]
fn a_second_writer_that_is_let_in_is_found() {
    let directory = tempfile::tempdir().unwrap();
    plant(Some(PlantedBug::LockNobodyOut));
    let told = catch_unwind(|| two_write(directory.path()));
    plant(None);
    let told = *told.unwrap_err().downcast::<String>().unwrap();
    assert!(!told.contains("it is open for writing"), "the bug lets both in: {told}");
}

fn is_stopped(id: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().trim_start().starts_with('T')
}
