//! The only judge: expected versions, conditions, and events that were stored before.

use std::sync::Arc;

use bytes::Bytes;

use crate::append::{Append, Condition, ExpectedVersion, Saved, StreamWrite};
use crate::error::{Conflict, Error, Result};
use crate::event::{EventId, NewEvent, Position, StreamName};
use crate::index::IdRange;
use crate::log::ReadBuffer;
use crate::query::Direction;
use crate::reader::{Reader, segment_of};
use crate::record::{self, Recorded};
use crate::resolved::Resolved;
use crate::segment::Segment;
use crate::shared::Shared;

/// What becomes of an append.
pub(crate) enum Verdict {
    /// It may be written. The version that each of its streams has now, in the order of the writes.
    Accepted(Vec<u64>),
    /// It was written before.
    Repeated(Saved),
}

/// Events that are accepted but not yet in the file, so that they are judged like all others.
pub(crate) struct Unwritten<'batch> {
    /// Where in the file the batch will start.
    pub(crate) file_number: u64,
    pub(crate) start: u64,
    pub(crate) bytes: &'batch [u8],
}

/// Judges appends by everything that was accepted before, durable or not.
pub(crate) struct Judge<'batch> {
    pub(crate) shared: &'batch Arc<Shared>,
    /// The last position that was given away.
    pub(crate) last: Position,
    pub(crate) unwritten: Unwritten<'batch>,
}

impl Judge<'_> {
    pub(crate) fn judge(&self, append: &Append, resolved: &Resolved) -> Result<Verdict> {
        if let Some(saved) = self.find_repeated(append, resolved)? {
            return Ok(Verdict::Repeated(saved));
        }
        let writes = append.writes.iter().enumerate();
        let versions = writes.map(|(number, write)| {
            self.check_version(write, resolved.version(number), resolved.up_to)
        });
        let versions = versions.collect::<Result<_>>()?;
        if let Some(condition) = &append.condition {
            self.check_condition(condition, resolved)?;
        }
        Ok(Verdict::Accepted(versions))
    }

    fn check_version(&self, write: &StreamWrite, known: u64, known_at: Position) -> Result<u64> {
        let Some(stream) = &write.stream else { return Ok(0) };
        let newer = self.shared.stream_version_behind(stream.as_str(), known_at, self.last)?;
        let actual = newer.unwrap_or(known);
        if let Some(position) = self.shared.retention.load().tombstone(stream.as_str()) {
            return Err(tombstoned(stream, position));
        }
        let (fits, expectation) = match write.expected {
            ExpectedVersion::Any => (true, String::new()),
            ExpectedVersion::NoStream => (actual == 0, "not to exist".to_owned()),
            ExpectedVersion::StreamExists => (actual > 0, "to exist".to_owned()),
            ExpectedVersion::Exact(version) => {
                (actual == version, format!("to be at version {version}"))
            }
        };
        if fits {
            return Ok(actual);
        }
        let message = format!(
            "stream {stream} was expected {expectation}, but it is at version {actual}: load it \
             again, decide again, append again"
        );
        let stream = stream.as_str().to_owned();
        Err(Error::conflict(message, Conflict::WrongVersion { stream, actual }))
    }

    fn check_condition(&self, condition: &Condition, resolved: &Resolved) -> Result<()> {
        let after = condition.after.max(resolved.condition_holds_up_to);
        let newer = last_match(self.shared, condition, after, self.last)?;
        let Some(position) = newer.or(resolved.condition_fails_at) else { return Ok(()) };
        Err(Error::conflict(
            format!(
                "the condition does not hold: event {position} matches its query after position {}: \
                 read again, decide again, append again",
                condition.after
            ),
            Conflict::ConditionFailed { position },
        ))
    }

    /// The answer that was given when these very events were appended before.
    fn find_repeated(&self, append: &Append, resolved: &Resolved) -> Result<Option<Saved>> {
        let unknown_up_to = if resolved.may_repeat { Position::START } else { resolved.up_to };
        let ids = IdRange::of(append.event_ids());
        let unknown = self.shared.segments_behind(unknown_up_to);
        let unknown = unknown.filter(|segment| segment.may_have(ids)).collect::<Vec<_>>();
        if unknown.is_empty() {
            return Ok(None);
        }
        let mut known = None;
        for id in append.event_ids() {
            if let Some(event) = self.find(id, &unknown)? {
                known = Some(event);
                break;
            }
        }
        let Some(known) = known else { return Ok(None) };
        let first = append.event_ids().next().expect("an append has events");
        let all = self.shared.segments_behind(Position::START).collect::<Vec<_>>();
        let first = self.find(first, &all)?;
        let first_position = first.map_or(known.position(), |event| event.position());
        self.compare_with_stored(append, first_position).map(Some)
    }

    fn compare_with_stored(&self, append: &Append, first_position: Position) -> Result<Saved> {
        let mut position = first_position;
        let mut versions = Vec::with_capacity(append.writes.len());
        for write in &append.writes {
            let mut version = None;
            for event in &write.events {
                let stored = self.event_at(position)?;
                let stored =
                    stored.filter(|stored| stored.is_same_event(write.stream.as_ref(), event));
                version = Some(stored.ok_or_else(|| used_for_another(event))?.version());
                position = position.next();
            }
            let version = version.map_or_else(|| self.version_before(write, first_position), Ok);
            versions.push(version?);
        }
        let version = versions.last().copied().unwrap_or(0);
        let position = Position(position.0 - 1);
        Ok(Saved { first_position, position, version, versions, repeated: true })
    }

    /// The version of a stream of which an append only had an expectation, as it was then.
    fn version_before(&self, write: &StreamWrite, position: Position) -> Result<u64> {
        let stream = write.stream.as_ref().map_or("", StreamName::as_str);
        self.shared.stream_version(stream, Position(position.0 - 1))
    }

    /// The event with this id in one of some segments.
    fn find(&self, id: EventId, segments: &[Segment]) -> Result<Option<Recorded>> {
        for segment in segments {
            for event in segment.candidates(id)? {
                let recorded = self.event_at(segment.position(event))?;
                if recorded.as_ref().is_some_and(|recorded| recorded.id() == id) {
                    return Ok(recorded);
                }
            }
        }
        Ok(None)
    }

    fn event_at(&self, position: Position) -> Result<Option<Recorded>> {
        let segments = self.shared.segments.load();
        let Some(segment) = segment_of(&segments, position.0) else { return Ok(None) };
        let event = segment.event_at(position.0);
        if event >= segment.count() {
            return Ok(None);
        }
        if let Some(bytes) = self.unwritten_record(segment, event) {
            return Recorded::decode(position, bytes).map(Some);
        }
        segment.read(event, &mut ReadBuffer::default()).map(Some)
    }

    /// The record of an event that is not in its file yet.
    fn unwritten_record(&self, segment: &Segment, event: u32) -> Option<Bytes> {
        let Segment::Growing(growing) = segment else { return None };
        let offset = growing.index.offset(event).unwrap_or(0);
        if growing.log.number != self.unwritten.file_number || offset < self.unwritten.start {
            return None;
        }
        let rest = &self.unwritten.bytes[(offset - self.unwritten.start) as usize..];
        let length = record::peek_len(rest).unwrap_or(rest.len()).min(rest.len());
        Some(Bytes::copy_from_slice(&rest[..length]))
    }
}

