//! The story of the guide: an event with a personal field, a repository with cache and snapshots,
//! and a read model, before and after the person is forgotten.

#![allow(clippy::unwrap_used, missing_docs, reason = "a story stops where it goes wrong")]

use std::collections::BTreeMap;
use std::path::Path;

use hitherto::{
    Aggregate, EmbeddedStore, Event, Personal, PrivacyEvent, Query, Recorded, Repository, Root,
    Snapshots, Store,
};
use hitherto_vault::Vault;
use serde::{Deserialize, Serialize};

// region: event
#[derive(Event)]
enum CustomerEvent {
    CustomerJoined { name: Personal<String>, plan: String },
}
use CustomerEvent::CustomerJoined;
// endregion: event

#[derive(Clone, Default, Serialize, Deserialize)]
struct Customer {
    #[serde(skip)]
    root: Root<CustomerEvent>,
    name: Option<String>,
    plan: String,
}

impl Aggregate for Customer {
    const CATEGORY: &'static str = "customer";
    type Id = String;
    type Event = CustomerEvent;
    type Error = ();

    fn root(&mut self) -> &mut Root<CustomerEvent> {
        &mut self.root
    }

    // region: apply
    fn apply(&mut self, event: &CustomerEvent) {
        match event {
            CustomerJoined { name, plan } => {
                self.name = name.value().cloned(); // None once the person is forgotten
                self.plan.clone_from(plan);
            }
        }
    }
    // endregion: apply
}

// region: read-model
/// A union of events: what the read model shows, and whom it has to forget.
#[derive(Event)]
enum Seen {
    Customer(CustomerEvent),
    Privacy(PrivacyEvent),
}

/// Names by the id of the subject.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    fn project(&mut self, event: &Recorded<Seen>) {
        match &event.data {
            Seen::Customer(CustomerJoined { name, .. }) => {
                if let Some(value) = name.value() {
                    self.0.insert(name.subject().to_owned(), value.clone());
                }
            }
            Seen::Privacy(PrivacyEvent::SubjectForgotten { subject, .. }) => {
                self.0.remove(subject);
            }
        }
    }
}
// endregion: read-model

async fn story(directory: &Path) {
    // region: open
    let vault = Vault::over(
        EmbeddedStore::open(directory.join("bank")).unwrap(),
        directory.join("bank.keys"),
    )
    .unwrap();
    let store = Store::on(vault.clone());
    // endregion: open
    let customers = Repository::<Customer>::new(&store).cache(100).snapshots(Snapshots::every(1));
    // region: join
    let name = Personal::of("person-7", "Zoe".to_owned());
    let joined = CustomerJoined { name, plan: "small".to_owned() };
    // endregion: join
    let mut joined = Some(joined);
    customers.update("7", |customer| customer.raise(joined.take().unwrap())).await.unwrap();
    for _ in 0..2 {
        assert_eq!(customers.load("7").await.unwrap().name.as_deref(), Some("Zoe"));
    }
    let mut names = Names::default();
    let mut seen = store.follow_as::<Seen>(Query::all());
    names.project(&seen.next().unwrap().unwrap());
    assert_eq!(names.0["person-7"], "Zoe");

    // region: forget
    vault.forget("person-7").unwrap();
    // endregion: forget

    let customer = customers.load("7").await.unwrap();
    assert_eq!((customer.name, customer.plan.as_str()), (None, "small"), "also not from the cache");
    let again = Repository::<Customer>::new(&store).snapshots(Snapshots::every(1));
    assert_eq!(again.load("7").await.unwrap().name, None, "also not from a snapshot");
    names.project(&seen.next().unwrap().unwrap());
    assert!(names.0.is_empty(), "the read model was told");
    let mut rebuilt = Names::default();
    for event in store.read_as::<Seen>(Query::all()) {
        rebuilt.project(&event.unwrap());
    }
    assert!(rebuilt.0.is_empty());
}

#[test]
fn a_person_is_forgotten_in_typed_code() {
    let directory = tempfile::tempdir().unwrap();
    hitherto::wait(story(directory.path()));
}

#[test]
fn personal_data_read_without_the_vault_is_named() {
    let directory = tempfile::tempdir().unwrap();
    hitherto::wait(story(directory.path()));
    let store = Store::open_read_only(directory.path().join("bank")).unwrap();
    let error = store.read_as::<CustomerEvent>(Query::all()).next().unwrap().err().unwrap();
    assert!(error.to_string().contains("open the store through its vault"), "{error}");
}
