//! The events of one story: what led to an event, by ids, and what followed, by reading on.

use std::collections::HashSet;

use hitherto_store::{EventId, EventStore, Position, Query, Recorded, Result};
use indicatif::{ProgressBar, ProgressStyle};

/// How often progress is shown, in events.
const PROGRESS_EVERY: u64 = 16_384;

/// What led to an event.
pub(super) struct Causes {
    /// From the event back to the first that is known.
    chain: Vec<Recorded>,
    /// What caused the first of them, if that is not in the store.
    unknown: Option<EventId>,
    /// Whether there are more of them than were asked for.
    is_cut: bool,
}

impl Causes {
    /// Climbs from an event to its cause, and so on, up to so many events.
    pub(super) fn of(store: &dyn EventStore, event: &Recorded, limit: usize) -> Result<Self> {
        let mut causes = Self { chain: vec![event.clone()], unknown: None, is_cut: false };
        let mut seen = HashSet::from([event.id()]);
        let mut next = event.causation();
        while let Some(id) = next {
            // Events from elsewhere may name each other as causes, in a circle.
            if !seen.insert(id) {
                break;
            }
            if causes.chain.len() >= limit {
                causes.is_cut = true;
                break;
            }
            let Some(cause) = store.find(id).wait()? else {
                causes.unknown = Some(id);
                break;
            };
            next = cause.causation();
            causes.chain.push(cause);
        }
        Ok(causes)
    }

    fn first(&self) -> &Recorded {
        self.chain.last().expect("the event itself is in it")
    }

    /// What all events of the story have in common.
    fn correlation(&self) -> EventId {
        let stated = self.chain.iter().find_map(Recorded::correlation);
        stated.unwrap_or_else(|| self.first().id())
    }
}

/// The events of a story, in their order.
pub(super) struct Story {
    pub(super) events: Vec<Recorded>,
    pub(super) correlation: EventId,
    pub(super) unknown_cause: Option<EventId>,
    /// Whether more events led to it than were asked for.
    pub(super) begins_earlier: bool,
    /// Whether more followed.
    pub(super) is_cut: bool,
    pub(super) is_causes_only: bool,
}

impl Story {
    /// Only what led to the event.
    pub(super) fn of_causes(causes: Causes) -> Self {
        let correlation = causes.correlation();
        let Causes { chain: mut events, unknown: unknown_cause, is_cut: begins_earlier } = causes;
        events.sort_by_key(Recorded::position);
        let (is_cut, is_causes_only) = (false, true);
        Self { events, correlation, unknown_cause, begins_earlier, is_cut, is_causes_only }
    }

    /// What led to the event and what followed, up to so many events.
    pub(super) fn read(
        store: &dyn EventStore,
        causes: Causes,
        up_to: Option<Position>,
        limit: usize,
    ) -> Result<Self> {
        let begins_after = begins_after(store, &causes)?;
        let mut told = Self::of_causes(causes);
        told.is_causes_only = false;
        let mut known: HashSet<EventId> = told.events.iter().map(Recorded::id).collect();
        let chain = known.clone();
        let head = store.head().wait()?;
        let last = up_to.map_or(head, |up_to| up_to.min(head));
        let progress = progress(begins_after, last);
        for event in store.read(Query::all().after(begins_after).up_to(last)) {
            let event = event?;
            if event.position().0.is_multiple_of(PROGRESS_EVERY) {
                progress.set_position(event.position().0 - begins_after.0);
            }
            if chain.contains(&event.id()) || !belongs(&event, told.correlation, &known) {
                continue;
            }
            if told.events.len() >= limit {
                told.is_cut = true;
                break;
            }
            known.insert(event.id());
            told.events.push(event);
        }
        progress.finish_and_clear();
        told.events.sort_by_key(Recorded::position);
        Ok(told)
    }
}

/// Whether an event is of the story: by what it says itself, or because its cause is.
fn belongs(event: &Recorded, correlation: EventId, known: &HashSet<EventId>) -> bool {
    event.correlation() == Some(correlation)
        || event.id() == correlation
        || event.causation().is_some_and(|cause| known.contains(&cause))
}

/// Before which position nothing of the story can be.
///
/// What an event causes comes after it. So where the story is named after an event, it begins with
/// that event; where it is named after something else (a request), it may begin anywhere.
fn begins_after(store: &dyn EventStore, causes: &Causes) -> Result<Position> {
    let first = causes.chain.iter().map(Recorded::position).min().unwrap_or_default();
    let origin = store.find(causes.correlation()).wait()?.map(|event| event.position());
    Ok(origin.map_or(Position::START, |origin| Position(origin.min(first).0 - 1)))
}

/// Shown on standard error, if that is a terminal.
fn progress(from: Position, to: Position) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {percent}%");
    let bar = ProgressBar::new(to.0.saturating_sub(from.0));
    bar.with_style(style.expect("the template is right"))
}
