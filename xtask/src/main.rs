//! The project's chores, as one program that `cargo` runs: nothing else needs to be installed.

mod check;
mod faults;
mod powerloss;
mod services;
mod shell;
mod test;
mod tidy;

use std::process::ExitCode;

use shell::{Outcome, cargo, run};

const USAGE: &str = "\
cargo xtask check              format, lints, house rules, snippets, licences: before every commit
cargo xtask test [STORY]       everything, or the tests whose names contain STORY
cargo xtask services up|down|status [NAME …]
                               real servers for the tests: PostgreSQL, an S3 store
cargo xtask bench [W1 … W8] [P1] [P2] [commands] [growth] [--only hitherto,redb] [--quick]
                  [--seconds 1] [--rounds 5]
                  [--events 1M] [--out FILE]
                               the workloads, beside other stores and the limits of the machine,
                               and one store that grows, measured at every step
cargo xtask sim [SEED [SECONDS]]
                               the store on a simulated disk, with faults
cargo xtask kill [ROUNDS]      a real process, killed under load again and again
cargo xtask model [SCHEDULES]  small stories of threads, in so many orders of them each
cargo xtask fuzz [SEED [SECONDS]]
cargo xtask fuzz RECIPE        the files of stores, damaged in every way; or what was found, again
cargo xtask powerloss [STATES] [--file-system ext4|xfs|btrfs] [--seed S] [--again DIRECTORY]
                               power is cut under the store on a real file system (needs root),
                               or a recording that a run kept is looked at again
cargo xtask format             formats the code, and folds comments that are too long
cargo xtask snippets           copies code into the Markdown that shows it";

/// The features that `check` and `test` share, so that nothing is built twice.
pub(crate) const FEATURES: [&str; 2] = [
    "--features",
    "hitherto-bench/umadb,hitherto-bench/postgres,hitherto-cli/s3,hitherto-cli/tls,hitherto-postgres/tls",
];

fn main() -> ExitCode {
    let words = std::env::args().skip(1).collect::<Vec<_>>();
    let words = words.iter().map(String::as_str).collect::<Vec<_>>();
    match dispatch(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\n{message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(words: &[&str]) -> Outcome {
    std::env::set_current_dir(shell::root()).map_err(|error| error.to_string())?;
    match words {
        ["check"] => check::everything(),
        ["test"] => test::everything(),
        ["test", story] => test::story(story),
        ["services", rest @ ..] => services::on_demand(rest),
        ["bench", rest @ ..] => bench(rest),
        ["sim", rest @ ..] => sim(rest),
        ["kill"] => kill("100"),
        ["kill", rounds] => kill(rounds),
        ["model"] => model("20000"),
        ["model", schedules] => model(schedules),
        ["fuzz", rest @ ..] => fuzz(rest),
        ["powerloss", rest @ ..] => powerloss::on_demand(rest),
        ["format"] => run(cargo(["fmt", "--all"])).and_then(|()| tidy::fold_comments()),
        ["snippets"] => tidy::write_snippets(),
        _ => Err(format!("These are the chores:\n\n{USAGE}")),
    }
}

fn bench(rest: &[&str]) -> Outcome {
    const FEATURES: &str = "umadb,postgres";
    let build = ["run", "--release", "--package", "hitherto-bench", "--features", FEATURES, "--"];
    let directory = shell::target_directory().join("bench");
    let needs_server = rest.iter().any(|word| word.eq_ignore_ascii_case("p2"));
    let services = needs_server.then(services::Services::for_tests).transpose()?;
    let variables = services.iter().flat_map(|services| services.variables.clone());
    run(cargo(build).args(rest).arg("--directory").arg(directory).envs(variables))
}

fn sim(rest: &[&str]) -> Outcome {
    run(cargo(["run", "--release", "--package", "hitherto-sim", "--"]).args(rest))
}

fn fuzz(rest: &[&str]) -> Outcome {
    run(cargo(["run", "--release", "--package", "hitherto-fuzz", "--"]).args(rest))
}

fn model(schedules: &str) -> Outcome {
    // What planted bugs say when they are found is of no interest.
    let test = ["test", "--package", "hitherto-model-test"];
    run(cargo(test).env("HITHERTO_MODEL_SCHEDULES", schedules))
}

fn kill(rounds: &str) -> Outcome {
    let test = ["test", "--package", "hitherto-kill-test", "--", "--nocapture"];
    run(cargo(test).env("HITHERTO_KILL_ROUNDS", rounds))
}
