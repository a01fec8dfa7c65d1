//! Runs the program under `strace`, which lets the n-th of its system calls fail, or kills it
//! there.

use std::path::Path;
use std::process::{Command, Stdio};

/// What came of a run of the program.
pub struct Traced {
    /// How many appends were acknowledged.
    pub acknowledged: u64,
    /// All that it answered: to opening, each append, reading, and closing.
    pub answers: Vec<String>,
    /// What it said besides.
    pub complaints: String,
    /// Whether the fault happened: if not, there are no further calls of this kind.
    pub was_hit: bool,
}

impl Traced {
    /// A run of so many appends with `fault` at a system call. Both are written as `strace`
    /// expects them: `fdatasync` and `error=EIO:when=3`, or `rename` and `signal=KILL:when=1`.
    ///
    /// # Panics
    /// If there is no `strace`.
    pub fn run(executable: &str, store: &Path, appends: u64, call: &str, fault: &str) -> Self {
        let (traced, inject) = (format!("trace={call}"), format!("inject={call}:{fault}"));
        let trace = store.with_extension("trace");
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", &traced, "-e", &inject, "-o"]).arg(&trace);
        command.arg(executable).arg(store).arg("run").arg(appends.to_string());
        let output = command.stdin(Stdio::null()).output().expect("strace is there");
        let trace = std::fs::read_to_string(trace).expect("it was written");
        let answers = String::from_utf8_lossy(&output.stdout);
        let whole_lines = answers.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let answers = whole_lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        let appended = answers.iter().skip(1).take(appends as usize);
        Self {
            acknowledged: appended.filter(|answer| answer.starts_with("ok")).count() as u64,
            answers,
            complaints: String::from_utf8_lossy(&output.stderr).into_owned(),
            was_hit: trace.contains("INJECTED") || trace.contains("killed by SIGKILL"),
        }
    }
}
