//! A test that finds no server says that it tests nothing, and fails where that must not be.

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

use std::process::{Command, Output};

use hitherto_services::{POSTGRES, Service, from_environment, named};

/// It is what the other test runs, in a process of its own.
#[test]
fn a_test_that_asks_for_a_server() {
    let url = from_environment(POSTGRES, "asking");
    assert!(url.is_none_or(|url| url.contains("://")));
}

fn ask(variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_test_that_asks_for_a_server"]);
    command.env_remove(POSTGRES.variable()).env_remove("CI").envs(variables.iter().copied());
    command.output().unwrap()
}

#[test]
fn a_missing_server_is_said_and_fails_in_continuous_integration() {
    let here = ask(&[]);
    let said = String::from_utf8_lossy(&here.stderr).into_owned();
    assert!(here.status.success() && said.contains("NOT RUN: asking is not tested"), "{said}");
    assert!(!ask(&[("CI", "true")]).status.success());
    let there = ask(&[("CI", "true"), (POSTGRES.variable(), "postgres://localhost")]);
    assert!(there.status.success() && there.stderr.is_empty());
}

#[test]
fn a_service_that_is_not_there_is_refused_with_those_that_are() {
    let error = named("oracle").map(Service::name).unwrap_err();
    assert!(error.contains("oracle") && error.contains("postgres, s3"), "{error}");
}
