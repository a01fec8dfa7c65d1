//! `cargo xtask check`: everything about the code that can be said without running it.

use std::process::Command;

use crate::shell::{Outcome, cargo, run, works};
use crate::{FEATURES, tidy};

/// A name, and what is done.
pub(crate) type Step = (&'static str, fn() -> Outcome);

pub(crate) fn steps() -> Vec<Step> {
    vec![("tidy", tidy::check), ("format", format), ("clippy", clippy), ("licences", licences)]
}

/// Stops at the first thing that is wrong.
pub(crate) fn everything() -> Outcome {
    steps().into_iter().try_for_each(|(_, step)| step())?;
    eprintln!("\nEverything is in order.");
    Ok(())
}

fn format() -> Outcome {
    with_component("rustfmt", "fmt");
    run(cargo(["fmt", "--all", "--check"]))
        .map_err(|message| format!("{message}; `cargo xtask format` repairs it"))
}

fn clippy() -> Outcome {
    with_component("clippy", "clippy");
    let mut command = cargo(["clippy", "--workspace", "--all-targets"]);
    run(command.args(FEATURES).args(["--", "--deny", "warnings"]))
}

/// Only where cargo-deny is installed: it is the one check that needs more than Rust.
fn licences() -> Outcome {
    if works(cargo(["deny", "--version"])) {
        return run(cargo(["deny", "check", "licenses", "bans", "sources"]));
    }
    eprintln!("\ncargo-deny is not installed, so licences are not checked here");
    Ok(())
}

/// A minimal toolchain has no rustfmt or no clippy: then it is added.
fn with_component(component: &str, subcommand: &str) {
    if !works(cargo([subcommand, "--version"])) {
        // If this fails, the step itself says what is missing.
        let _ = run(Command::new("rustup").args(["component", "add", component]));
    }
}
