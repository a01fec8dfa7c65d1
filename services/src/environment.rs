//! How a test finds a server, and what happens where there is none.

use std::io::Write;

use crate::Service;

/// Where a server is; none if nobody started one, which is then said on the standard error.
///
/// # Panics
/// Where servers [must not be missing](must_not_be_missing).
pub fn from_environment(service: &dyn Service, what: &str) -> Option<String> {
    let variable = service.variable();
    match std::env::var(variable) {
        Ok(url) if !url.is_empty() => Some(url),
        _ if must_not_be_missing() => panic!(
            "{variable} is not set, so {what} cannot be tested: run `cargo xtask test`, which starts {}",
            service.name()
        ),
        _ => {
            not_run(&format!("{what} is not tested, because {variable} is not set"));
            None
        }
    }
}

/// Whether what cannot be tested is a failure: in continuous integration, where `CI` is set.
pub fn must_not_be_missing() -> bool {
    std::env::var("CI").is_ok_and(|value| !["", "0", "false"].contains(&value.as_str()))
}

/// Says what is not tested here, past what catches the output of tests that pass.
pub fn not_run(why: &str) {
    // Whoever closed the output does not want to know.
    let _ = writeln!(std::io::stderr(), "NOT RUN: {why}");
}
