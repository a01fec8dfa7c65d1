//! `cargo xtask services`: real servers for the tests, started and stopped by hand, or for as long
//! as the tests run.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use hitherto_services::{Place, SERVICES, Service, State, must_not_be_missing, named};

use crate::shell::Outcome;

/// Names the Python that decodes the files of a store, which no server is.
const PYTHON: &str = "HITHERTO_PYTHON";

/// As it is asked for.
pub(crate) fn on_demand(words: &[&str]) -> Outcome {
    let place = Place::of_workspace();
    match words {
        ["up", names @ ..] => {
            chosen(names)?.into_iter().try_for_each(|service| up(&place, service))
        }
        ["down", names @ ..] => {
            chosen(names)?.into_iter().try_for_each(|service| place.down(service))?;
            place.sweep()
        }
        ["status"] => {
            for service in SERVICES {
                print_state(&place, service);
            }
            Ok(())
        }
        ["watch", names @ ..] => watch(&place, names),
        _ => Err("services are brought `up`, taken `down`, or have a `status`".to_owned()),
    }
}

fn chosen(names: &[&str]) -> Result<Vec<&'static dyn Service>, String> {
    if names.is_empty() {
        return Ok(SERVICES.to_vec());
    }
    names.iter().map(|name| named(name)).collect()
}

/// Its output can be read by a shell: `eval "$(cargo xtask services up)"`.
fn up(place: &Place, service: &dyn Service) -> Outcome {
    let url = place.up(service)?;
    if let State::Up { program, .. } = place.state(service) {
        eprintln!("{}: {program}", service.name());
    }
    println!("export {}='{url}'", service.variable());
    Ok(())
}

fn print_state(place: &Place, service: &dyn Service) {
    let name = service.name();
    match place.state(service) {
        State::Up { url, program } => println!("{name:10} up    {url}  ({program})"),
        State::Down => println!("{name:10} down"),
    }
}

/// The servers that tests need, for as long as this lives.
pub(crate) struct Services {
    /// Where they are, for the tests.
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Stops what was started here, also when this program is killed.
    watch: Option<Child>,
}

impl Services {
    /// Brings up what the environment does not name and what is not up already. What cannot be had
    /// is said; it is an error where it must not be missing.
    pub(crate) fn for_tests() -> Result<Self, String> {
        let place = Place::of_workspace();
        let is_up = |service: &&dyn Service| place.state(*service) != State::Down;
        let needed = needed();
        let (_, ours): (Vec<_>, Vec<_>) = needed.iter().copied().partition(is_up);
        let mut services = Self { variables: Vec::new(), watch: Some(start_watch(&ours)?) };
        for service in needed {
            services.add(service.name(), service.variable(), place.up(service))?;
        }
        if is_needed(PYTHON) {
            let python = place.python().map(|python| python.display().to_string());
            services.add("Python with zstandard", PYTHON, python)?;
        }
        Ok(services)
    }

    /// Installs what [those for tests](Self::for_tests) need, so that they start at once. What
    /// cannot be had shows then.
    pub(crate) fn fetch() {
        let place = Place::of_workspace();
        for service in needed() {
            let _ = place.fetch(service);
        }
        if is_needed(PYTHON) {
            let _ = place.python();
        }
    }

    fn add(
        &mut self,
        name: &str,
        variable: &'static str,
        place: Result<String, String>,
    ) -> Outcome {
        match place {
            Ok(place) => self.variables.push((variable, place)),
            Err(error) if must_not_be_missing() => {
                return Err(format!("{name} cannot be had: {error}"));
            }
            Err(error) => eprintln!("NOT RUN: what needs {name}: {error}"),
        }
        Ok(())
    }
}

/// Those that the environment does not name.
fn needed() -> Vec<&'static dyn Service> {
    SERVICES.into_iter().filter(|service| is_needed(service.variable())).collect()
}

fn is_needed(variable: &str) -> bool {
    std::env::var_os(variable).is_none()
}

impl Drop for Services {
    fn drop(&mut self) {
        // It goes to work when its input ends, which it does as well if this program is killed.
        let watch = self.watch.take();
        let ended = watch.map(|mut watch| {
            drop(watch.stdin.take());
            watch.wait()
        });
        if let Some(Err(error)) = ended {
            eprintln!("services may still be up: {error}");
        }
    }
}

/// Keys that are pressed here do not reach it.
fn start_watch(ours: &[&dyn Service]) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut watch = Command::new(program);
    watch.args(["services", "watch"]).args(ours.iter().map(|service| service.name()));
    let watch = watch.stdin(Stdio::piped()).process_group(0).spawn();
    watch.map_err(|error| format!("what stops the services could not be started: {error}"))
}

/// Takes services down when the input ends.
fn watch(place: &Place, names: &[&str]) -> Outcome {
    // What is read does not matter, nor why it ends.
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    names.iter().try_for_each(|name| place.down(named(name)?))?;
    place.sweep()
}
