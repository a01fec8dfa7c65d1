//! The balance, asked of another process that reads the same store.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hitherto::{Repository, Store, wait};
use hitherto_store::{Error, Result};

use super::account::BankAccount;
use crate::failure::{Failure, Outcome};
use crate::{engine, print};

/// What the other process is started with.
#[derive(clap::Args)]
pub(crate) struct BalanceArguments {
    store: PathBuf,
    account: String,
}

/// Prints the balance in cents: what the other process does.
pub(crate) fn balance(arguments: &BalanceArguments) -> Result<Outcome, Failure> {
    let store = Store::new(std::sync::Arc::new(engine::open_read_only(&arguments.store)?));
    let accounts = Repository::<BankAccount>::new(&store);
    let account = wait(accounts.load(&arguments.account))?;
    let mut out = print::stdout();
    writeln!(out, "{}", account.balance)?;
    out.flush()?;
    Ok(Outcome::Done)
}

/// Starts this program once more, and returns its process id and the balance that it found.
pub(crate) fn ask(store: &Path, account: &str) -> Result<(u32, u64)> {
    let failed = |what: String| Error::unavailable(format!("the second process: {what}"));
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    command.arg(super::BALANCE_COMMAND).arg(store).arg(account).stdout(Stdio::piped());
    let child = command.spawn().map_err(|error| failed(error.to_string()))?;
    let process = child.id();
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let balance = printed.trim().parse();
    let balance = balance.map_err(|_| failed(format!("{}, printed {printed:?}", output.status)))?;
    Ok((process, balance))
}
