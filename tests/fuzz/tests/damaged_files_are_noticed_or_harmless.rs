//! Files damaged in every way that a seed can say: what was lost is noticed, and nothing else is
//! returned in its place.
//!
//! `HITHERTO_FUZZ_SEED` repeats an earlier run; `cargo xtask fuzz` runs for longer.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use hitherto_fuzz::Session;

/// Memory is counted for the whole process, so one test runs at a time.
static SERIAL: Mutex<()> = Mutex::new(());
const DURATION: Duration = Duration::from_secs(8);

#[test]
fn whatever_is_damaged_is_noticed_or_harmless() {
    let _alone = SERIAL.lock();
    let seed = seed();
    println!("HITHERTO_FUZZ_SEED={seed} repeats this");
    let mut session = Session::new(seed);
    let findings = fuzz(&mut session, DURATION);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    assert!(session.ways_noticed() > 20, "so little damage proves nothing");
}

#[test]
fn whatever_lengths_and_counts_say_nothing_panics_loops_or_takes_much_memory() {
    let _alone = SERIAL.lock();
    let seed = seed();
    println!("HITHERTO_FUZZ_SEED={seed} repeats this");
    let findings = fuzz(&mut Session::that_believes_checksums(seed), DURATION);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn one_seed_is_one_run() {
    let _alone = SERIAL.lock();
    let run = || {
        let mut session = Session::new(7);
        let steps = (0..30).map(|_| session.next_finding().map(|finding| finding.recipe));
        (steps.collect::<Vec<_>>(), session.ways_noticed())
    };
    assert_eq!(run(), run());
}

/// What was found in this time.
fn fuzz(session: &mut Session, duration: Duration) -> Vec<String> {
    let end = Instant::now() + duration;
    let mut findings = Vec::new();
    while Instant::now() < end {
        findings.extend(session.next_finding().map(|finding| finding.to_string()));
    }
    println!("{} damaged stores, {} ways", session.looked_at, session.ways_noticed());
    findings
}

/// The seed that was asked for, or another one each time.
#[expect(clippy::disallowed_methods, reason = "each run shall find other things")]
fn seed() -> u64 {
    let asked = std::env::var("HITHERTO_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok());
    asked.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(1, |now| now.as_millis() as u64)
    })
}
