//! Code in Markdown is a copy of code that is compiled: a line says of which.
//!
//! After `<!-- snippet: examples/bank/src/main.rs#update -->` comes what stands there between
//! `// region: update` and `// endregion: update`; without `#…`, the whole file. After
//! `<!-- limits: crates/store/src/limits.rs -->` comes a table of its constants.

use super::tree::{Tree, TreeFile};
use super::{Finding, limits};

/// Whether every copy is up to date.
pub(crate) fn check(tree: &Tree, file: &TreeFile) -> Vec<Finding> {
    let (text, mut findings) = filled(tree, file);
    let mut pairs = text.lines().zip(file.text.lines());
    let same = pairs.by_ref().take_while(|(new, old)| new == old).count();
    if findings.is_empty() && text != file.text {
        let message = "it is not what the code says: run `cargo xtask snippets`";
        findings.push(Finding::new(file, same + 1, message));
    }
    findings
}

/// The text of a file with all its copies made anew, and the copies that could not be made.
pub(crate) fn filled(tree: &Tree, file: &TreeFile) -> (String, Vec<Finding>) {
    let mut text = String::new();
    let mut findings = Vec::new();
    let mut lines = file.text.lines().enumerate().peekable();
    let mut in_code = false;
    while let Some((index, line)) = lines.next() {
        push(&mut text, line);
        in_code ^= line.starts_with("```");
        let Some(source) = Source::named_in(line).filter(|_| !in_code) else { continue };
        match source.block(tree) {
            Ok(block) => push(&mut text, &block),
            Err(message) => findings.push(Finding::new(file, index + 1, message)),
        }
        skip_old_block(&mut lines);
    }
    (text, findings)
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn skip_old_block<'a>(lines: &mut std::iter::Peekable<impl Iterator<Item = (usize, &'a str)>>) {
    if lines.next_if(|(_, line)| line.starts_with("```")).is_some() {
        let _ = lines.find(|(_, line)| line.starts_with("```"));
    }
    while lines.next_if(|(_, line)| line.starts_with('|')).is_some() {}
}

/// What a block is a copy of.
enum Source<'a> {
    Snippet(&'a str),
    Limits(&'a str),
}

impl<'a> Source<'a> {
    fn named_in(line: &'a str) -> Option<Self> {
        let inside = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
        match inside.split_once(": ")? {
            ("snippet", place) => Some(Self::Snippet(place)),
            ("limits", path) => Some(Self::Limits(path)),
            _ => None,
        }
    }

    fn block(&self, tree: &Tree) -> Result<String, String> {
        let file = |path: &str| {
            tree.file(path).ok_or_else(|| format!("there is no file {path}: name another one"))
        };
        match self {
            Self::Limits(path) => Ok(limits::table(&file(path)?.text)),
            Self::Snippet(place) => {
                let (path, region) = place.split_once('#').unwrap_or((place, ""));
                let file = file(path)?;
                let code = region_of(&file.text, region)
                    .ok_or_else(|| format!("{path} has no `// region: {region}`: mark it there"))?;
                Ok(format!("```{}\n{code}```", language(file)))
            }
        }
    }
}

fn language(file: &TreeFile) -> &str {
    match file.extension() {
        "rs" => "rust",
        other => other,
    }
}

/// What stands in a region, without its indentation and without the marks of other regions.
fn region_of(text: &str, region: &str) -> Option<String> {
    let lines = if region.is_empty() { text.lines().collect() } else { marked(text, region)? };
    let is_mark = |line: &&str| {
        let line = line.trim();
        line.starts_with("// region:") || line.starts_with("// endregion:")
    };
    let lines = lines.into_iter().filter(|line| !is_mark(line)).collect::<Vec<_>>();
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let indent = filled.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let mut code = String::new();
    for line in lines {
        push(&mut code, line.get(indent..).unwrap_or(""));
    }
    Some(code)
}

/// The lines between the marks of a region, if there are both marks and a line between them.
fn marked<'a>(text: &'a str, region: &str) -> Option<Vec<&'a str>> {
    let is = |line: &str, word: &str| line.trim() == format!("// {word}: {region}");
    let (begin, end) = (
        text.lines().position(|line| is(line, "region"))?,
        text.lines().position(|line| is(line, "endregion"))?,
    );
    let lines = text.lines().take(end).skip(begin + 1).collect::<Vec<_>>();
    (!lines.is_empty()).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "fn f() {\n    // region: a\n    g();\n\n    // region: b\n    h();\n    \
                        // endregion: b\n    // endregion: a\n}\n";

    fn tree(markdown: &str) -> Tree {
        Tree::of(&[("a.rs", CODE), ("a.md", markdown)])
    }

    #[test]
    fn a_missing_or_old_block_is_found_and_filled_with_the_region() {
        for old in ["", "```rust\nold();\n```\n"] {
            let tree = tree(&format!("# A\n<!-- snippet: a.rs#a -->\n{old}\nText.\n"));
            let markdown = tree.file("a.md").unwrap();
            assert_eq!(check(&tree, markdown).len(), 1);
            let (text, findings) = filled(&tree, markdown);
            assert_eq!(findings, []);
            let block = "```rust\ng();\n\nh();\n```";
            assert_eq!(text, format!("# A\n<!-- snippet: a.rs#a -->\n{block}\n\nText.\n"));
            let after = Tree::of(&[("a.rs", CODE), ("a.md", &text)]);
            assert_eq!(check(&after, after.file("a.md").unwrap()), []);
        }
    }

    #[test]
    fn a_region_or_file_that_is_not_there_is_named() {
        for place in ["a.rs#c", "b.rs#a"] {
            let tree = tree(&format!("<!-- snippet: {place} -->\n"));
            assert_eq!(check(&tree, tree.file("a.md").unwrap()).len(), 1);
        }
    }
}
