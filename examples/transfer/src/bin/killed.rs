//! The process that is killed: carries on what the bank's transfers need, up to a step.
//!
//! `killed DIRECTORY STEP` says on standard output at which step it stands, and waits there to be
//! killed. If there are not so many steps, it ends when everything is done.

use std::error::Error;
use std::io::{Write as _, stdout};
use std::path::Path;

use hitherto::checkpoints::Checkpoints;
use hitherto::{EmbeddedStore, Processor, Store, wait};
use hitherto_example_transfer::{Bank, Stepped, SteppedStore, Steps, TransferMoney};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = arguments.next().ok_or("the first argument is the bank's directory")?;
    let step = arguments.next().and_then(|step| step.to_str()?.parse().ok());
    let steps = Steps::until(step.ok_or("the second argument is a step")?, stand_still);
    run(Path::new(&directory), steps)
}

fn run(directory: &Path, steps: Steps) -> Result<(), Box<dyn Error>> {
    let store = EmbeddedStore::open(directory.join("bank.hitherto"))?;
    let store = Store::on(SteppedStore { store, steps: steps.clone() });
    let checkpoints = Checkpoints::in_directory(directory.join("checkpoints"))?;
    let process = Stepped(TransferMoney::new(&store), steps);
    let process = wait(Processor::start(&store, &checkpoints, process))?;
    Bank::on(&store).settle(&process)?;
    writeln!(stdout(), "done")?;
    Ok(())
}

/// Says where it stands, and goes nowhere from there.
fn stand_still(step: u64, what: &str) {
    if writeln!(stdout(), "step {step}: {what}").and_then(|()| stdout().flush()).is_err() {
        return; // nobody is there to kill it
    }
    loop {
        std::thread::park();
    }
}
