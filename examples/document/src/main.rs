//! Two people write one document: `cargo run -p hitherto-example-document`.

use std::error::Error;

use hitherto::{Aggregate as _, Outcome as _, Position, Query, Repository, Result, Store};
use hitherto_example_document::{Authors, Document, DocumentEvent};

const NAME: &str = "sailing";

fn main() -> std::result::Result<(), Box<dyn Error>> {
    hitherto::wait(tell(&Store::in_memory()))?;
    Ok(())
}

async fn tell(store: &Store) -> Result<()> {
    let documents = Repository::<Document>::new(store);
    write_together(&documents).await?;
    change_their_minds(&documents).await?;
    replay(&documents).await?;
    ask_who_wrote_what(store)?;
    count_authors(store).await
}

async fn write_together(documents: &Repository<Document>) -> Result<()> {
    println!("Ann begins a document, and Ben writes in it at the same moment:\n");
    documents.update(NAME, |document| document.create("Sailing for two")).await.must()?;
    // region: two-at-once
    let mut at_anns = documents.load(NAME).await?;
    let mut at_bens = documents.load(NAME).await?;
    at_anns.write("ann", 1, "The wind is free.").expect("it was created");
    at_bens.write("ben", 2, "The boat is not.").expect("it was created");
    documents.save(&mut at_anns).await?;
    if documents.save(&mut at_bens).await.is_err_and(|error| error.is_retryable()) {
        documents
            .update(NAME, |document| document.write("ben", 2, "The boat is not."))
            .await
            .must()?;
    }
    // endregion: two-at-once
    show(&documents.load(NAME).await?);
    println!(
        "\nBen was late by a moment. His paragraph is another one, so it was simply written again."
    );
    Ok(())
}

async fn change_their_minds(documents: &Repository<Document>) -> Result<()> {
    documents
        .update(NAME, |document| document.write("ann", 1, "The wind costs nothing."))
        .await
        .must()?;
    println!("\nAnn writes paragraph 1 anew, does not like it, and undoes it:\n");
    documents.update(NAME, |document| document.undo("ann")).await.must()?;
    show(&documents.load(NAME).await?);
    println!(
        "\nOr does she? She redoes it, and Ben writes over it. Now it cannot be undone any more:\n"
    );
    documents.update(NAME, |document| document.redo("ann")).await.must()?;
    documents
        .update(NAME, |document| document.write("ben", 1, "The wind is cheap."))
        .await
        .must()?;
    let refusal = documents.update(NAME, |document| document.undo("ann")).await.refusal()?;
    println!("  Ann's undo: {refusal:?}");
    Ok(())
}

async fn replay(documents: &Repository<Document>) -> Result<()> {
    println!("\nEvery version is still there, what was undone too:");
    let newest = documents.load(NAME).await?.root().version();
    for version in 2..=newest {
        println!("\n  version {version}");
        show(&documents.at_version(NAME, version).await?);
    }
    Ok(())
}

fn ask_who_wrote_what(store: &Store) -> Result<()> {
    println!("\nWho wrote paragraph 1, the newest first?\n");
    // region: blame
    let history = Query::stream("document-sailing").kinds(["ParagraphWritten"]).backward();
    for event in store.read_as::<DocumentEvent>(history) {
        let event = event?;
        if let DocumentEvent::ParagraphWritten { by, paragraph: 1, text, .. } = &event.data {
            println!("  version {}  {by:<4} {text}", event.version());
        }
    }
    // endregion: blame
    Ok(())
}

async fn count_authors(store: &Store) -> Result<()> {
    println!("\nWhat each has done, now and after the first four events:\n");
    // region: as-of
    let now = store.view_of(Authors::default()).await?;
    let then = store.view_at(Authors::default(), Position(4)).await?;
    // endregion: as-of
    for (author, done) in &now.0 {
        let before = then.0.get(author).map_or(0, |done| done.written);
        println!(
            "  {author}: {} written ({before} then), {} undone, {} redone",
            done.written, done.undone, done.redone
        );
    }
    Ok(())
}

fn show(document: &Document) {
    for (number, text) in document.paragraphs() {
        println!("  {number}  {text}");
    }
}
