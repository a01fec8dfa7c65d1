//! Runs the built binary in a temporary directory.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A directory in which commands are run.
pub(crate) struct Shell(TempDir);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory can be made"))
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// The command, not started yet.
    pub(crate) fn command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hitherto"));
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_remove("CARGO"); // the demo would print how cargo runs it
        command
    }

    /// Runs the command of these words (no word has a space).
    pub(crate) fn run(&self, words: &str) -> Ended {
        self.run_with(words.split_whitespace())
    }

    pub(crate) fn run_with<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Ended {
        Ended::from(self.command(arguments).output().expect("the binary can be run"))
    }

    /// Runs the command with this standard input.
    pub(crate) fn feed(&self, words: &str, input: &[u8]) -> Ended {
        let mut command = self.command(words.split_whitespace());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be run");
        let mut stdin = child.stdin.take().expect("it is piped");
        // A command that refuses early does not read everything: that is no failure of the test.
        let _ = stdin.write_all(input);
        drop(stdin);
        Ended::from(child.wait_with_output().expect("it ends"))
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the command prints UTF-8");
        let code = output.status.code().expect("it was not killed");
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ended {
    /// Fails the test unless the command did what was asked.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        assert_eq!(self.stderr, "", "{self:?}");
        self
    }

    /// Fails the test unless the command ended with this code and named all this.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, named: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.stderr.starts_with("error: "), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        for expected in named {
            assert!(self.stderr.contains(expected), "{expected:?} is not in {self:?}");
        }
        self
    }

    /// The printed lines, each a JSON object.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).expect("each line is JSON");
        self.stdout.lines().map(parse).collect()
    }
}
