//! `hitherto completions`: what a shell needs to complete the commands.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::failure::{Failure, Outcome};
use crate::{Cli, print};

const EXAMPLES: &str = "\
Examples:
  hitherto completions bash > ~/.local/share/bash-completion/completions/hitherto
  hitherto completions fish > ~/.config/fish/completions/hitherto.fish";

/// Prints the completions for a shell
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    // Generated into memory first: the generator panics if it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "hitherto", &mut script);
    let mut out = print::stdout();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Outcome::Done)
}
