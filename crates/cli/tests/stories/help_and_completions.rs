//! The commands explain themselves, to people and to shells.

use crate::command::Shell;

#[test]
fn every_command_has_help_with_examples_or_exit_codes() {
    let shell = Shell::new();
    let help = shell.run("--help").done().stdout;
    assert!(help.contains("Exit codes:"), "{help}");
    assert!(help.contains("demo") && !help.contains("demo-balance"), "{help}");
    assert!(shell.run("demo --help").done().stdout.contains("exit code is 1"));
    let read = ["read", "follow", "show", "diff", "why", "streams", "stat", "verify", "export"];
    for verb in
        ["append", "import", "rules", "keep", "delete", "hold", "policies"].into_iter().chain(read)
    {
        assert!(help.contains(verb), "{verb} is not in the help");
        let help = shell.run(&format!("{verb} --help")).done().stdout;
        assert!(help.contains("Examples:") || help.contains("Exit codes:"), "{verb}: {help}");
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{verb}: {help}");
    }
    assert!(shell.run("--version").done().stdout.starts_with("hitherto 0."));
}

#[test]
fn completions_are_there_for_every_shell() {
    let shell = Shell::new();
    for name in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = shell.run(&format!("completions {name}")).done().stdout;
        assert!(script.contains("hitherto") && script.contains("verify"), "{name}");
    }
    shell.run("completions cmd").refused(2, &["cmd", "bash"]);
}
