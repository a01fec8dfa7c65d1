//! What whoever listens to `tracing` hears of followers: each commit, with the story that it is a
//! part of.

use tracing::Span;

use super::board::Board;
use super::handler::Work;
use crate::{EventId, StoredEvent};

/// A commit. Where its events belong to one story, it says which.
pub(super) fn of_commit(board: &Board, partition: u32, work: &Work<'_>) -> Span {
    let (name, version) = board.name_and_version();
    tracing::debug_span!(
        "commit",
        follower = name,
        version,
        partition,
        events = work.events.len(),
        first = work.events.first().map(|event| event.position().0),
        up_to = work.up_to.0,
        parked = work.park.len(),
        released = work.release.len(),
        correlation =
            common(work.events, |event| Some(story_of(event))).map(tracing::field::display),
        causation = common(work.events, StoredEvent::causation).map(tracing::field::display),
    )
}

/// An event that is its own story's first has no correlation: its id is that of the story.
fn story_of(event: &StoredEvent) -> EventId {
    event.correlation().unwrap_or_else(|| event.id())
}

/// What all events have in common, if it is the same of all of them.
fn common(events: &[StoredEvent], of: impl Fn(&StoredEvent) -> Option<EventId>) -> Option<EventId> {
    let first = of(events.first()?)?;
    events.iter().all(|event| of(event) == Some(first)).then_some(first)
}
