//! What an append needs to know of old events, looked up in the caller's thread: so that the writer
//! need not read the disk while others wait for it.
//!
//! Sealed events never change, so what was found about them stays true; the writer only has to look
//! at what came since.

use std::sync::Arc;

use crate::append::Append;
use crate::conditions::last_match;
use crate::error::Result;
use crate::event::Position;
use crate::index::IdRange;
use crate::segment::Segment;
use crate::shared::Shared;

/// What is true of an append and the events up to a position.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// The last position that was looked at for versions and ids.
    pub(crate) up_to: Position,
    /// The version of the stream of each write there; empty if nothing was looked at.
    versions: Vec<u64>,
    /// Whether an id of the append may be there.
    pub(crate) may_repeat: bool,
    /// The last position up to which the condition was found to hold.
    pub(crate) condition_holds_up_to: Position,
    /// Or the last event that it forbids.
    pub(crate) condition_fails_at: Option<Position>,
}

impl Resolved {
    /// Looks up what there is to know among sealed and durable events.
    pub(crate) fn new(append: &Append, shared: &Arc<Shared>) -> Result<Self> {
        shared.with_sound_indexes(|| Self::look_up(append, shared))
    }

    fn look_up(append: &Append, shared: &Arc<Shared>) -> Result<Self> {
        let mut resolved = Self::default();
        if let Some(condition) = &append.condition {
            let durable = shared.durable();
            resolved.condition_fails_at = last_match(shared, condition, condition.after, durable)?;
            resolved.condition_holds_up_to = durable;
        }
        let segments = shared.segments.load();
        let sealed = segments.partition_point(|segment| matches!(segment, Segment::Sealed(_)));
        let Some(last) = segments[..sealed].last().and_then(Segment::last_position) else {
            return Ok(resolved);
        };
        resolved.up_to = last;
        for write in &append.writes {
            let stream = write.stream.as_ref();
            let version = stream.map(|stream| version_in(&segments[..sealed], stream.as_str()));
            resolved.versions.push(version.transpose()?.unwrap_or(0));
        }
        resolved.may_repeat = may_repeat(&segments[..sealed], append)?;
        Ok(resolved)
    }

    /// The version of the stream of a write, as far as was looked.
    pub(crate) fn version(&self, write: usize) -> u64 {
        self.versions.get(write).copied().unwrap_or(0)
    }
}

fn version_in(segments: &[Segment], stream: &str) -> Result<u64> {
    for segment in segments.iter().rev() {
        if let Some(version) = segment.stream_version(stream, u32::MAX)? {
            return Ok(version);
        }
    }
    Ok(0)
}

fn may_repeat(segments: &[Segment], append: &Append) -> Result<bool> {
    let ids = IdRange::of(append.event_ids());
    for segment in segments.iter().filter(|segment| segment.may_have(ids)) {
        for id in append.event_ids() {
            if !segment.candidates(id)?.is_empty() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
