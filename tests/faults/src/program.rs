//! Starts the program, tells it what to do, and hears what came of it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The program, as a process that is told what to do. It is killed when this is dropped.
pub struct Program {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Program {
    /// Starts the program on a store. Before it may stand another one that starts it, such as one
    /// that sets limits.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(wrapper: &[&str], executable: &str, store: &Path) -> Self {
        let words = wrapper.iter().map(OsStr::new).chain([executable.as_ref(), store.as_os_str()]);
        let words = words.collect::<Vec<_>>();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program is there");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, input, output }
    }

    /// Has it do something; what it answers, or the error that it got.
    ///
    /// # Panics
    /// If it does not answer: then it died.
    pub fn ask(&mut self, command: &str) -> Result<String, String> {
        writeln!(self.input, "{command}").expect("the program runs");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the program runs");
        match line.trim_end_matches('\n').split_once(' ') {
            Some(("ok", words)) => Ok(words.to_owned()),
            Some(("error", words)) => Err(words.to_owned()),
            _ => panic!("{command:?} was answered with {line:?}"),
        }
    }

    /// Has it do something that works, and gives a number.
    ///
    /// # Panics
    /// If it does not work.
    pub fn number(&mut self, command: &str) -> u64 {
        let answer = self.ask(command).unwrap_or_else(|error| panic!("{command}: {error}"));
        answer.parse().unwrap_or_else(|_| panic!("{command} gave {answer:?}"))
    }

    /// Appends one by one until that fails: how many appends there are, and the error.
    ///
    /// # Panics
    /// If it does not fail within so many.
    pub fn append_until_it_fails(&mut self, limit: u64) -> (u64, String) {
        let mut appended = self.number("read");
        for _ in 0..limit {
            match self.ask("append 1") {
                Ok(_) => appended += 1,
                Err(error) => return (appended, error),
            }
        }
        panic!("{limit} appends did not fail");
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this command can be run and succeeds.
pub fn succeeds(words: &[&str]) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).output().is_ok_and(|it| it.status.success())
}

/// Whether a tool is there. If it is not, says what is not tested here.
pub fn is_installed(probe: &[&str], what: &str) -> bool {
    let is_there = succeeds(probe);
    if !is_there {
        println!("NOT RUN: `{}` does not work here, so {what} is not tested", probe.join(" "));
    }
    is_there
}
