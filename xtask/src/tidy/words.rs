//! Words that have no place here, with what to write instead.

use super::Finding;
use super::source::code_of;
use super::tree::TreeFile;

/// A word, where it is looked for, and what to do when it is found.
type Rule = (&'static str, fn(&TreeFile) -> bool, &'static str);

const RULES: [Rule; 6] = [
    ("todo!", anywhere, "nothing is left unfinished: write it, or leave it out"),
    ("unimplemented!", anywhere, "nothing is left unfinished: write it, or leave it out"),
    ("dbg!", anywhere, "it was for looking: take it out"),
    ("#[ignore", anywhere, "a test that does not run tests nothing: make it fast, or take it out"),
    ("thread::sleep", TreeFile::is_test, "wait for what must happen, not for time"),
    ("std::fs", in_the_engine, "only disk/directory.rs touches the file system: use a `Disk`"),
];

/// Words in names that say nothing about what the thing does.
const EMPTY_WORDS: [&str; 3] = ["util", "manager", "helper"];

/// Where the home directories of machines are, in two parts so that this file does not have them.
const MACHINE_PATHS: [(&str, &str); 4] =
    [("/ho", "me/"), ("/ro", "ot/"), ("/Us", "ers/"), ("/wo", "rk/")];

fn anywhere(_: &TreeFile) -> bool {
    true
}

fn in_the_engine(file: &TreeFile) -> bool {
    file.path.starts_with("crates/store/src/") && file.path != "crates/store/src/disk/directory.rs"
}

/// Words that are wrong in code, and names that say nothing.
pub(crate) fn check(file: &TreeFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = file.path.rsplit('/').next().unwrap_or_default();
    if let Some(word) = empty_word(name) {
        let message = format!("{word:?} says nothing about the file: name it after what it does");
        findings.push(Finding::new(file, 1, message));
    }
    for (index, line) in code_of(&file.text).lines().enumerate() {
        for (word, applies, advice) in RULES {
            if applies(file) && line.contains(word) {
                findings.push(Finding::new(file, index + 1, format!("`{word}`: {advice}")));
            }
        }
        if let Some(word) = declared_name(line).and_then(empty_word) {
            let message =
                format!("{word:?} says nothing about the type: name it after what it does");
            findings.push(Finding::new(file, index + 1, message));
        }
    }
    findings
}

/// Paths that exist on one machine only.
pub(crate) fn machine_paths(file: &TreeFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for (start, end) in MACHINE_PATHS {
            if line.contains(&format!("{start}{end}")) {
                let message = "a path of one machine: name it relative to the workspace";
                findings.push(Finding::new(file, index + 1, message));
            }
        }
    }
    findings
}

fn empty_word(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    EMPTY_WORDS.into_iter().find(|word| name.contains(word))
}

/// The name that a line gives to a type or a module.
fn declared_name(line: &str) -> Option<&str> {
    let words = line.split_whitespace().collect::<Vec<_>>();
    let at =
        words.iter().position(|word| ["struct", "enum", "trait", "type", "mod"].contains(word))?;
    let before_is_visibility = words[..at].iter().all(|word| word.starts_with("pub"));
    words.get(at + 1).filter(|_| before_is_visibility).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&TreeFile::new(path, text)).len()
    }

    #[test]
    fn unfinished_and_ignored_code_is_found_and_talk_about_it_is_not() {
        assert_eq!(found("a.rs", "fn f() { todo!() }"), 1);
        assert_eq!(found("a.rs", "#[ignore]\nfn f() {}"), 1);
        assert_eq!(found("a.rs", "// todo! is banned\nconst A: &str = \"dbg!\";"), 0);
    }

    #[test]
    fn sleeping_is_found_in_tests_only() {
        assert_eq!(found("crates/a/tests/b.rs", "std::thread::sleep(second);"), 1);
        assert_eq!(found("crates/a/src/b.rs", "std::thread::sleep(second);"), 0);
    }

    #[test]
    fn the_engine_touches_the_file_system_in_one_place() {
        let text = "use std::fs::File;";
        assert_eq!(found("crates/store/src/writer.rs", text), 1);
        assert_eq!(found("crates/store/src/disk/directory.rs", text), 0);
        assert_eq!(found("crates/cli/src/main.rs", text), 0);
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        assert_eq!(found("crates/a/src/string_utils.rs", ""), 1);
        assert_eq!(found("a.rs", "pub(crate) struct StreamManager {"), 1);
        assert_eq!(found("a.rs", "let manager = 1;"), 0);
    }

    #[test]
    fn paths_of_a_machine_are_found_in_every_sort_of_file() {
        let path = format!("{}{}", "/ho", "me/someone");
        assert_eq!(machine_paths(&TreeFile::new("a.md", &path)).len(), 1);
        assert_eq!(machine_paths(&TreeFile::new("a.md", "bank.hitherto")).len(), 0);
    }
}
