//! The document form: a pure function from an event to changes of documents, by their ids.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hitherto_store::{Position, Query};
use serde::Serialize;
use serde_json::{Map, Value};

use super::place::{Definition, Place};
use super::view::decoded;
use crate::checkpoints::{KeptByAll, SharedKept};
use crate::event::Event;
use crate::runner::{Failure, Handler, Order, Parked, Progress, Target, Work};
use crate::{Error, Recorded, Result, StoredEvent};

/// Keeps documents up to date: a pure function from an event to what changes, for stores of
/// documents and search indexes.
///
/// Such stores write one document after another, not all in one transaction. So a change has to
/// have the effect of one when it is repeated: it puts, merges or deletes, and never counts up.
///
/// ```
/// use hitherto::projection::{DocumentProjection, Documents};
/// use hitherto::{Event, Recorded};
///
/// #[derive(Event)]
/// enum PatientEvent {
///     PatientAdmitted { name: String },
///     WardChanged { ward: String },
///     PatientDischarged {},
/// }
/// use PatientEvent::*;
///
/// struct Patients;
///
/// impl DocumentProjection for Patients {
///     const NAME: &'static str = "patients";
///     type Event = PatientEvent;
///
///     fn project(&self, event: &Recorded<PatientEvent>, documents: &mut Documents) {
///         let patient = event.stream_id();
///         match &event.data {
///             PatientAdmitted { name } => documents.put("patients", patient, &[("name", name)]),
///             WardChanged { ward } => documents.set("patients", patient, "ward", ward),
///             PatientDischarged {} => documents.delete("patients", patient),
///         }
///     }
/// }
/// ```
pub trait DocumentProjection: Send + Sync + 'static {
    /// As [`Projection::NAME`](super::Projection::NAME).
    const NAME: &'static str;

    /// As [`Projection::VERSION`](super::Projection::VERSION).
    const VERSION: u32 = 1;

    /// What it is made from.
    type Event: Event;

    /// What an event changes. Must not ask anything but the event.
    fn project(&self, event: &Recorded<Self::Event>, documents: &mut Documents);

    /// As [`Projection::query`](super::Projection::query).
    fn query(&self) -> Query {
        Query::all()
    }

    /// As [`Projection::key`](super::Projection::key). A document is changed by the events of one
    /// key only, if there is more than one partition.
    fn key<'a>(&self, event: &'a StoredEvent) -> Cow<'a, str> {
        super::by_stream(event)
    }
}

impl Definition {
    /// The follower of a document projection.
    pub fn of_documents<P: DocumentProjection>(projection: &Arc<P>) -> Self {
        let keys = Arc::clone(projection);
        Self::typed::<P::Event>(P::NAME, P::VERSION, projection.query())
            .keyed(move |event| keys.key(event))
    }
}

/// What one event changes, in order.
#[derive(Debug, Default)]
pub struct Documents {
    changes: Vec<DocumentChange>,
    error: Option<Error>,
}

/// A change of one document.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentChange {
    /// Where documents of its sort are kept: a collection, an index.
    pub collection: Cow<'static, str>,
    /// Which document it is.
    pub id: String,
    /// What changes.
    pub change: Change,
}

/// What happens to a document. Repeating it changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It is this from now on.
    Put(Value),
    /// These fields are these from now on, in objects within too; `null` takes a field away (RFC
    /// 7386). A document that is not there is made.
    Merge(Value),
    /// It is gone.
    Delete,
}

impl Documents {
    /// The document is this from now on.
    pub fn put(
        &mut self,
        collection: impl Into<Cow<'static, str>>,
        id: impl Into<String>,
        document: &(impl Serialize + ?Sized),
    ) {
        self.add(collection, id, serde_json::to_value(document).map(Change::Put));
    }

    /// These fields of the document are these from now on: see [`Change::Merge`].
    pub fn merge(
        &mut self,
        collection: impl Into<Cow<'static, str>>,
        id: impl Into<String>,
        fields: &(impl Serialize + ?Sized),
    ) {
        self.add(collection, id, serde_json::to_value(fields).map(Change::Merge));
    }

    /// One field of the document is this from now on.
    pub fn set(
        &mut self,
        collection: impl Into<Cow<'static, str>>,
        id: impl Into<String>,
        field: &str,
        value: &(impl Serialize + ?Sized),
    ) {
        let fields = serde_json::to_value(value)
            .map(|value| Change::Merge(Value::Object(Map::from_iter([(field.to_owned(), value)]))));
        self.add(collection, id, fields);
    }

    /// The document is gone.
    pub fn delete(&mut self, collection: impl Into<Cow<'static, str>>, id: impl Into<String>) {
        self.add(collection, id, Ok(Change::Delete));
    }

    /// Says that the event cannot be projected: it is retried, parked and shown with this reason.
    pub fn refuse(&mut self, reason: impl Into<String>) {
        self.error = self.error.take().or_else(|| Some(Error::invalid(reason)));
    }

