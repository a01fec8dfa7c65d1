//! The files of the workspace that people write, read once.

use std::io;
use std::path::Path;

use crate::shell::Outcome;

/// Not written by people, or not to be changed by them.
const SKIPPED: [&str; 3] = ["target", ".git", "tests/history"];
const READ: [&str; 5] = ["rs", "md", "toml", "sh", "yml"];

/// All text files, with paths relative to the workspace.
pub(crate) struct Tree {
    root: std::path::PathBuf,
    pub(crate) files: Vec<TreeFile>,
}

/// One file.
pub(crate) struct TreeFile {
    /// With `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TreeFile {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    pub(crate) fn is_markdown(&self) -> bool {
        self.has_extension("md")
    }

    pub(crate) fn extension(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    fn has_extension(&self, extension: &str) -> bool {
        self.extension() == extension
    }

    /// Whether it is a test of its own, and not a part of what is shipped.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("tests/")
    }

    /// What a wrong program looks like: read by tests of the compiler's messages.
    pub(crate) fn is_compiler_test(&self) -> bool {
        self.path.contains("tests/ui/")
    }
}

impl Tree {
    pub(crate) fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self { root: root.to_owned(), files: Vec::new() };
        tree.read_directory("")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn read_directory(&mut self, directory: &str) -> io::Result<()> {
        for entry in std::fs::read_dir(self.root.join(directory))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if directory.is_empty() { name } else { format!("{directory}/{name}") };
            if SKIPPED.contains(&path.as_str()) || path.ends_with(".hitherto") {
                continue;
            }
            if entry.file_type()?.is_dir() {
                self.read_directory(&path)?;
            } else if READ.iter().any(|extension| path.ends_with(&format!(".{extension}"))) {
                let text = std::fs::read_to_string(entry.path())?;
                self.files.push(TreeFile::new(&path, &text));
            }
        }
        Ok(())
    }

    /// The text of a file.
    pub(crate) fn file(&self, path: &str) -> Option<&TreeFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether a path names anything, a directory too.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.file(path).is_some() || self.root.join(path).exists()
    }

    /// Gives a file another text.
    pub(crate) fn write(&self, file: &TreeFile, text: &str) -> Outcome {
        if file.text == text {
            return Ok(());
        }
        eprintln!("{} is changed", file.path);
        std::fs::write(self.root.join(&file.path), text)
            .map_err(|error| format!("{} could not be written: {error}", file.path))
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| TreeFile::new(path, text)).collect();
        Self { root: "nowhere".into(), files }
    }
}
