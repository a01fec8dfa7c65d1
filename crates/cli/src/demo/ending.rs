//! The end: everything is checked once more, and what to try next.

use std::env;
use std::path::Path;

use super::Demo;
use crate::failure::{Failure, Outcome};
use crate::verify::read_by;
use crate::{engine, print};

impl Demo {
    pub(super) fn verify(&mut self) -> Result<(), Failure> {
        self.story.step("The whole store is read again, and nothing is believed")?;
        let head = self.head()?;
        let report = engine::verify(&self.path)?;
        self.story.check(read_by(&report), &report.events, &head.0)?;
        for damage in &report.damages {
            self.story.fact(damage)?;
        }
        let damages = report.damages.len() as u64;
        let found = format!("{} found", print::counted(damages, "damaged place"));
        Ok(self.story.check(found, &damages, &0)?)
    }

    /// Says how it went, and what to try next.
    pub(super) fn end(mut self) -> Result<Outcome, Failure> {
        let (right, wrong) = (self.story.right(), self.story.wrong());
        if wrong > 0 {
            self.story.line(format!("\n{wrong} of {} checks failed.", right + wrong))?;
            return Ok(Outcome::No);
        }
        let store = quoted(&self.path);
        let read_db = quoted(&self.read_db());
        let (program, stream) = (invocation(), self.stream());
        self.story
            .line(format!("\nAll {right} checks hold. The store stays. Worth trying next:"))?;
        for command in [
            format!("read {store} --stream {stream}"),
            format!("append {store} {stream} MoneyDeposited '{{\"amount\":4200}}' --expect 5"),
            format!("follow {store} --category account"),
            format!("projections {read_db} --store {store}"),
        ] {
            self.story.line(format!("  {program} {command}"))?;
        }
        self.story.line("The second is refused if it is repeated; Ctrl-C ends the last two.")?;
        Ok(self.store.close().map(|()| Outcome::Done)?)
    }
}

/// How this program was called, so that what is printed works as it is printed.
fn invocation() -> String {
    let is_run_by_cargo = env::var_os("CARGO").is_some();
    match env::args_os().next() {
        Some(program) if !is_run_by_cargo => quoted(Path::new(&program)),
        _ if cfg!(debug_assertions) => "cargo run --".to_owned(),
        _ => "cargo run --release --".to_owned(),
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+,@%".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
