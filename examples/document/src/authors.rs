//! The query side: how much of all documents is whose.

use std::collections::BTreeMap;

use hitherto::{Recorded, View};

use crate::DocumentEvent::{self, ParagraphWritten, WritingRedone, WritingUndone};

/// What one author has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contribution {
    /// Paragraphs written.
    pub written: u32,
    /// Writings taken back.
    pub undone: u32,
    /// And written again.
    pub redone: u32,
}

// region: view
/// What every author has done, in all documents.
#[derive(Debug, Default)]
pub struct Authors(pub BTreeMap<String, Contribution>);

impl View for Authors {
    const NAME: &'static str = "authors";
    type Event = DocumentEvent;

    fn apply(&mut self, event: &Recorded<DocumentEvent>) {
        match &event.data {
            DocumentEvent::DocumentCreated { .. } => {}
            ParagraphWritten { by, .. } => self.of(by).written += 1,
            WritingUndone { by, .. } => self.of(by).undone += 1,
            WritingRedone { by, .. } => self.of(by).redone += 1,
        }
    }
}

impl Authors {
    fn of(&mut self, author: &str) -> &mut Contribution {
        self.0.entry(author.to_owned()).or_default()
    }
}
// endregion: view
