//! The directory is removed, another one is put in its place, or its file system becomes read-only,
//! while a process writes there.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use hitherto_faults_test::{Program, Room, append, check, not_run, options, succeeds};
use hitherto_store::{EmbeddedStore, ErrorKind, EventStore};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hitherto-faults-test");
const APPENDS_MAX: u64 = 200;
const ROOM_KIB: u64 = 8192;

#[test]
fn a_directory_that_is_removed_is_an_error_and_never_an_empty_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let mut program = Program::start(&[], PROGRAM, &store);
    program.ask("open").unwrap();
    program.number("append 3");
    remove(&store);
    let mut error = String::new();
    for _ in 0..APPENDS_MAX {
        if let Err(refused) = program.ask("append 1") {
            error = refused;
            break;
        }
    }
    assert!(error.starts_with("Unavailable"), "{error:?}");
    assert!(program.ask("append 1").is_err(), "it does not start anew by itself");
    assert!(!store.exists(), "nothing was made in its place");
    // What is still open can be read; if not, that is said.
    if let Err(error) = program.ask("read") {
        assert!(error.contains("missing") || error.starts_with("Unavailable"), "{error}");
    }
}

/// Removes a directory, and what the program makes in it meanwhile: the next log file is prepared
/// in the background.
fn remove(directory: &Path) {
    while let Err(error) = std::fs::remove_dir_all(directory) {
        assert_eq!(error.kind(), std::io::ErrorKind::DirectoryNotEmpty, "{error}");
    }
}

/// As somebody does who restores a backup and forgets the process that still writes. Its next log
/// file once took the place of one of the store that was restored.
#[test]
fn a_store_that_was_put_in_the_place_of_another_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (store, aside) = (directory.path().join("store"), directory.path().join("aside"));
    let open = || EmbeddedStore::open_with(&store, options(false)).unwrap();
    let forgotten = open();
    (1..=3).for_each(|number| drop(forgotten.append(append(number)).unwrap()));
    std::fs::rename(&store, &aside).unwrap();
    let other = open();
    (1..=40).for_each(|number| drop(other.append(append(number)).unwrap()));
    other.close().unwrap();
    let before = files_of(&store);
    let is_stored = |number: &u64| forgotten.append(append(*number)).is_ok();
    let appended = 3 + (4..APPENDS_MAX).take_while(is_stored).count() as u64;
    assert!(files_of(&store) == before, "nothing was changed in it");
    let error = forgotten.append(append(appended + 1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("another directory was put in the place of"), "{error}");
    drop(forgotten);
    check(&store, 40);
    check(&aside, appended);
}

fn files_of(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.unwrap();
        (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
    };
    std::fs::read_dir(directory).unwrap().map(file).collect()
}

/// As a kernel does when it finds the file system damaged.
#[test]
fn a_file_system_that_becomes_read_only_ends_writing_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (mount_point, image) = (directory.path().join("room"), directory.path().join("image"));
    std::fs::create_dir(&mount_point).unwrap();
    let Some(room) = Room::ext4(&mount_point, &image, ROOM_KIB) else {
        return not_run("nothing can be mounted here, so a read-only remount is not tested");
    };
    let store = room.path().join("store");
    std::fs::create_dir(&store).unwrap();
    let mut program = Program::start(&[], PROGRAM, &store);
    program.ask("open").unwrap();
    program.number("append 10");
    if !become_read_only(&image) {
        return not_run("this kernel cannot be told to find an error in a file system");
    }
    let (appended, error) = program.append_until_it_fails(APPENDS_MAX);
    // What the store writes by itself when nothing is appended may have been the first to fail.
    assert!(error.starts_with("Unavailable") || error.contains("Read-only file system"), "{error}");
    assert!(program.ask("append 1").is_err(), "nothing can be written");
    assert_eq!(program.number("read"), appended, "reads go on");
    drop((program, room));
    // What is repaired is only what the kernel noted about the error.
    Command::new("e2fsck").args(["-fy"]).arg(&image).output().unwrap();
    let room = Room::ext4(&mount_point, &image, ROOM_KIB).unwrap();
    check(&room.path().join("store"), appended);
}

fn become_read_only(image: &Path) -> bool {
    let find = format!("losetup -n -O NAME -j {}", image.display());
    let trigger = "echo 1 > /sys/fs/ext4/$(basename \"$device\")/trigger_fs_error";
    succeeds(&["sh", "-c", &format!("device=$({find}) && [ -n \"$device\" ] && {trigger}")])
}
