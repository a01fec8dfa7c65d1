//! A document that several people write: what is undone has happened, too.

mod authors;

use std::collections::BTreeMap;

use DocumentEvent::{DocumentCreated, ParagraphWritten, WritingRedone, WritingUndone};
use Refused::{AlreadyCreated, ChangedSince, NotCreated, NothingToRedo, NothingToUndo};
use hitherto::{Aggregate, Event, Root, ensure};
use serde::{Deserialize, Serialize};

pub use authors::{Authors, Contribution};

// region: events
/// What can happen to a document. A writing is told by the version at which it happened.
#[derive(Event, Debug, Clone, PartialEq)]
pub enum DocumentEvent {
    /// The document exists from now on.
    DocumentCreated {
        /// What it is about.
        title: String,
    },
    /// Somebody wrote a paragraph, in place of what stood there.
    ParagraphWritten {
        /// Who.
        by: String,
        /// Which paragraph, from the top.
        paragraph: u32,
        /// What stood there before; empty if nothing did.
        before: String,
        /// What stands there now.
        text: String,
    },
    /// Somebody took back a writing of theirs.
    WritingUndone {
        /// Who.
        by: String,
        /// The version of the writing.
        writing: u64,
    },
    /// Somebody wrote again what they had taken back.
    WritingRedone {
        /// Who.
        by: String,
        /// The version of the writing.
        writing: u64,
    },
}
// endregion: events

/// Why the document says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// There is a document of this name already.
    AlreadyCreated,
    /// There is no such document.
    NotCreated,
    /// They have written nothing that is not undone already.
    NothingToUndo,
    /// They have undone nothing that is not redone already.
    NothingToRedo,
    /// Somebody else has written in that paragraph since.
    ChangedSince {
        /// Which paragraph.
        paragraph: u32,
    },
}

/// One change to one paragraph.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Writing {
    version: u64,
    by: String,
    paragraph: u32,
    before: String,
    text: String,
    is_undone: bool,
}

/// A document, as its events made it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Document {
    #[serde(skip)]
    root: Root<DocumentEvent>,
    /// What it is about.
    pub title: String,
    paragraphs: BTreeMap<u32, String>,
    writings: Vec<Writing>,
    events: u64,
}

// region: apply
impl Aggregate for Document {
    const CATEGORY: &'static str = "document";
    type Id = String;
    type Event = DocumentEvent;
    type Error = Refused;

    fn root(&mut self) -> &mut Root<DocumentEvent> {
        &mut self.root
    }

    fn apply(&mut self, event: &DocumentEvent) {
        self.events += 1;
        match event {
            DocumentCreated { title } => self.title.clone_from(title),
            ParagraphWritten { by, paragraph, before, text } => {
                self.put(*paragraph, text);
                self.writings.push(Writing {
                    version: self.events,
                    by: by.clone(),
                    paragraph: *paragraph,
                    before: before.clone(),
                    text: text.clone(),
                    is_undone: false,
                });
            }
            WritingUndone { writing, .. } => self.switch(*writing, true),
            WritingRedone { writing, .. } => self.switch(*writing, false),
        }
    }
}
// endregion: apply

impl Document {
    /// The paragraphs from the top, with their numbers.
    pub fn paragraphs(&self) -> impl Iterator<Item = (u32, &str)> {
        self.paragraphs.iter().map(|(number, text)| (*number, text.as_str()))
    }

    fn text_of(&self, paragraph: u32) -> &str {
        self.paragraphs.get(&paragraph).map_or("", String::as_str)
    }

    fn put(&mut self, paragraph: u32, text: &str) {
        if text.is_empty() {
            self.paragraphs.remove(&paragraph);
        } else {
            self.paragraphs.insert(paragraph, text.to_owned());
        }
    }

    fn switch(&mut self, version: u64, is_undone: bool) {
        let Some(writing) = self.writings.iter_mut().find(|w| w.version == version) else { return };
        writing.is_undone = is_undone;
        let text = if is_undone { &writing.before } else { &writing.text };
        let (paragraph, text) = (writing.paragraph, text.clone());
        self.put(paragraph, &text);
    }
}

// region: commands
impl Document {
    /// Begins the document.
    pub fn create(&mut self, title: &str) -> Result<(), Refused> {
        ensure(self.title.is_empty(), AlreadyCreated)?;
        self.raise(DocumentCreated { title: title.into() })
    }

    /// Writes a paragraph; an empty text removes it. To write what stands there already is nothing.
    pub fn write(&mut self, by: &str, paragraph: u32, text: &str) -> Result<(), Refused> {
        ensure(!self.title.is_empty(), NotCreated)?;
        let before = self.text_of(paragraph).to_owned();
        if before == text {
            return Ok(());
        }
        self.raise(ParagraphWritten { by: by.into(), paragraph, before, text: text.into() })
    }

    /// Takes back the last writing of this person that still stands.
    pub fn undo(&mut self, by: &str) -> Result<(), Refused> {
        let mut own = self.writings.iter().rev().filter(|writing| writing.by == by);
        let last = own.find(|writing| !writing.is_undone).ok_or(NothingToUndo)?;
        let (writing, paragraph) = (last.version, last.paragraph);
        ensure(self.text_of(paragraph) == last.text, ChangedSince { paragraph })?;
        self.raise(WritingUndone { by: by.into(), writing })
    }

