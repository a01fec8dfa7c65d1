//! A small whole run (open, append, new files, indexes, compression, close), in which each of its
//! system calls is once the last one before a kill, and once the one that fails.
//!
//! Not tried: a write that says it wrote a part and did not write even that. That is a disk that
//! lies. Real short writes are what happens at a full disk and at a limit to the size of files.

use hitherto_faults_test::{Traced, check, is_installed};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hitherto-faults-test");
const APPENDS: u64 = 14;
/// All calls that change something, and those that open.
const CHANGES: [&str; 7] =
    ["pwrite64", "fdatasync", "fsync", "/^rename", "/^unlink", "ftruncate", "openat"];

fn can_trace() -> bool {
    let probe = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true"];
    is_installed(&probe, "what system calls that fail do")
}

/// Has the fault at the first such call, at the second, and so on until a run is not hit; how
/// often it was hit.
fn at_every(call: &str, fault: &str, judge: impl Fn(&Traced, &str)) -> u64 {
    for number in 1.. {
        let directory = tempfile::tempdir().expect("there is room");
        let store = directory.path().join("store");
        let run =
            Traced::run(PROGRAM, &store, APPENDS, call, &fault.replace('#', &number.to_string()));
        let name = format!("{call} {number}, {fault}");
        assert!(!run.complaints.contains("panicked"), "{name}: {}", run.complaints);
        judge(&run, &name);
        println!("{name}: {} acknowledged", run.acknowledged);
        check(&store, run.acknowledged);
        if !run.was_hit {
            assert_eq!(run.acknowledged, APPENDS, "{name}: without a fault everything works");
            return number - 1;
        }
    }
    unreachable!("a run ends")
}

/// All these calls, as many at once as there are processors.
fn at_every_of(calls: &[&str], fault: &str, judge: impl Fn(&Traced, &str) + Sync) -> u64 {
    std::thread::scope(|scope| {
        let judge = &judge;
        let threads = calls.iter().map(|call| scope.spawn(move || at_every(call, fault, judge)));
        let threads = threads.collect::<Vec<_>>();
        let hits = threads.into_iter().map(|thread| thread.join().expect("no promise is broken"));
        hits.sum()
    })
}

#[test]
fn a_kill_before_any_system_call_loses_nothing() {
    if !can_trace() {
        return;
    }
    let hits = at_every_of(&CHANGES, "signal=KILL:when=#", |_, _| {});
    println!("killed before each of {hits} system calls");
    assert!(hits > 100, "so few calls prove nothing");
}

#[test]
fn a_system_call_that_fails_once_loses_nothing() {
    if !can_trace() {
        return;
    }
    let hits = at_every_of(&CHANGES, "error=EIO:when=#", assert_errors_are_told);
    println!("each of {hits} system calls failed once");
    assert!(hits > 100, "so few calls prove nothing");
}

/// The first failed sync ends writing for good, though the kernel would say that the next one
/// succeeded.
fn assert_errors_are_told(run: &Traced, name: &str) {
    let opened = run.answers.first().is_some_and(|answer| answer.starts_with("ok"));
    let appends = if opened { &run.answers[1..=APPENDS as usize] } else { &[] };
    let mut is_unknown = false;
    for answer in appends {
        assert!(!is_unknown || answer.starts_with("error"), "{name}: {:#?}", run.answers);
        let is_named = ["ok ", "error Unavailable: ", "error Closed: "];
        assert!(is_named.iter().any(|start| answer.starts_with(start)), "{name}: {answer}");
        is_unknown |= answer.contains("is unknown") || answer.contains("no more appends");
        let has_advice = answer.contains("is unknown: open the store again")
            || answer.contains("open it again to write")
            || answer.contains("see that the disk has room and try again");
        assert!(answer.starts_with("ok") || has_advice, "{name}: {answer}");
    }
    if let Some(read) = run.answers.get(1 + APPENDS as usize).filter(|_| opened) {
        let read = read.strip_prefix("ok ").and_then(|count| count.parse::<u64>().ok());
        assert!(read.is_none_or(|count| count >= run.acknowledged), "{name}: {:#?}", run.answers);
        assert!(read.is_some() || name.starts_with("openat"), "{name}: reads go on");
    }
}

#[test]
fn syncs_that_fail_from_some_time_on_lose_nothing() {
    if !can_trace() {
        return;
    }
    at_every_of(&["fdatasync", "fsync"], "error=EIO:when=#+", assert_errors_are_told);
}

#[test]
fn calls_that_are_interrupted_are_repeated() {
    if !can_trace() {
        return;
    }
    let directory = tempfile::tempdir().expect("there is room");
    // The first reads are those of whatever loads the program, which does not repeat them.
    for (call, first) in [("pwrite64", 1), ("pread64", 9)] {
        let store = directory.path().join(call);
        let fault = format!("error=EINTR:when={first}+2");
        let run = Traced::run(PROGRAM, &store, APPENDS, call, &fault);
        assert!(run.was_hit && run.acknowledged == APPENDS, "{call}: {:#?}", run.answers);
        check(&store, APPENDS);
    }
}

/// The test of the test: what cannot be survived, because the disk says that it wrote what it did
/// not write, is seen as a loss.
#[test]
fn a_disk_that_lies_about_writes_is_seen() {
    if !can_trace() {
        return;
    }
    let is_loss = |number: &u64| {
        let directory = tempfile::tempdir().expect("there is room");
        let store = directory.path().join("store");
        let fault = format!("retval=100:when={number}");
        let run = Traced::run(PROGRAM, &store, APPENDS, "pwrite64", &fault);
        std::panic::catch_unwind(|| check(&store, run.acknowledged)).is_err()
    };
    assert!((1..60).any(|number| is_loss(&number)), "a lost write loses something");
}