fn tombstoned(stream: &StreamName, position: Position) -> Error {
    Error::invalid(format!(
        "stream {stream} was tombstoned at position {position}, so nothing can be appended to it ever \
         again: append to a stream of another name"
    ))
}

/// The last event after a position that a condition forbids. Events that were removed forbid
/// nothing: whoever decides again does not see them either.
pub(crate) fn last_match(
    shared: &Arc<Shared>,
    condition: &Condition,
    after: Position,
    last: Position,
) -> Result<Option<Position>> {
    let mut query = condition.query.clone();
    query.bounds = crate::query::Bounds { after: Some(after), ..Default::default() };
    query.direction = Direction::Backward;
    query.limit = Some(1);
    let durable = shared.durable();
    let mut reader = Reader::within(Arc::clone(shared), query, last);
    let newest = reader.next_position()?;
    match newest.filter(|&newest| newest <= durable) {
        // What is not durable yet is behind everything that can be removed.
        None => Ok(newest),
        Some(newest) if shared.retention.load().is_empty() => Ok(Some(newest)),
        Some(newest) => {
            let query = reader.into_query().after(after).up_to(newest);
            let mut reader = Reader::within(Arc::clone(shared), query, durable).without_removed();
            Ok(reader.step()?.map(|event| event.position()))
        }
    }
}

fn used_for_another(event: &NewEvent) -> Error {
    Error::invalid(format!(
        "event id {} ({}) belongs to another append, or to one with another content: repeat an append \
         whole and unchanged, and give new events new ids",
        event.id, event.kind
    ))
}