    /// Writes again what this person took back last, or rather first of what is still taken back.
    pub fn redo(&mut self, by: &str) -> Result<(), Refused> {
        let mut own = self.writings.iter().filter(|writing| writing.by == by);
        let first = own.find(|writing| writing.is_undone).ok_or(NothingToRedo)?;
        let (writing, paragraph) = (first.version, first.paragraph);
        ensure(self.text_of(paragraph) == first.before, ChangedSince { paragraph })?;
        self.raise(WritingRedone { by: by.into(), writing })
    }
}
// endregion: commands

#[cfg(test)]
mod tests {
    use super::*;
    use hitherto::testing::{Given as _, check_handlers, check_replay, check_snapshots};
    use hitherto::{Outcome as _, Position, Repository, Store, wait};

    fn created() -> DocumentEvent {
        DocumentCreated { title: "Plan".into() }
    }

    fn written(by: &str, paragraph: u32, before: &str, text: &str) -> DocumentEvent {
        let (by, before, text) = (by.into(), before.into(), text.into());
        ParagraphWritten { by, paragraph, before, text }
    }

    fn undone(by: &str, writing: u64) -> DocumentEvent {
        WritingUndone { by: by.into(), writing }
    }

    fn redone(by: &str, writing: u64) -> DocumentEvent {
        WritingRedone { by: by.into(), writing }
    }

    fn history() -> [DocumentEvent; 5] {
        let first = written("ann", 1, "", "Once");
        [created(), first, written("ben", 2, "", "Then"), undone("ann", 2), redone("ann", 2)]
    }

    #[test]
    fn a_writing_remembers_what_stood_there() {
        Document::given([created(), written("ann", 1, "", "Once")])
            .when(|document| document.write("ben", 1, "Twice"))
            .then([written("ben", 1, "Once", "Twice")]);
        Document::given(history()).when(|document| document.write("ben", 1, "Once")).then_nothing();
        Document::given([]).when(|document| document.write("ann", 1, "Once")).refused(NotCreated);
        Document::given(history()).when(|document| document.create("B")).refused(AlreadyCreated);
    }

    // region: test-undo
    #[test]
    fn each_undoes_their_own_last_writing_whoever_wrote_elsewhere_since() {
        let both = [created(), written("ann", 1, "", "Once"), written("ben", 2, "", "Then")];
        Document::given(both.clone())
            .when(|document| document.undo("ann"))
            .then([undone("ann", 2)]);
        Document::given(both.clone())
            .when(|document| document.undo("ben"))
            .then([undone("ben", 3)]);
        Document::given(both).when(|document| document.undo("zoe")).refused(NothingToUndo);
    }

    #[test]
    fn what_somebody_has_written_over_is_not_undone() {
        let over = [created(), written("ann", 1, "", "Once"), written("ben", 1, "Once", "Twice")];
        Document::given(over)
            .when(|document| document.undo("ann"))
            .refused(ChangedSince { paragraph: 1 });
    }
    // endregion: test-undo

    #[test]
    fn undone_writings_are_redone_in_their_order() {
        let two = [created(), written("ann", 1, "", "a"), written("ann", 1, "a", "b")];
        Document::given(two)
            .when(|document| {
                document.undo("ann")?;
                document.undo("ann")?;
                document.redo("ann")?;
                document.redo("ann")
            })
            .then([undone("ann", 3), undone("ann", 2), redone("ann", 2), redone("ann", 3)]);
        Document::given(history()).when(|document| document.redo("ann")).refused(NothingToRedo);
    }

    #[test]
    fn each_event_changes_the_document_as_it_says() {
        check_handlers::<Document>(history(), |event, document| match event {
            DocumentCreated { .. } => assert_eq!(document.title, "Plan"),
            ParagraphWritten { paragraph, text, .. } => {
                assert_eq!(document.text_of(*paragraph), text);
            }
            WritingUndone { .. } => assert_eq!(document.text_of(1), ""),
            WritingRedone { .. } => assert_eq!(document.text_of(1), "Once"),
        });
    }

    #[test]
    fn the_same_history_gives_the_same_document() {
        check_replay::<Document>(history());
        check_snapshots::<Document>(history());
    }

    #[test]
    fn authors_are_counted_now_and_as_of_a_position() {
        wait(async {
            let store = Store::in_memory();
            let documents = Repository::<Document>::new(&store);
            documents.update("d", |document| document.create("Plan")).await.must()?;
            documents.update("d", |document| document.write("ann", 1, "a")).await.must()?;
            documents.update("d", |document| document.undo("ann")).await.must()?;

            let now = store.view_of(Authors::default()).await?;
            assert_eq!(now.0["ann"], Contribution { written: 1, undone: 1, redone: 0 });
            let then = store.view_at(Authors::default(), Position(2)).await?;
            assert_eq!(then.0["ann"], Contribution { written: 1, undone: 0, redone: 0 });
            Ok::<(), hitherto::Error>(())
        })
        .expect("a store in memory works");
    }
}
