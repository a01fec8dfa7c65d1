//! How a command ends: well, with the answer "no", or not at all.

use std::io::{self, ErrorKind as IoErrorKind};
use std::process::ExitCode;

use anstyle::AnsiColor;
use hitherto_store::{Error, ErrorKind};

/// How a command that could do its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what was asked.
    Done,
    /// It did its work, and the answer is no: damage was found, a check of the demo failed.
    No,
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The store, or what was asked of it.
    Store(Error),
    /// Read models, or checkpoints.
    Kept(Error),
    /// Standard output does not take what is printed.
    Output(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Says on standard error what went wrong, and gives the process its exit code.
pub(crate) fn exit_code(ended: Result<Outcome, Failure>) -> ExitCode {
    match ended {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        // Whoever read the output has seen enough (`| head`).
        Err(Failure::Output(error)) if error.kind() == IoErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Output(error)) => {
            complain(&format!("standard output cannot be written: {error}"));
            ExitCode::from(2)
        }
        Err(Failure::Store(error)) => refused(&error, &with_advice(&error)),
        Err(Failure::Kept(error)) => refused(&error, &error.to_string()),
    }
}

fn refused(error: &Error, message: &str) -> ExitCode {
    complain(message);
    ExitCode::from(if error.kind() == ErrorKind::Conflict { 1 } else { 2 })
}

fn with_advice(error: &Error) -> String {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::Corrupt if !message.contains("hitherto verify") => {
            format!("{message}\n  `hitherto verify` tells the whole extent of the damage.")
        }
        _ => message,
    }
}

/// Prints `error: …` on standard error, in red if that is a terminal.
pub(crate) fn complain(message: &str) {
    use std::io::Write as _;
    let red = AnsiColor::Red.on_default().bold();
    // If standard error is closed, there is nobody left to tell.
    let _ = writeln!(anstream::stderr(), "{red}error:{red:#} {message}");
}
