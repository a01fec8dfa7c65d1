//! Links in Markdown lead somewhere: to a file, to a heading in it, or to a test of that name.

use super::Finding;
use super::tree::{Tree, TreeFile};

pub(crate) fn check(tree: &Tree, file: &TreeFile) -> Vec<Finding> {
    let broken = |(line, link): (usize, Link<'_>)| {
        let message = link.broken(tree, file)?;
        Some(Finding::new(file, line, message))
    };
    links(&file.text).into_iter().filter_map(broken).collect()
}

/// `[text](target)`.
struct Link<'a> {
    text: &'a str,
    target: &'a str,
}

impl Link<'_> {
    fn broken(&self, tree: &Tree, from: &TreeFile) -> Option<String> {
        if self.target.contains(':') {
            return None; // somewhere else in the world
        }
        let (path, anchor) = self.target.split_once('#').unwrap_or((self.target, ""));
        let path = if path.is_empty() { from.path.clone() } else { resolved(&from.path, path) };
        if !tree.has(&path) {
            return Some(format!("the link leads nowhere: there is no {path}"));
        }
        let file = tree.file(&path)?;
        if !anchor.is_empty() && file.is_markdown() && !has_heading(&file.text, anchor) {
            return Some(format!("{path} has no heading #{anchor}"));
        }
        let test = self.text.strip_prefix('`')?.strip_suffix('`')?;
        let is_name = test.chars().all(|c| c.is_alphanumeric() || c == '_');
        if file.is_rust() && is_name && !file.text.contains(&format!("fn {test}(")) {
            return Some(format!("{path} has no function {test}: name one that is there"));
        }
        None
    }
}

fn resolved(from: &str, path: &str) -> String {
    let mut parts = from.split('/').collect::<Vec<_>>();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn has_heading(text: &str, anchor: &str) -> bool {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|heading| slug(heading.trim_start_matches('#').trim())).any(|slug| slug == anchor)
}

/// The anchor that a heading gets where Markdown is shown.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// All links outside of code, with their lines.
fn links(text: &str) -> Vec<(usize, Link<'_>)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        if !in_code {
            found.extend(links_in(line).map(|link| (index + 1, link)));
        }
    }
    found
}

fn links_in(line: &str) -> impl Iterator<Item = Link<'_>> {
    line.match_indices("](").filter_map(|(middle, _)| {
        let text = &line[line[..middle].rfind('[')? + 1..middle];
        let rest = &line[middle + 2..];
        let target = &rest[..rest.find(')')?];
        Some(Link { text, target })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(link: &str) -> usize {
        let tree = Tree::of(&[
            ("docs/a.md", &format!("# Why so?\n{link}\n")),
            ("crates/a/tests/b.rs", "fn it_works() {}"),
        ]);
        check(&tree, tree.file("docs/a.md").unwrap()).len()
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        assert_eq!(broken("[a](b.md)"), 1);
        assert_eq!(broken("[a](a.md#why-not)"), 1);
        assert_eq!(broken("[`it_fails`](../crates/a/tests/b.rs)"), 1);
    }

    #[test]
    fn a_link_that_leads_somewhere_is_fine() {
        assert_eq!(broken("[a](a.md), [b](#why-so), [c](https://example.org/x)"), 0);
        assert_eq!(broken("[`it_works`](../crates/a/tests/b.rs)"), 0);
        assert_eq!(broken("```\n[a](b.md)\n```"), 0);
    }
}
