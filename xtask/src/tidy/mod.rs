//! The house rules that a program can check. Each finding says what to do.

mod comments;
mod dependencies;
mod files;
mod functions;
mod limits;
mod links;
mod names;
mod snippets;
mod source;
mod stories;
mod tree;
mod words;

use std::fmt;

use crate::shell::{Outcome, root};
use tree::{Tree, TreeFile};

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    /// Counted from 1.
    line: usize,
    /// What is wrong, and what to do.
    message: String,
}

impl Finding {
    fn new(file: &TreeFile, line: usize, message: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Looks at every file of the workspace.
pub(crate) fn check() -> Outcome {
    let tree = read_tree()?;
    let findings = findings(&tree);
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(format!("{count} house rules are broken: see above")),
    }
}

/// Folds comments that are longer than a line may be.
pub(crate) fn fold_comments() -> Outcome {
    let tree = read_tree()?;
    tree.files.iter().filter(|file| file.is_rust()).try_for_each(|file| {
        let folded = comments::fold(&file.text);
        tree.write(file, &folded)
    })
}

/// Copies code and limits into the Markdown that shows them.
pub(crate) fn write_snippets() -> Outcome {
    let tree = read_tree()?;
    for file in tree.files.iter().filter(|file| file.is_markdown()) {
        let (text, findings) = snippets::filled(&tree, file);
        if let Some(finding) = findings.first() {
            return Err(finding.to_string());
        }
        tree.write(file, &text)?;
    }
    Ok(())
}

fn read_tree() -> Result<Tree, String> {
    Tree::read(root()).map_err(|error| format!("the workspace could not be read: {error}"))
}

fn findings(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::from_iter(dependencies::check(tree));
    for file in &tree.files {
        findings.extend(words::machine_paths(file));
        if file.is_rust() {
            findings.extend(files::check(file));
            findings.extend(functions::check(file));
            findings.extend(stories::check(tree, file));
            findings.extend(words::check(file));
        }
        if file.is_markdown() {
            findings.extend(snippets::check(tree, file));
            findings.extend(links::check(tree, file));
            findings.extend(names::check(tree, file));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_itself_can_be_read_and_has_files_of_both_sorts() {
        let tree = read_tree().unwrap();
        assert!(tree.files.iter().any(TreeFile::is_rust));
        assert!(tree.files.iter().any(TreeFile::is_markdown));
    }
}
