//! With the variable set, the history check writes the samples of today, and never overwrites one.
//!
//! Alone in its file, because a process has only one set of variables: this test runs itself once
//! more.

use hitherto::Event;
use hitherto::testing::check_history;
use std::path::Path;
use std::process::Command;

#[derive(Event)]
enum NoteEvent {
    NoteAdded { text: String },
    NoteRemoved,
}

const FOLDER: &str = "HITHERTO_TEST_FOLDER";

fn check(folder: &Path) {
    let added = NoteEvent::NoteAdded { text: "first".into() };
    check_history(folder, [added, NoteEvent::NoteRemoved]);
}

#[test]
fn samples_of_today_are_written_when_it_is_asked_for() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return check(Path::new(&folder));
    }
    let parent = tempfile::tempdir().expect("a temporary directory");
    let folder = parent.path().join("history");
    let missing = std::panic::catch_unwind(|| check(&folder)).expect_err("nothing is there");
    let message = missing.downcast_ref::<String>().expect("a panic says what is wrong");
    assert!(message.contains("NoteAdded.v1.json") && message.contains("HITHERTO_WRITE_HISTORY=1"));
    assert!(!folder.exists(), "nothing is written that was not asked for");

    write_samples(&folder);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("it was written");
    assert_eq!(read("NoteAdded.v1.json"), r#"{"text":"first"}"#);
    assert_eq!(read("NoteRemoved.v1.json"), "{}");
    check(&folder);

    let older = r#"{"text":"as it was stored"}"#;
    std::fs::write(folder.join("NoteAdded.v1.json"), older).expect("it can be written");
    write_samples(&folder);
    assert_eq!(read("NoteAdded.v1.json"), older);
}

/// Runs this very test in a process of its own, with the variable set.
fn write_samples(folder: &Path) {
    let this = std::env::current_exe().expect("a test is a program");
    let mut again = Command::new(this);
    again.env("HITHERTO_WRITE_HISTORY", "1").env(FOLDER, folder);
    let output = again.output().expect("it can be run again");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