    /// What to change, in order.
    ///
    /// # Errors
    /// `Invalid` if a document has no JSON, or the projection has [refused](Documents::refuse).
    pub fn changes(&self) -> Result<&[DocumentChange]> {
        match &self.error {
            Some(error) => Err(error.duplicate()),
            None => Ok(&self.changes),
        }
    }

    fn add(
        &mut self,
        collection: impl Into<Cow<'static, str>>,
        id: impl Into<String>,
        change: serde_json::Result<Change>,
    ) {
        let (collection, id) = (collection.into(), id.into());
        match change {
            Ok(change) => self.changes.push(DocumentChange { collection, id, change }),
            Err(error) => {
                self.refuse(format!("document {id} of {collection} has no JSON: {error}"));
            }
        }
    }
}

/// A place for documents in this process's memory: for tests, and as the model of what a store of
/// documents has to do.
#[derive(Clone, Default)]
pub struct DocumentsInMemory {
    documents: Arc<Mutex<BTreeMap<(String, String), Value>>>,
    kept: SharedKept,
}

impl DocumentsInMemory {
    /// A document, if it is there.
    pub fn get(&self, collection: &str, id: &str) -> Option<Value> {
        self.lock().get(&(collection.to_owned(), id.to_owned())).cloned()
    }

    /// All documents of a collection, by their ids.
    pub fn all(&self, collection: &str) -> Vec<(String, Value)> {
        let documents = self.lock();
        let of_collection = documents.iter().filter(|((other, _), _)| other == collection);
        of_collection.map(|((_, id), document)| (id.clone(), document.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Value>> {
        self.documents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, changes: Vec<DocumentChange>) {
        let mut documents = self.lock();
        for DocumentChange { collection, id, change } in changes {
            let place = (collection.into_owned(), id);
            match change {
                Change::Put(document) => drop(documents.insert(place, document)),
                Change::Merge(fields) => {
                    merge(documents.entry(place).or_insert(Value::Null), fields);
                }
                Change::Delete => drop(documents.remove(&place)),
            }
        }
    }
}

impl std::fmt::Debug for DocumentsInMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DocumentsInMemory").field("documents", &self.lock().len()).finish()
    }
}

/// Merges fields into a document as RFC 7386 says.
fn merge(document: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else {
        *document = fields;
        return;
    };
    if !document.is_object() {
        *document = Value::Object(Map::new());
    }
    if let Value::Object(document) = document {
        for (name, value) in fields {
            if value.is_null() {
                document.remove(&name);
            } else {
                merge(document.entry(name).or_insert(Value::Null), value);
            }
        }
    }
}

impl<P: DocumentProjection> Place<P> for DocumentsInMemory {
    fn define(&self, projection: &Arc<P>) -> Definition {
        Definition::of_documents(projection)
    }

    fn open(&mut self, projection: &Arc<P>) -> Result<Box<dyn Target>, Failure> {
        let kept = KeptByAll::open(Arc::clone(&self.kept));
        Ok(Box::new(Opened { place: self.clone(), kept, projection: Arc::clone(projection) }))
    }
}

struct Opened<P> {
    place: DocumentsInMemory,
    kept: KeptByAll,
    projection: Arc<P>,
}

impl<P: DocumentProjection> Target for Opened<P> {
    fn positions(&mut self) -> Result<Vec<Position>, Failure> {
        self.kept.positions()
    }

    fn spread(&mut self, partitions: u32, position: Position) -> Result<(), Failure> {
        self.kept.spread(partitions, position)
    }

    fn handler(&mut self, partition: u32, partitions: u32) -> Result<Box<dyn Handler>, Failure> {
        let (place, kept) = (self.place.clone(), self.kept.clone());
        let projection = Arc::clone(&self.projection);
        Ok(Box::new(DocumentHandler { place, kept, projection, partition, partitions }))
    }

    fn parked(&mut self) -> Result<Vec<Parked>, Failure> {
        self.kept.parked()
    }

    fn order(&mut self, position: Position, order: Order) -> Result<bool, Failure> {
        self.kept.order(position, order)
    }
}

struct DocumentHandler<P> {
    place: DocumentsInMemory,
    kept: KeptByAll,
    projection: Arc<P>,
    partition: u32,
    partitions: u32,
}

impl<P: DocumentProjection> Handler for DocumentHandler<P> {
    fn resume(&mut self) -> Result<Progress, Failure> {
        self.kept.progress(self.partition, self.partitions)
    }

    fn commit(&mut self, work: &Work<'_>) -> Result<(), Failure> {
        let mut changes = Vec::new();
        for (index, event) in decoded::<P::Event>(work.events)?.iter().enumerate() {
            let mut documents = Documents::default();
            self.projection.project(event, &mut documents);
            let of_event = documents.changes().map_err(|error| Failure::of_event(index, error))?;
            changes.extend_from_slice(of_event);
        }
        let mut once = self.kept.lock()?;
        self.place.change(changes);
        once.keep(self.partition, work)
    }

    fn orders(&mut self) -> Result<Vec<Parked>, Failure> {
        self.kept.orders(self.partition, self.partitions)
    }
}
