//! Starts other programs, and says which one failed.

use std::borrow::BorrowMut;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Nothing, or what went wrong and what to do about it.
pub(crate) type Outcome = Result<(), String>;

/// The directory of the workspace.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("this package lies in the workspace")
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    root().join(named.unwrap_or_else(|| "target".into()))
}

/// The cargo that runs this, with these arguments.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments);
    command
}

/// Runs a program to its end; an error if it fails.
pub(crate) fn run(mut command: impl BorrowMut<Command>) -> Outcome {
    let command = command.borrow_mut();
    eprintln!("\n$ {}", line(command));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{}` failed ({status}): see above", line(command))),
        Err(error) => Err(format!("`{}` could not be started: {error}", line(command))),
    }
}

/// Whether a program can be started with these arguments and succeeds; its output is not shown.
pub(crate) fn works(mut command: impl BorrowMut<Command>) -> bool {
    command.borrow_mut().output().is_ok_and(|output| output.status.success())
}

fn line(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
