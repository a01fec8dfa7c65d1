//! The suite on every store that there is; the table of stores in the docs is made from what it
//! shows.

use std::sync::Arc;

use hitherto_conformance::{Outcome, Subject, run_all, table};
use hitherto_sim::Model;
use hitherto_store::{EmbeddedStore, EventStore};

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/stores.md");
/// With this variable set, the table in the docs is written anew.
const WRITE: &str = "HITHERTO_WRITE_DOCS";

#[derive(Default)]
struct OnDisk(Option<tempfile::TempDir>);

impl Subject for OnDisk {
    fn start(&mut self) -> Arc<dyn EventStore> {
        self.0 = Some(tempfile::tempdir().expect("a temporary directory"));
        self.restart().expect("a new store opens")
    }

    fn restart(&mut self) -> Option<Arc<dyn EventStore>> {
        let directory = self.0.as_ref().expect("it was started");
        Some(Arc::new(EmbeddedStore::open(directory.path()).expect("the store opens")))
    }
}

struct InMemory;

impl Subject for InMemory {
    fn start(&mut self) -> Arc<dyn EventStore> {
        Arc::new(EmbeddedStore::in_memory())
    }
}

/// A second, independent implementation: so the suite is not made to the engine's measure.
struct OfModel;

impl Subject for OfModel {
    fn start(&mut self) -> Arc<dyn EventStore> {
        Arc::new(Model::default())
    }
}

/// A store that forgets to look at conditions: the suite must find it.
struct WithoutConditions;

struct Careless(EmbeddedStore);

impl EventStore for Careless {
    fn submit(&self, mut append: hitherto_store::Append) -> hitherto_store::Ticket {
        append.condition = None;
        self.0.submit(append)
    }

    fn read(&self, query: hitherto_store::Query) -> hitherto_store::Events {
        self.0.read(query)
    }

    fn follow(&self, query: hitherto_store::Query) -> hitherto_store::Events {
        self.0.follow(query)
    }

    fn find(
        &self,
        id: hitherto_store::EventId,
    ) -> hitherto_store::Ticket<Option<hitherto_store::Recorded>> {
        self.0.find(id)
    }

    fn head(&self) -> hitherto_store::Ticket<hitherto_store::Position> {
        self.0.head()
    }
}

impl Subject for WithoutConditions {
    fn start(&mut self) -> Arc<dyn EventStore> {
        Arc::new(Careless(EmbeddedStore::in_memory()))
    }
}

fn outcomes() -> [Outcome; 2] {
    [run_all("embedded, on disk", &mut OnDisk::default()), run_all("in memory", &mut InMemory)]
}

#[test]
fn the_embedded_store_on_disk_and_in_memory_and_the_table_in_the_docs_says_so() {
    let outcomes = outcomes();
    outcomes.iter().for_each(Outcome::assert_passed);
    let text = format!(
        "# What each store guarantees\n\nMade from what the conformance suite shows of each store; \
         `{WRITE}=1 cargo test -p hitherto-conformance` writes it anew.\n\n{}",
        table(&outcomes)
    );
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(TABLE, &text).expect("the docs can be written");
    }
    let written = std::fs::read_to_string(TABLE).unwrap_or_default();
    assert_eq!(
        written, text,
        "docs/stores.md is not true any more: set {WRITE}=1 to write it anew"
    );
}

#[test]
fn the_model() {
    run_all("the model", &mut OfModel).assert_passed();
}

#[test]
#[should_panic(expected = "a_condition_fails_on_what_matches_after_its_position")]
fn a_store_that_breaks_a_rule_is_found() {
    run_all("careless", &mut WithoutConditions).assert_passed();
}
