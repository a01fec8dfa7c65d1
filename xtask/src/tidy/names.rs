//! What Markdown names in passing is there: files by their paths, tests by their names.

use super::Finding;
use super::tree::{Tree, TreeFile};

const ROOMS: [&str; 6] = ["crates/", "tests/", "examples/", "bench/", "xtask/", "docs/"];
/// A name with so many words is that of a test.
const TEST_WORDS: usize = 4;

pub(crate) fn check(tree: &Tree, file: &TreeFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_code = false;
    for (index, line) in file.text.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        let quoted = line.split('`').skip(1).step_by(2);
        for name in quoted.filter(|_| !in_code) {
            if let Some(message) = missing(tree, name) {
                findings.push(Finding::new(file, index + 1, message));
            }
        }
    }
    findings
}

fn missing(tree: &Tree, name: &str) -> Option<String> {
    let is_path = ROOMS.iter().any(|room| name.starts_with(room));
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "/_-.".contains(c));
    if is_path && is_plain && !tree.has(name.trim_end_matches('/')) {
        return Some(format!("there is no {name}: name what is there"));
    }
    let is_test = is_plain
        && !name.contains(['/', '.', '-'])
        && name.split('_').filter(|word| !word.is_empty()).count() >= TEST_WORDS
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_test && !has_function(tree, name) {
        return Some(format!("there is no test {name}: name one that is there"));
    }
    None
}

fn has_function(tree: &Tree, name: &str) -> bool {
    let declaration = format!("fn {name}(");
    tree.files.iter().any(|file| file.is_rust() && file.text.contains(&declaration))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        let tree = Tree::of(&[
            ("docs/a.md", text),
            ("crates/a/tests/b.rs", "fn it_works_as_it_should() {}"),
        ]);
        check(&tree, tree.file("docs/a.md").unwrap()).len()
    }

    #[test]
    fn a_test_or_a_file_that_is_not_there_is_found() {
        assert_eq!(found("shown by `it_fails_as_it_should`"), 1);
        assert_eq!(found("see `crates/a/tests/c.rs`"), 1);
    }

    #[test]
    fn what_is_there_and_what_is_no_name_is_fine() {
        assert_eq!(found("`it_works_as_it_should` in `crates/a/tests/b.rs`"), 0);
        assert_eq!(found("`LOG_FILE_BYTES_MAX`, `at_version`, `crates/*/src`"), 0);
        assert_eq!(found("```\n`not_a_test_at_all`\n```"), 0);
    }
}
