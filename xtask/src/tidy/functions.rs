//! Functions fit on a screen.

use super::Finding;
use super::source::code_of;
use super::tree::TreeFile;

const LINES_MAX: usize = 70;

/// Formatted code is assumed: a function ends at the first `}` that is indented as it is itself.
pub(crate) fn check(file: &TreeFile) -> Vec<Finding> {
    let code = code_of(&file.text);
    let lines = code.lines().collect::<Vec<_>>();
    let mut findings = Vec::new();
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| begins_function(line)) {
        let length = length_from(&lines[index..], indent(line));
        if length > LINES_MAX {
            let message = format!(
                "the function has {length} lines, {LINES_MAX} are allowed: give its parts names"
            );
            findings.push(Finding::new(file, index + 1, message));
        }
    }
    findings
}

fn begins_function(line: &str) -> bool {
    let modifiers = ["pub", "pub(crate)", "pub(super)", "const", "async", "extern"];
    let mut words = line.split_whitespace().skip_while(|word| modifiers.contains(word));
    words.next() == Some("fn")
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Declarations without a body, and bodies in one line, have a length of 1.
fn length_from(lines: &[&str], indent_of_function: usize) -> usize {
    let end = |line: &str| indent(line) == indent_of_function && line.trim_end() == closing(line);
    let head = lines.iter().position(|line| line.trim_end().ends_with(['{', ';', '}']));
    match head {
        Some(head) if lines[head].trim_end().ends_with('{') => {
            lines.iter().position(|line| end(line)).map_or(1, |last| last + 1)
        }
        _ => 1,
    }
}

fn closing(line: &str) -> &str {
    let start = indent(line);
    if line[start..].starts_with('}') { &line[..=start] } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<usize> {
        check(&TreeFile::new("a.rs", text)).into_iter().map(|finding| finding.line).collect()
    }

    fn function(lines: usize) -> String {
        format!("    pub(crate) fn f(\n    ) {{\n{}    }}\n", "        g();\n".repeat(lines - 3))
    }

    #[test]
    fn a_function_that_does_not_fit_on_a_screen_is_found() {
        assert_eq!(found(&format!("//! A.\n{}", function(LINES_MAX + 1))), [2]);
        assert_eq!(found(&function(LINES_MAX)), []);
    }

    #[test]
    fn declarations_and_short_functions_do_not_count_what_follows() {
        let follows = "    g();\n".repeat(LINES_MAX);
        assert_eq!(
            found(&format!("fn a();\nfn b() {{}}\nstatic C: [u8; 1] = [\n{follows}];\n}}\n")),
            []
        );
    }
}
