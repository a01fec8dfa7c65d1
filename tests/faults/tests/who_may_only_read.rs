//! A store of somebody else, that may be read and not changed.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hitherto_faults_test::{Program, is_installed};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hitherto-faults-test");
/// Becomes a user who owns nothing; only root may.
const AS_NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

fn let_others_read(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Only the owner of a file may open it so that no reading is noted: it is opened without that
/// then.
#[test]
fn who_does_not_own_a_store_reads_it_and_changes_nothing() {
    let probe = [&AS_NOBODY[..], &["true"]].concat();
    if !is_installed(&probe, "reading a store of another user") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (store, program) = (directory.path().join("store"), directory.path().join("program"));
    let_others_read(directory.path());
    std::fs::copy(PROGRAM, &program).unwrap();
    let_others_read(&program);
    let mut owner = Program::start(&[], PROGRAM, &store);
    owner.ask("open").unwrap();
    owner.number("append 20");
    let mut other = Program::start(&AS_NOBODY, program.to_str().unwrap(), &store);
    let refused = other.ask("open").unwrap_err();
    assert!(refused.starts_with("Unavailable"), "{refused}");
    assert_eq!(other.number("look"), 20, "it may read beside the writer");
    assert_eq!(owner.number("append 20"), 40, "who was not disturbed");
    owner.ask("close").unwrap();
    assert_eq!(other.number("look"), 40);
}
