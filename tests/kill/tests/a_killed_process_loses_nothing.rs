//! A process that appends from eight threads is killed with SIGKILL at a random moment, again and again, on
//! one store: no acknowledged event is lost, and no commit is there in part.
//!
//! `HITHERTO_KILL_ROUNDS` says how often; 100 times by default.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hitherto_store::{EmbeddedStore, EventId, EventStore, Query, Recorded, verify};

const ROUNDS: u64 = 100;
/// The store begins anew after so many rounds, so that reading it again stays quick.
const ROUNDS_OF_A_STORE: u64 = 10;

#[test]
fn a_killed_process_loses_nothing() {
    let rounds = std::env::var("HITHERTO_KILL_ROUNDS").ok().and_then(|text| text.parse().ok());
    let rounds = rounds.unwrap_or(ROUNDS);
    let mut random = u64::from_le_bytes(EventId::new().as_bytes()[8..].try_into().expect("eight"));
    println!("from {random}");
    let mut acknowledged = 0;
    let mut directory = tempfile::tempdir().expect("a temporary directory");
    let mut expected = HashMap::new();
    for round in 0..rounds {
        if round % ROUNDS_OF_A_STORE == 0 {
            directory = tempfile::tempdir().expect("a temporary directory");
            expected.clear();
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let answers = run_and_kill(directory.path(), Duration::from_micros(random >> 48));
        acknowledged += answers.len();
        expected.extend(answers);
        check(directory.path(), &expected);
    }
    println!("{rounds} kills, {acknowledged} appends acknowledged, none lost");
    assert!(acknowledged as u64 > rounds, "the process had time to append");
}

/// What was acknowledged until the kill: the first position of each append, and how many events it had.
fn run_and_kill(store: &Path, after: Duration) -> Vec<(u64, usize)> {
    let mut child = start(store);
    let output = child.stdout.take().expect("its output is piped");
    let reading = std::thread::spawn(move || {
        BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| parse(&line))
            .collect()
    });
    let started = Instant::now();
    // Waiting for a moment is what this test is about: the kill must come at any of them.
    while started.elapsed() < Duration::from_millis(20) + after {
        std::thread::yield_now();
    }
    child.kill().expect("it is ours to kill");
    child.wait().expect("it ends");
    reading.join().expect("the reader is well")
}

fn start(store: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hitherto-kill-test"));
    command.arg(store).stdout(Stdio::piped()).spawn().expect("it starts")
}

/// A line that the kill cut short says nothing.
fn parse(line: &str) -> Option<(u64, usize)> {
    let (position, count) = line.split_once(' ')?;
    Some((position.parse().ok()?, count.parse().ok()?))
}

fn check(path: &Path, expected: &HashMap<u64, usize>) {
    let store = EmbeddedStore::open(path).expect("it opens without a hand");
    let events: Vec<_> =
        store.read(Query::all()).map(|event| event.expect("it is whole")).collect();
    let positions = events.iter().map(|event| event.position().0);
    assert!(positions.eq(1..=events.len() as u64), "positions have no gap");
    for (&first, &count) in expected {
        let end = usize::try_from(first).expect("it is small") - 1 + count;
        assert!(end <= events.len(), "acknowledged events from {first} are lost");
        let commit = &events[end - count..end];
        assert!(commit.iter().all(|event| event.metadata() == commit[0].metadata()), "at {first}");
    }
    check_commits_are_whole(&events);
    drop(store);
    assert_eq!(verify(path).expect("it can be read").damages, []);
}

/// Each append marks its events alike, and says by their kind of mark how many there are.
fn check_commits_are_whole(events: &[Recorded]) {
    for commit in events.chunk_by(|one, next| one.metadata() == next.metadata()) {
        let mark = String::from_utf8_lossy(commit[0].metadata());
        let number: u64 =
            mark.split('/').nth(1).and_then(|n| n.parse().ok()).expect("it has a number");
        let whole = [1, 5, 2, 1][(number % 4) as usize];
        assert_eq!(commit.len() % whole, 0, "half of append {mark} is there");
    }
}
