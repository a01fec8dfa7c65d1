//! Tells the story of some transfers: `cargo run -p hitherto-example-transfer`.
//!
//! The store is in memory and its clock is set by hand: two days are over in a moment.

use std::error::Error;

use hitherto::checkpoints::Checkpoints;
use hitherto::{
    EmbeddedStore, MemoryDisk, Options, Outcome as _, Processor, Query, Reminders, Result, Store,
    wait,
};
use hitherto_example_bank::{BankAccount, amount};
use hitherto_example_time_travel::Calendar;
use hitherto_example_transfer::{Bank, Stepped, SteppedStore, Steps, TransferMoney};

fn main() -> Result<(), Box<dyn Error>> {
    let calendar = Calendar::at("2026-01-02T09:00:00Z");
    let store = EmbeddedStore::on(MemoryDisk::default(), calendar.clone(), Options::default())?;
    let bank = open(&Store::on(store))?;
    // region: start
    let checkpoints = Checkpoints::in_memory(); // or Checkpoints::in_directory("checkpoints")?
    let process = TransferMoney::new(&bank.store);
    let process = wait(Processor::start(&bank.store, &checkpoints, process))?;
    // endregion: start
    transfer(&bank, &process)?;
    decline(&bank, &process)?;
    give_back(&bank, &process)?;
    wait_for_people(&bank, &process, &calendar)?;
    drop(process);
    crash_everywhere()?;
    Ok(())
}

fn open(store: &Store) -> Result<Bank> {
    let bank = Bank::on(store);
    for (number, cents) in [("ANN", 500_000), ("BEN", 0), ("OLD", 0)] {
        bank.open(number, cents)?;
    }
    wait(bank.accounts.update("OLD", BankAccount::close)).refusal()?;
    println!("Ann has {}, Ben has nothing, and an old account was closed.", amount(500_000));
    Ok(bank)
}

fn transfer(bank: &Bank, process: &Processor) -> Result<()> {
    println!("\nAnn sends Ben 300.00. The request comes twice, as requests do:\n");
    for _ in 0..2 {
        bank.request("T-1", "ANN", "BEN", 30_000)?;
    }
    bank.settle(process)?;
    tell(bank, "T-1")?;
    println!("\n  {}", balances(bank)?);
    Ok(())
}

fn decline(bank: &Bank, process: &Processor) -> Result<()> {
    println!("\nBen wants to send 900.00, and has 300.00:\n");
    bank.request("T-2", "BEN", "ANN", 90_000)?;
    bank.settle(process)?;
    tell(bank, "T-2")
}

fn give_back(bank: &Bank, process: &Processor) -> Result<()> {
    println!("\nAnn sends 200.00 to the old account. It takes nothing, so she has them back:\n");
    bank.request("T-3", "ANN", "OLD", 20_000)?;
    bank.settle(process)?;
    tell(bank, "T-3")?;
    println!("\n  {}", balances(bank)?);
    Ok(())
}

fn wait_for_people(bank: &Bank, process: &Processor, calendar: &Calendar) -> Result<()> {
    println!(
        "\nAnn sends Ben 2,000.00. So much has to be approved, and nobody does; two days later:\n"
    );
    bank.request("T-4", "ANN", "BEN", 200_000)?;
    bank.settle(process)?;
    calendar.set("2026-01-04T09:00:00Z");
    // region: reminders
    let mut reminders = Reminders::new(&bank.store).clock(calendar.clone());
    wait(reminders.give_due())?;
    // endregion: reminders
    bank.settle(process)?;
    tell(bank, "T-4")
}

/// What happened because of a request, wherever it happened.
fn tell(bank: &Bank, transfer: &str) -> Result<()> {
    let mut story = None;
    for event in bank.store.read(Query::all()) {
        let event = event?;
        if event.stream() == Some(&*format!("transfer-{transfer}")) && event.version() == 1 {
            story = event.correlation();
        }
        if story.is_some() && event.correlation() == story {
            let data = String::from_utf8_lossy(event.payload());
            println!("  {:<31} {:<24} {data}", event.stream().unwrap_or("-"), event.kind());
        }
    }
    Ok(())
}

fn balances(bank: &Bank) -> Result<String> {
    let (ann, ben) = (amount(bank.balance("ANN")?), amount(bank.balance("BEN")?));
    Ok(format!("Ann has {ann}, Ben has {ben}; together {}.", amount(bank.total()?)))
}

/// The same transfers once more for each step at which the process can crash.
fn crash_everywhere() -> Result<()> {
    println!(
        "\nAnd if the process crashes? Four transfers, crashed at every step, and started again:\n"
    );
    let mut step = 1;
    loop {
        let store = EmbeddedStore::in_memory();
        let bank = Bank::on(&Store::on(store.clone()));
        for (number, cents) in [("ANN", 500_000), ("BEN", 0)] {
            bank.open(number, cents)?;
        }
        for (transfer, cents) in [("T-1", 30_000), ("T-2", 60_000), ("T-3", 99_999), ("T-4", 1)] {
            bank.request(transfer, "ANN", "BEN", cents)?;
        }
        let checkpoints = Checkpoints::in_memory();
        let what = crash(&store, &checkpoints, step)?;
        let Some(what) = what else { break };
        let between = balances(&bank)?;
        let process = Processor::start(&bank.store, &checkpoints, TransferMoney::new(&bank.store));
        let process = wait(process)?;
        bank.settle(&process)?;
        if step <= 12 {
            println!("  step {step:>2}, {what:<47} {between}");
        }
        assert_eq!((bank.balance("ANN")?, bank.total()?), (310_000, 500_000));
        step += 1;
    }
    println!("  …\n\nCrashed at each of {} steps; and after the restart, each time,", step - 1);
    println!("Ann had 3,100.00 and Ben 1,900.00, as if nothing had been.");
    Ok(())
}

/// Runs until a step, and says what that was; nothing if there are not so many.
fn crash(store: &EmbeddedStore, checkpoints: &Checkpoints, step: u64) -> Result<Option<String>> {
    let (tell, told) = std::sync::mpsc::channel();
    let steps = Steps::until(step, move |_, what| _ = tell.send(what.to_owned()));
    let store = Store::on(SteppedStore { store: store.clone(), steps: steps.clone() });
    let process = Stepped(TransferMoney::new(&store), steps.clone());
    let process = wait(Processor::start(&store, checkpoints, process))?;
    let bank = Bank::on(&store);
    std::thread::scope(|scope| {
        let settled = scope.spawn(|| bank.settle(&process));
        while !settled.is_finished() {
            if steps.is_dead() {
                process.stop();
            }
            std::thread::yield_now();
        }
    });
    Ok(told.try_recv().ok())
}
