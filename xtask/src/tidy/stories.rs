//! A story that its program does not name would never be told.

use super::Finding;
use super::tree::{Tree, TreeFile};

pub(crate) fn check(tree: &Tree, file: &TreeFile) -> Option<Finding> {
    let (folder, story) = file.path.rsplit_once('/')?;
    let name = story.strip_suffix(".rs").filter(|&name| name != "main")?;
    if !folder.ends_with("tests/stories") {
        return None;
    }
    let program = tree.files.iter().find(|other| other.path == format!("{folder}/main.rs"))?;
    let declaration = format!("mod {name};");
    let is_told = program.text.lines().any(|line| line == declaration);
    let message = format!("its tests never run: write `{declaration}` into {}", program.path);
    (!is_told).then(|| Finding::new(file, 1, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_that_is_not_told_is_found() {
        let tree = Tree::of(&[
            ("crates/a/tests/stories/main.rs", "mod told;\n"),
            ("crates/a/tests/stories/told.rs", ""),
            ("crates/a/tests/stories/forgotten.rs", ""),
            ("crates/a/tests/stories/common/mod.rs", ""),
            ("crates/a/tests/alone.rs", ""),
        ]);
        let found = tree.files.iter().filter_map(|file| check(&tree, file)).collect::<Vec<_>>();
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().contains("`mod forgotten;`"), "{}", found[0]);
    }
}
