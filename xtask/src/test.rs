//! `cargo xtask test`: everything that shows that it works, from the lints to the demo.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::services::Services;
use crate::shell::{Outcome, cargo, run, target_directory};
use crate::{FEATURES, check, faults, powerloss};

const DEMO_EVENTS: &str = "2000";

/// All steps, also after one that failed: one run shows all that is wrong.
pub(crate) fn everything() -> Outcome {
    let started = Instant::now();
    // What is fetched keeps the network busy, and the checks keep the processors busy.
    let preparing = std::thread::spawn(prepare);
    let mut results = check::steps().into_iter().map(timed).collect::<Vec<_>>();
    let (labs, skipped) = preparing.join().expect("it says what is missing");
    let tests: [check::Step; 2] = [("tests", || cargo_test(&[])), ("the demo", demo)];
    results.extend(tests.into_iter().chain(labs).map(timed));
    summarise(&results, &skipped, started.elapsed())
}

/// Sees to what the tests need. The power-loss labs that can be run, and those that cannot, with
/// what is missing.
fn prepare() -> (Vec<check::Step>, Vec<Skipped>) {
    faults::prepare();
    let (mut labs, mut skipped) = (Vec::new(), Vec::new());
    for (file_system, lab) in powerloss::IN_THE_TEST_RUN {
        match powerloss::prepare(file_system) {
            Ok(()) => labs.push(lab),
            Err(why) => skipped.push((lab.0, why)),
        }
    }
    Services::fetch();
    (labs, skipped)
}

/// Only the tests whose names contain this.
pub(crate) fn story(story: &str) -> Outcome {
    cargo_test(&["--", story])
}

/// A step that is not run, and why.
type Skipped = (&'static str, String);

struct Done {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

fn timed((name, step): check::Step) -> Done {
    eprintln!("\n== {name}");
    let started = Instant::now();
    let outcome = step();
    if let Err(message) = &outcome {
        eprintln!("\n{message}");
    }
    Done { name, outcome, took: started.elapsed() }
}

fn summarise(steps: &[Done], skipped: &[Skipped], took: Duration) -> Outcome {
    eprintln!("\n== summary");
    for Done { name, outcome, took } in steps {
        let word = if outcome.is_ok() { "ok    " } else { "FAILED" };
        eprintln!("{word} {name} ({} s)", took.as_secs());
    }
    for (name, why) in skipped {
        eprintln!("SKIPPED {name}: nothing was tested of it, because {why}");
    }
    match steps.iter().filter(|step| step.outcome.is_err()).count() {
        0 if !skipped.is_empty() => {
            eprintln!("what was run passed in {} s; not everything was run", took.as_secs());
        }
        0 => eprintln!("everything passed in {} s", took.as_secs()),
        1 => return Err("one step failed: see its messages above".to_owned()),
        failed => return Err(format!("{failed} steps failed: see their messages above")),
    }
    Ok(())
}

/// The demo tells its story on a new store, which is whole afterwards. The program is the one that
/// the tests have built: to build one as it is released takes a fifth of the time of everything.
fn demo() -> Outcome {
    let program = target_directory().join("debug").join("hitherto");
    let store = target_directory().join("test-demo.hitherto");
    let _ = std::fs::remove_dir_all(&store); // of a run that was interrupted
    let demo = run(Command::new(&program).arg("demo").arg(&store).args(["--events", DEMO_EVENTS]));
    let verified = demo.and_then(|()| run(Command::new(&program).arg("verify").arg(&store)));
    let _ = std::fs::remove_dir_all(&store);
    verified
}

/// Runs the tests beside the servers that they need, shows what they print, and says the sum of
/// their results at the end.
fn cargo_test(words: &[&str]) -> Outcome {
    let mut command = cargo(["test", "--workspace", "--no-fail-fast"]);
    let services = Services::for_tests()?;
    command.args(FEATURES).args(words).envs(services.variables.clone()).stdout(Stdio::piped());
    let failed = |error: std::io::Error| format!("cargo test could not be run: {error}");
    let mut child = command.spawn().map_err(failed)?;
    let output = child.stdout.take().expect("it is piped");
    let mut sum = Sum::default();
    for line in BufReader::new(output).lines() {
        let line = line.map_err(failed)?;
        println!("{line}");
        sum.add(&line);
    }
    let status = child.wait().map_err(failed)?;
    println!("\nall tests together: {sum}");
    if status.success() { Ok(()) } else { Err("tests failed: see above".to_owned()) }
}

/// What all `test result:` lines add up to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    passed: u64,
    failed: u64,
}

impl Sum {
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let count = |what: &str| -> u64 {
            let before = result.split_once(what).map_or("", |(before, _)| before);
            before.rsplit([' ', '.']).find_map(|word| word.parse().ok()).unwrap_or_default()
        };
        self.passed += count(" passed");
        self.failed += count(" failed");
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = if self.failed == 0 { "ok" } else { "FAILED" };
        write!(f, "{word}. {} passed; {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_added_up() {
        let mut sum = Sum::default();
        sum.add("test result: ok. 12 passed; 0 failed; 0 ignored; finished in 0.1s");
        sum.add("test result: FAILED. 3 passed; 2 failed; 0 ignored; finished in 0.1s");
        sum.add("running 5 tests");
        assert_eq!(sum, Sum { passed: 15, failed: 2 });
    }
}
