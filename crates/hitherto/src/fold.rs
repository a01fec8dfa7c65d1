//! Folding a stream, and what is done where retention has removed events of it: a gap is never
//! folded.

use std::time::Instant;

use hitherto_store::{EventId, Events, StreamName};

use crate::aggregate::Aggregate;
use crate::event::Recorded;
use crate::{Error, Result, Store};

/// Applies events one after another, and notes what that has shown.
pub(crate) async fn fold_events<A: Aggregate>(
    store: &Store,
    mut aggregate: A,
    mut events: Events,
) -> Result<A> {
    let started = Instant::now();
    while let Some(event) = events.next_event().await {
        let event = Recorded::<A::Event>::decode(event?)?;
        if event.version() != aggregate.root().saved_version + 1 {
            match cross_gap(store, &mut aggregate, &event).await? {
                Crossing::Begin => begin_anew(&mut aggregate),
                Crossing::StepOver => continue,
            }
        }
        aggregate.apply(&event.data);
        let root = aggregate.root();
        (root.saved_version, root.position) = (event.version(), event.position());
        root.last_event = Some(event.id());
        root.load.note(event.recorded_at());
    }
    aggregate.root().load.took += started.elapsed();
    Ok(aggregate)
}

/// What becomes of an event that does not follow the one before it.
enum Crossing {
    /// The state begins with it.
    Begin,
    /// It belongs to a life of the stream that was deleted.
    StepOver,
}

/// A state that an event is missing from is no state that ever was.
async fn cross_gap<A: Aggregate>(
    store: &Store,
    aggregate: &mut A,
    event: &Recorded<A::Event>,
) -> Result<Crossing> {
    let version = aggregate.root().saved_version;
    let stream = StreamName::from(event.stream().unwrap_or_default());
    let Some(removed) = store.raw().removed(&stream).await? else {
        return Err(missing(version, event));
    };
    match removed.deleted_at_version {
        Some(deleted) if event.version() <= deleted => return Ok(Crossing::StepOver),
        Some(deleted) if event.version() == deleted + 1 => return Ok(Crossing::Begin),
        _ => {}
    }
    if A::stands_alone(&event.data) {
        return Ok(Crossing::Begin);
    }
    Err(removed_before(&stream, event.version()))
}

/// The state as if nothing had happened yet; what belongs to the loading stays.
fn begin_anew<A: Aggregate>(aggregate: &mut A) {
    let root = aggregate.root();
    let (stream, forgettings, load) = (root.stream.clone(), root.forgettings, root.load);
    *aggregate = A::default();
    let root = aggregate.root();
    (root.stream, root.forgettings, root.load) = (stream, forgettings, load);
}

/// A stream without an event that can be read: never begun, deleted, or removed by other rules.
pub(crate) async fn behind_removed<A: Aggregate>(
    store: &Store,
    stream: &StreamName,
    mut aggregate: A,
) -> Result<A> {
    if aggregate.root().saved_version > 0 {
        return Ok(aggregate);
    }
    match store.raw().removed(stream).await? {
        Some(removed) if removed.deleted_at_version == Some(removed.up_to_version) => {
            aggregate.root().saved_version = removed.up_to_version; // it goes on there
            Ok(aggregate)
        }
        Some(removed) => Err(removed_before(stream, removed.up_to_version + 1)),
        None => Ok(aggregate),
    }
}

/// The past of a stream cannot be told when it is removed.
pub(crate) async fn refuse_removed(store: &Store, stream: &StreamName) -> Result<()> {
    match store.raw().removed(stream).await? {
        Some(removed) => Err(removed_before(stream, removed.up_to_version + 1)),
        None => Ok(()),
    }
}

/// Whether a snapshot is of this stream's present life, though its last event may be removed.
pub(crate) async fn still_stands(
    store: &Store,
    stream: &StreamName,
    version: u64,
    event: EventId,
) -> Result<bool> {
    let Some(removed) = store.raw().removed(stream).await? else { return Ok(false) };
    let is_of_this_life = removed.deleted_at_version.is_none_or(|deleted| deleted < version);
    Ok(is_of_this_life && store.raw().is_version(stream, version, event).await?)
}

fn removed_before(stream: &StreamName, version: u64) -> Error {
    Error::not_found(format!(
        "the events of {stream} before version {version} were removed by retention, and there is no \
         snapshot of what they came to: keep snapshots of streams that are truncated, or let the first \
         kept event be one that stands alone (`Aggregate::stands_alone`)"
    ))
}

fn missing<E>(version: u64, event: &Recorded<E>) -> Error {
    Error::corrupt(format!(
        "event {} is version {} of {}, and version {} was to come: run `hitherto verify`",
        event.position(),
        event.version(),
        event.stream().unwrap_or("no stream"),
        version + 1
    ))
}
