//! A process that may start no more threads: an error, and the store is free for others.

use hitherto_faults_test::{Program, check, is_installed};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hitherto-faults-test");
/// No thread gets a stack of so many bytes.
const NO_THREAD: [&str; 2] = ["env", "RUST_MIN_STACK=1125899906842624"];

/// Opening a store once panicked then.
#[test]
fn a_store_that_gets_no_thread_is_refused_and_stays_as_it_is() {
    if !is_installed(&[NO_THREAD[0], NO_THREAD[1], "true"], "a process without more threads") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let mut sound = Program::start(&[], PROGRAM, &store);
    sound.ask("open").unwrap();
    sound.number("append 20");
    sound.ask("close").unwrap();
    let mut program = Program::start(&NO_THREAD, PROGRAM, &store);
    for _ in 0..2 {
        let error = program.ask("open").unwrap_err();
        assert!(error.starts_with("Unavailable"), "{error}");
        assert!(error.contains("thread"), "{error} says what there is too little of");
    }
    check(&store, 20);
}
