//! The command line of hitherto: reads the arguments and hands over to one file for each verb.

mod append;
mod archive;
mod archives;
mod backup;
mod completions;
mod delete;
mod demo;
mod diff;
mod engine;
mod export;
mod failure;
mod fold;
mod follow;
mod forget;
mod history;
mod hold;
mod import;
mod keep;
mod keys;
mod line;
mod moment;
mod place;
mod point;
mod policies;
mod print;
mod projections;
mod query;
mod read;
mod repair;
mod rules;
mod scavenge;
mod show;
mod sign;
mod signature;
mod stat;
mod streams;
mod target;
mod truncate;
mod verify;
mod why;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::{Failure, Outcome};

/// Keeps events in order on disk and gives them back.
///
/// A STORE is a directory. Commands that write create it if it is not there; commands that read
/// never do, and work while another process is writing.
#[derive(Parser)]
#[command(name = "hitherto", version, after_help = EXAMPLES, after_long_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  hitherto demo
  hitherto append bank account-1 MoneyDeposited '{\"amount\":500}' --expect any
  hitherto read bank --stream account-1
  hitherto show bank account-1 --at 2026-01-04T12:00Z
  hitherto export bank | hitherto import copy

Exit codes:
  0  done
  1  the answer is no: an append was in conflict with what is stored, `verify` or
     `backup --check` found damage,
     `repair` could not save every event, a check of `demo` failed
  2  it could not be done: wrong arguments, no such store, store in use, disk full";

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Append(append::Arguments),
    Import(import::Arguments),
    Read(read::Arguments),
    Follow(follow::Arguments),
    Show(show::Arguments),
    Diff(diff::Arguments),
    Why(why::Arguments),
    Rules(rules::Arguments),
    Streams(streams::Arguments),
    Projections(projections::Arguments),
    Stat(stat::Arguments),
    Verify(verify::Arguments),
    Repair(repair::Arguments),
    Sign(sign::Arguments),
    Export(export::Arguments),
    Keep(keep::Arguments),
    Truncate(truncate::Arguments),
    Delete(delete::Arguments),
    /// Removes all events of streams, and refuses any more for ever
    Tombstone(delete::Arguments),
    Hold(hold::Arguments),
    /// Ends a hold
    Release(hold::Arguments),
    Policies(policies::Arguments),
    Scavenge(scavenge::Arguments),
    Backup(backup::BackupArguments),
    Restore(backup::RestoreArguments),
    Archive(archive::Arguments),
    Forget(forget::Arguments),
    Keys(keys::Arguments),
    Completions(completions::Arguments),

    #[command(name = demo::BALANCE_COMMAND, hide = true)]
    Balance(demo::BalanceArguments),
}

fn main() -> ExitCode {
    archives::install();
    match Cli::try_parse() {
        Ok(cli) => failure::exit_code(run(cli.command)),
        Err(error) => refuse(&error),
    }
}

fn run(command: Command) -> Result<Outcome, Failure> {
    match command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Append(arguments) => append::run(arguments),
        Command::Import(arguments) => import::run(arguments),
        Command::Read(arguments) => read::run(arguments),
        Command::Follow(arguments) => follow::run(arguments),
        Command::Show(arguments) => show::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Why(arguments) => why::run(&arguments),
        Command::Rules(arguments) => rules::run(&arguments),
        Command::Streams(arguments) => streams::run(&arguments),
        Command::Projections(arguments) => projections::run(arguments),
        Command::Stat(arguments) => stat::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Repair(arguments) => repair::run(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Keep(arguments) => keep::run(arguments),
        Command::Truncate(arguments) => truncate::run(arguments),
        Command::Delete(arguments) => delete::delete(arguments),
        Command::Tombstone(arguments) => delete::tombstone(arguments),
        Command::Hold(arguments) => hold::hold(arguments),
        Command::Release(arguments) => hold::release(arguments),
        Command::Policies(arguments) => policies::run(&arguments),
        Command::Scavenge(arguments) => scavenge::run(&arguments),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Archive(arguments) => archive::run(&arguments),
        Command::Forget(arguments) => forget::run(&arguments),
        Command::Keys(arguments) => keys::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Balance(arguments) => demo::balance(&arguments),
    }
}

/// Help and version end well; anything else names the argument that was wrong.
fn refuse(error: &clap::Error) -> ExitCode {
    if error.kind() == clap::error::ErrorKind::InvalidUtf8 {
        failure::complain(&not_utf8(std::env::args_os().skip(1)));
    } else {
        // If the terminal is gone, there is nobody left to tell.
        let _ = error.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// The library that parses the arguments does not say which one it was.
#[expect(clippy::unnecessary_debug_formatting, reason = "shows the bytes that are not UTF-8")]
fn not_utf8(arguments: impl Iterator<Item = OsString>) -> String {
    let wrong = arguments.enumerate().filter(|(_, argument)| argument.to_str().is_none());
    let named = wrong.map(|(index, argument)| format!("{} ({argument:?})", index + 1));
    let named = named.collect::<Vec<_>>().join(", ");
    format!("not UTF-8: argument {named}; streams, kinds, tags and JSON are written in UTF-8")
}
