//! The engine stays light: few direct dependencies.

use super::Finding;
use super::tree::{Tree, TreeFile};

const ENGINE: &str = "crates/store/Cargo.toml";
/// Bytes, checksums, hashes and ids; one cache; BLAKE3 and zstd, which nobody should write anew.
const ENGINE_MAX: usize = 8;

pub(crate) fn check(tree: &Tree) -> Option<Finding> {
    let manifest = tree.file(ENGINE)?;
    let count = direct(manifest).count();
    let message = format!(
        "the engine has {count} dependencies, {ENGINE_MAX} are allowed: do without, or take one out"
    );
    (count > ENGINE_MAX).then(|| Finding::new(manifest, 1, message))
}

fn direct(manifest: &TreeFile) -> impl Iterator<Item = &str> {
    let section = manifest.text.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    section.take_while(|line| !line.starts_with('[')).filter(|line| line.contains('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ninth_dependency_of_the_engine_is_found() {
        let manifest = |count: usize| {
            let lines = (0..count).map(|index| format!("a{index} = \"1\"\n")).collect::<Vec<_>>();
            format!("[dependencies]\n{}\n[dev-dependencies]\nb = \"1\"\n", lines.concat())
        };
        assert!(check(&Tree::of(&[(ENGINE, &manifest(8))])).is_none());
        assert!(check(&Tree::of(&[(ENGINE, &manifest(9))])).is_some());
    }
}
