//! A process that may open no more files: an error, and nothing is lost or stopped for good.

use std::process::{Command, Stdio};

use hitherto_faults_test::{Program, check, is_installed};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hitherto-faults-test");
/// With fewer the program itself cannot be loaded, with more everything works.
const DESCRIPTORS: std::ops::Range<u64> = 4..24;
const APPENDS: u64 = 20;

#[test]
fn appends_fail_while_no_file_can_be_opened_and_resume_by_themselves() {
    if !is_installed(&["prlimit", "--nofile=64", "true"], "a limit to the number of open files") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let mut program = Program::start(&["prlimit", "--nofile=64"], PROGRAM, &store);
    program.ask("open").unwrap();
    program.number("append 5");
    assert!(program.number("hog") > 0, "no file can be opened any more");
    let (appended, error) = program.append_until_it_fails(APPENDS);
    assert!(error.starts_with("Unavailable") && error.contains("nothing was written"), "{error}");
    program.number("release");
    assert_eq!(program.number("read"), appended, "nothing is lost");
    assert_eq!(program.number("append 30"), appended + 30, "appends resume by themselves");
    program.ask("close").unwrap();
    check(&store, appended + 30);
}

#[test]
fn however_few_files_may_be_open_nothing_acknowledged_is_lost() {
    if !is_installed(&["prlimit", "--nofile=64", "true"], "a limit to the number of open files") {
        return;
    }
    let mut complete = 0;
    for descriptors in DESCRIPTORS {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("store");
        let limit = format!("--nofile={descriptors}");
        let mut command = Command::new("prlimit");
        command.arg(limit).arg(PROGRAM).arg(&store).args(["run", &APPENDS.to_string()]);
        let output = command.stderr(Stdio::piped()).output().unwrap();
        let answers = String::from_utf8(output.stdout).unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(!complaints.contains("panicked"), "{descriptors} descriptors: {complaints}");
        let lines = answers.lines().skip(1).take(APPENDS as usize);
        let acknowledged = lines.filter(|line| line.starts_with("ok")).count() as u64;
        complete += u64::from(acknowledged == APPENDS);
        check(&store, acknowledged);
    }
    assert!(complete > 0, "with so many files everything works");
}
