//! A disk that is full: appends fail cleanly, reads go on, a restart works, and appends resume by
//! themselves when there is room.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::path::Path;

use hitherto_faults_test::{Program, Room, check, is_installed, not_run, succeeds};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hitherto-faults-test");
const ROOM_KIB: u64 = 2048;
const BTRFS_KIB: u64 = 64 << 10;
const BALLAST_BYTES: usize = 512 << 10;
/// More than fit into any room here.
const APPENDS_MAX: u64 = 20_000;

#[test]
fn a_full_file_system_in_memory_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    match Room::in_memory(directory.path(), ROOM_KIB) {
        Some(room) => fill_and_make_room(room.path()),
        None => not_run("nothing can be mounted here, so a full tmpfs is not tested"),
    }
}

#[test]
fn a_full_ext4_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mount_point = directory.path().join("room");
    std::fs::create_dir(&mount_point).unwrap();
    match Room::ext4(&mount_point, &directory.path().join("image"), 2 * ROOM_KIB) {
        Some(room) => fill_and_make_room(room.path()),
        None => not_run("nothing can be mounted here, so a full ext4 is not tested"),
    }
}

fn fill_and_make_room(room: &Path) {
    let (store, ballast) = (room.join("store"), room.join("ballast"));
    std::fs::create_dir(&store).unwrap();
    std::fs::write(&ballast, vec![1; BALLAST_BYTES]).unwrap();
    let mut program = Program::start(&[], PROGRAM, &store);
    program.ask("open").unwrap();
    let (appended, error) = program.append_until_it_fails(APPENDS_MAX);
    assert_says_what_to_do(&error);
    assert_eq!(program.number("read"), appended, "reads go on");
    // What a failed attempt gave back is used up too.
    fill(&room.join("rest"));
    let (appended, error) = program.append_until_it_fails(APPENDS_MAX);
    assert_says_what_to_do(&error);
    assert_eq!(program.number("read"), appended, "reads go on");
    drop(program);
    let mut program = Program::start(&[], PROGRAM, &store);
    assert_eq!(program.number("open"), appended, "a restart works while the disk is full");
    let (appended, error) = program.append_until_it_fails(APPENDS_MAX);
    assert_says_what_to_do(&error);
    assert_eq!(program.number("read"), appended, "reads go on after a restart");
    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(program.number("append 10"), appended + 10, "appends resume by themselves");
    program.ask("close").unwrap();
    check(&store, appended + 10);
}

/// It has no room for what is written over what is there, so the writer ends as after a failed
/// write.
#[test]
fn a_full_btrfs_ends_the_writer_and_loses_nothing() {
    if !is_installed(&["mkfs.btrfs", "--version"], "a full Btrfs") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mount_point = directory.path().join("room");
    std::fs::create_dir(&mount_point).unwrap();
    let Some(room) = Room::btrfs(&mount_point, &directory.path().join("image"), BTRFS_KIB) else {
        return not_run("nothing can be mounted here, so a full Btrfs is not tested");
    };
    let (store, rest) = (room.path().join("store"), room.path().join("rest"));
    std::fs::create_dir(&store).unwrap();
    let mut program = Program::start(&[], PROGRAM, &store);
    program.ask("open").unwrap();
    program.ask("append 100").unwrap();
    fill(&rest);
    let (appended, error) = program.append_until_it_fails(APPENDS_MAX);
    assert!(error.starts_with("Unavailable") && error.contains("is unknown"), "{error}");
    let error = program.ask("append 1").unwrap_err();
    assert!(error.starts_with("Closed") && error.contains("open it again"), "{error}");
    assert_eq!(program.number("read"), appended, "reads go on");
    drop(program);
    std::fs::remove_file(&rest).unwrap();
    let mut program = Program::start(&[], PROGRAM, &store);
    let there = program.number("open");
    assert!(there >= appended, "{appended} appends were acknowledged, {there} are there");
    assert_eq!(program.number("append 10"), there + 10, "appends resume");
    program.ask("close").unwrap();
    check(&store, there + 10);
}

#[test]
fn a_store_whose_lock_file_is_gone_opens_on_a_full_disk() {
    let directory = tempfile::tempdir().unwrap();
    let Some(room) = Room::in_memory(directory.path(), ROOM_KIB) else {
        return not_run("nothing can be mounted here, so a full tmpfs is not tested");
    };
    let store = room.path().join("store");
    std::fs::create_dir(&store).unwrap();
    let mut program = Program::start(&[], PROGRAM, &store);
    program.ask("open").unwrap();
    program.ask("append 10").unwrap();
    program.ask("close").unwrap();
    drop(program);
    std::fs::remove_file(store.join("lock")).unwrap(); // as in a copy of the store
    fill(&room.path().join("rest"));
    let mut program = Program::start(&[], PROGRAM, &store);
    assert_eq!(program.number("open"), 10);
    let second = Program::start(&[], PROGRAM, &store).ask("open").unwrap_err();
    assert!(second.contains("open for writing in another process"), "{second}");
}

/// Takes all the room that is left.
fn fill(rest: &Path) {
    use std::io::Write;
    let mut file = std::fs::File::create(rest).unwrap();
    while file.write_all(&[1; 512]).is_ok() {}
}

fn assert_says_what_to_do(error: &str) {
    assert!(error.starts_with("Unavailable"), "{error}");
    assert!(error.contains("nothing was written") && error.contains("has room"), "{error}");
}

/// Files that may not be as large as usual are made smaller; what fits into none fails.
#[test]
fn a_file_over_the_size_limit_of_a_process_loses_nothing() {
    if !is_installed(&["prlimit", "--fsize=8192", "true"], "a limit to the size of files") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let limited = ["sh", "-c", "trap '' XFSZ; exec prlimit --fsize=12288: \"$@\"", "sh"];
    let mut program = Program::start(&limited, PROGRAM, &store);
    program.ask("open").unwrap();
    assert_eq!(program.number("append 200"), 200, "many files are begun");
    assert_says_what_to_do(&program.ask("append-large").unwrap_err());
    assert_eq!(program.number("read"), 200, "reads go on");
    assert_eq!(program.number("append 10"), 210, "and so do appends that fit");
    assert_says_what_to_do(&program.ask("append-large").unwrap_err());
    let id = program.id().to_string();
    assert!(succeeds(&["prlimit", "--pid", &id, "--fsize=unlimited:"]));
    assert_eq!(program.number("append 10"), 220, "they go on without a limit too");
    program.ask("close").unwrap();
    check(&store, 220);
}
