//! Folds comments that are longer than a line may be: rustfmt leaves them as they are.

use super::files::COLUMNS_MAX;

/// The same text with long comments folded: what does not fit goes on in the next line.
pub(crate) fn fold(text: &str) -> String {
    let mut lines = text.lines().map(str::to_owned).collect::<std::collections::VecDeque<_>>();
    let mut folded = String::with_capacity(text.len());
    let mut in_code = false;
    while let Some(line) = lines.pop_front() {
        in_code ^= comment(&line).is_some_and(|(_, words)| words.starts_with("```"));
        let cut = if in_code { None } else { cut(&line) };
        let (line, rest) = cut.unwrap_or((line, None));
        if let Some((prefix, rest)) = rest {
            let joined = lines.front().and_then(|next| continued(next, &prefix));
            if let Some(words) = joined {
                lines[0] = format!("{prefix}{rest} {words}");
            } else {
                lines.push_front(format!("{prefix}{rest}"));
            }
        }
        folded.push_str(&line);
        folded.push('\n');
    }
    folded
}

type Cut = (String, Option<(String, String)>);

/// A line that fits, and the prefix and the words of the rest.
fn cut(line: &str) -> Option<Cut> {
    if line.chars().count() <= COLUMNS_MAX {
        return None;
    }
    let (prefix, words) = comment(line)?;
    let fitting = line.char_indices().nth(COLUMNS_MAX + 1).map_or(line.len(), |(index, _)| index);
    let space = line[..fitting].rfind(' ').filter(|&space| space > prefix.len())?;
    let indent = if words.starts_with("- ") { "  " } else { "" };
    let rest = (format!("{prefix}{indent}"), line[space + 1..].to_owned());
    Some((line[..space].to_owned(), Some(rest)))
}

/// A line that is a comment: what stands before its words, and its words.
fn comment(line: &str) -> Option<(&str, &str)> {
    let start = line.len() - line.trim_start().len();
    let marker =
        ["/// ", "//! ", "// "].into_iter().find(|marker| line[start..].starts_with(marker))?;
    Some(line.split_at(start + marker.len()))
}

/// The words of a line that goes on with the sentence of the line before.
fn continued<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    let words = line.strip_prefix(prefix)?;
    let starts_anew = ["-", "*", "#", "|", "`", " ", "1."];
    (!words.is_empty() && !starts_anew.iter().any(|start| words.starts_with(start)))
        .then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_comment_goes_on_in_the_next_line() {
        let long =
            format!("    /// {} tail\n    /// and more.\n    fn f() {{}}\n", "word ".repeat(18));
        let folded = fold(&long);
        assert!(folded.lines().all(|line| line.chars().count() <= COLUMNS_MAX), "{folded}");
        assert!(folded.ends_with("    /// tail and more.\n    fn f() {}\n"), "{folded}");
    }

    #[test]
    fn code_in_a_comment_and_code_itself_stay_as_they_are() {
        let long =
            format!("/// ```\n/// {}\n/// ```\n{}\n", "word ".repeat(30), "code ".repeat(30));
        assert_eq!(fold(&long), long);
    }
}
