//! Runs every command of the guide for operators, in its order, in one directory.

use std::path::Path;

use crate::command::Shell;

const GUIDE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/keeping-forgetting-restoring.md");

/// The blocks of shell commands in a text.
fn blocks(text: &str) -> Vec<String> {
    let blocks = text.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// A shell that knows our binary by its name.
fn run(shell: &Shell, block: &str) -> std::process::Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_hitherto"));
    let directory = binary.parent().expect("it is in a directory").display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = std::process::Command::new("sh");
    command
        .args(["-euc", block])
        .current_dir(shell.path(""))
        .env("PATH", format!("{directory}:{path}"));
    command.output().expect("there is a shell")
}

#[test]
fn the_guide_about_keeping_runs() {
    let guide = std::fs::read_to_string(GUIDE).expect("the guide is there");
    let shell = Shell::new();
    let blocks = blocks(&guide);
    assert!(blocks.len() >= 2, "the guide has commands");
    for block in blocks {
        let ended = run(&shell, &block);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{block}\n{said}");
    }
    let text = |arguments: &str| shell.run(arguments).done().stdout;
    assert!(text("read bank --stream customer-7 --keys bank.keys").contains("$forgotten"));
}
