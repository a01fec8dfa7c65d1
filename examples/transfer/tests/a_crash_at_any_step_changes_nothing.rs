//! A transfer is interrupted at every step, by a crash or by a real kill: the outcome is the same
//! as without, and the total always is.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hitherto::checkpoints::Checkpoints;
use hitherto::{EmbeddedStore, Outcome as _, Processor, Query, Result, Store, wait};
use hitherto_example_bank::BankAccount;
use hitherto_example_transfer::{Bank, Stage, Stepped, SteppedStore, Steps, TransferMoney};

const TOTAL: u64 = 500_000;

/// Two accounts, one that was closed, and transfers to every sort of end.
fn requests(store: &Store) -> Bank {
    let bank = Bank::on(store);
    for (number, cents) in [("ANN", TOTAL), ("BEN", 0), ("OLD", 0)] {
        bank.open(number, cents).expect("the store works");
    }
    wait(bank.accounts.update("OLD", BankAccount::close)).must().expect("it is open");
    bank.request("T-1", "ANN", "BEN", 30_000).expect("the store works");
    bank.request("T-2", "BEN", "ANN", 90_000).expect("the store works");
    bank.request("T-3", "ANN", "OLD", 20_000).expect("the store works");
    bank.request("T-4", "ANN", "BEN", 150_000).expect("the store works");
    bank.approve("T-4").expect("it waits for that");
    bank
}

/// What has happened to each account and each transfer: the outcome.
type Outcome = BTreeMap<String, Vec<(String, String)>>;

fn outcome(store: &EmbeddedStore) -> Outcome {
    let mut outcome = Outcome::new();
    for event in
        Store::on(store.clone()).read(Query::category("account").or(Query::category("transfer")))
    {
        let event = event.expect("the store is well");
        let stream = event.stream().expect("it was asked for by category").to_owned();
        let data = String::from_utf8_lossy(event.payload()).into_owned();
        outcome.entry(stream).or_default().push((event.kind().to_owned(), data));
    }
    outcome
}

/// Runs the process until it is dead or done.
fn run(store: &EmbeddedStore, checkpoints: &Checkpoints, steps: &Steps) {
    let store = Store::on(SteppedStore { store: store.clone(), steps: steps.clone() });
    let process = Stepped(TransferMoney::new(&store), steps.clone());
    let process = wait(Processor::start(&store, checkpoints, process)).expect("it starts");
    let bank = Bank::on(&store);
    let settled = || bank.settle(&process);
    std::thread::scope(|scope| {
        let settled = scope.spawn(settled);
        while !settled.is_finished() {
            if steps.is_dead() {
                process.stop(); // and so it settles with an error
            }
            std::thread::yield_now();
        }
        let settled: Result<()> = settled.join().expect("it does not panic");
        assert_eq!(settled.is_err(), steps.is_dead());
    });
}

/// The outcome without any crash, and how many steps it takes.
fn undisturbed() -> (Outcome, u64) {
    let store = EmbeddedStore::in_memory();
    let bank = requests(&Store::on(store.clone()));
    let steps = Steps::all();
    run(&store, &Checkpoints::in_memory(), &steps);
    let stages = ["T-1", "T-2", "T-3", "T-4"].map(|id| bank.stage(id).expect("it loads"));
    assert_eq!(stages, [Stage::Completed, Stage::Declined, Stage::Returned, Stage::Completed]);
    assert_eq!(bank.total().expect("it loads"), TOTAL);
    (outcome(&store), steps.passed())
}

#[test]
fn a_crash_at_every_single_step_has_the_same_outcome() {
    let (expected, count) = undisturbed();
    assert!(count > 40, "there are steps before and after everything");
    for step in 1..=count {
        let store = EmbeddedStore::in_memory();
        let bank = requests(&Store::on(store.clone()));
        let checkpoints = Checkpoints::in_memory();
        let crashing = Steps::until(step, |_, _| {});
        run(&store, &checkpoints, &crashing);
        assert!(crashing.is_dead(), "step {step} is there");
        assert_eq!(bank.total().expect("it loads"), TOTAL, "after a crash at step {step}");
        run(&store, &checkpoints, &Steps::all());
        assert_eq!(outcome(&store), expected, "after a crash at step {step}");
        assert_eq!(bank.total().expect("it loads"), TOTAL);
    }
}

#[test]
fn money_that_comes_in_between_crash_and_restart_changes_no_answer_that_was_given() {
    let (_, count) = undisturbed();
    for step in 1..=count {
        let store = EmbeddedStore::in_memory();
        let bank = requests(&Store::on(store.clone()));
        let checkpoints = Checkpoints::in_memory();
        run(&store, &checkpoints, &Steps::until(step, |_, _| {}));
        let was_refused =
            Store::on(store.clone()).read(Query::of_kinds(["hitherto.CommandRefused"]));
        let was_refused = was_refused.count() > 0;
        wait(bank.accounts.update("BEN", |account| account.deposit(1_000_000)))
            .must()
            .expect("open");
        run(&store, &checkpoints, &Steps::all());
        assert_eq!(bank.total().expect("it loads"), TOTAL + 1_000_000, "step {step}");
        let expected = if was_refused { Stage::Declined } else { Stage::Completed };
        assert_eq!(bank.stage("T-2").expect("it loads"), expected, "step {step}");
    }
}

#[test]
fn a_crash_of_the_repetition_and_of_its_repetition_has_the_same_outcome() {
    let (expected, count) = undisturbed();
    for step in (1..=count).step_by(5) {
        let store = EmbeddedStore::in_memory();
        requests(&Store::on(store.clone()));
        let checkpoints = Checkpoints::in_memory();
        for again in [step, 1, 2, 3, 4] {
            run(&store, &checkpoints, &Steps::until(again, |_, _| {}));
        }
        run(&store, &checkpoints, &Steps::all());
        assert_eq!(outcome(&store), expected, "after crashes from step {step} on");
    }
}

/// Starts the real process, to stand still at a step.
fn start(directory: &Path, step: u64) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_killed"));
    let command = command.arg(directory).arg(step.to_string()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it can be started");
    let mut said = String::new();
    let output = child.stdout.take().expect("it is a pipe");
    BufReader::new(output).read_line(&mut said).expect("it says where it stands");
    (child, said)
}

#[test]
fn a_real_kill_at_steps_all_along_has_the_same_outcome() {
    let (expected, count) = undisturbed();
    for step in (1..=count).step_by(3) {
        let directory = tempfile::tempdir().expect("there is room");
        let path = directory.path().join("bank.hitherto");
        requests(&Store::open(&path).expect("it opens"));

        let (mut killed, said) = start(directory.path(), step);
        assert!(said.starts_with(&format!("step {step}: ")), "{said}");
        killed.kill().expect("it stands still"); // SIGKILL
        killed.wait().expect("it was started here");
        let (mut done, said) = start(directory.path(), u64::MAX);
        assert_eq!(said, "done\n", "after a kill at step {step}");
        done.wait().expect("it was started here");

        let store = EmbeddedStore::open(&path).expect("it opens");
        assert_eq!(outcome(&store), expected, "after a kill at step {step}");
        assert_eq!(Bank::on(&Store::on(store)).total().expect("it loads"), TOTAL);
    }
}
