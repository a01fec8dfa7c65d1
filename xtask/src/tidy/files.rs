//! Rules about whole files: how long they are, how wide, and that they say what they are for.

use super::Finding;
use super::source::code_of;
use super::tree::TreeFile;

/// Columns of a line of code.
pub(crate) const COLUMNS_MAX: usize = 100;
const LINES_MAX: usize = 600;

pub(crate) fn check(file: &TreeFile) -> Vec<Finding> {
    let mut findings = wide_lines(file);
    if file.is_compiler_test() {
        return findings;
    }
    if !file.text.starts_with("//!") {
        let message = "the file does not say its job: begin it with a line `//! …`";
        findings.push(Finding::new(file, 1, message));
    }
    let lines = file.text.lines().take_while(|line| *line != "#[cfg(test)]").count();
    if lines > LINES_MAX && !file.is_test() {
        let message =
            format!("{lines} lines without tests, {LINES_MAX} are allowed: make two files of it");
        findings.push(Finding::new(file, LINES_MAX + 1, message));
    }
    findings
}

/// Text in quotes may be wide, as for rustfmt: a message is easier to find in one piece.
fn wide_lines(file: &TreeFile) -> Vec<Finding> {
    let code = code_of(&file.text);
    let mut findings = Vec::new();
    for (index, (line, code)) in file.text.lines().zip(code.lines()).enumerate() {
        let columns = line.chars().count();
        let is_comment = line.trim_start().starts_with("//") && code.trim().is_empty();
        let is_wide = is_comment || columns_without_quotes(line, code) > COLUMNS_MAX;
        if columns > COLUMNS_MAX && is_wide && !line.contains("://") {
            let message = format!(
                "{columns} columns, {COLUMNS_MAX} are allowed: fold it (`cargo xtask format` folds \
                 comments)"
            );
            findings.push(Finding::new(file, index + 1, message));
        }
    }
    findings
}

/// As if the text in quotes, which is blank in `code`, were one space.
fn columns_without_quotes(line: &str, code: &str) -> usize {
    let indent = line.len() - line.trim_start().len();
    indent + code.split_whitespace().collect::<Vec<_>>().join(" ").chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        check(&TreeFile::new("a.rs", text)).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_file_without_its_job_or_with_a_wide_line_is_found() {
        assert_eq!(lines("fn f() {}\n"), [1]);
        assert_eq!(lines(&format!("//! Job.\n// {}\n", "x".repeat(98))), [2]);
        assert_eq!(lines(&format!("//! Job.\n// {}\n", "x".repeat(97))), []);
        assert_eq!(lines(&format!("//! Job.\ng(\"{}\");\n", "x".repeat(100))), []);
    }

    #[test]
    fn tests_do_not_count_for_the_length() {
        let body = "fn f() {}\n".repeat(LINES_MAX);
        assert_eq!(lines(&format!("//! Job.\n{body}")), [LINES_MAX + 1]);
        assert_eq!(lines(&format!("//! Job.\n#[cfg(test)]\n{body}")), []);
    }
}
