//! The directory is removed, or its file system becomes read-only, while a process writes there.

use std::path::Path;
use std::process::Command;

use hitherto_faults_test::{Program, Room, check, not_run, succeeds};

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
