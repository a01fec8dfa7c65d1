//! Cuts the power under a real process on a real file system, and looks at what is left.
//!
//! `hitherto-power-test lab DIRECTORY STATES SEED FILE-SYSTEM` does it all, and
//! `… again DIRECTORY STATES SEED RECORDING` looks at a recording that was kept; `… workload …` is
//! the process that works on the disk. It needs rights and programs that `cargo xtask powerloss`
//! sees to, and namespaces of its own.

mod check;
mod crash;
mod daemon;
mod disk;
mod file_system;
mod lab;
mod load;
mod program;
mod promise;
mod random;
mod recording;
mod states;
mod watch;
mod workload;
mod write_log;

use std::process::ExitCode;

use lab::Lab;
use workload::Work;

fn main() -> ExitCode {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let usage = || "start this with `cargo xtask powerloss`".to_owned();
    let number = |text: &String| text.parse::<u64>().map_err(|_| usage());
    match arguments {
        [command, rest @ ..] if command == "workload" => {
            let work = Work::from_arguments(rest).ok_or_else(usage)?;
            work.run().map_err(|error| error.to_string())
        }
        [command, directory, states, seed, file_system] if command == "lab" => {
            let lab = Lab::new(directory.as_ref())?;
            lab.run(file_system, number(states)? as usize, number(seed)?)
        }
        [command, directory, states, seed, recording] if command == "again" => {
            let lab = Lab::new(directory.as_ref())?;
            lab.again(recording.as_ref(), number(states)? as usize, number(seed)?)
        }
        _ => Err(usage()),
    }
}
