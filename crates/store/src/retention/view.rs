//! What one reader sees of a store of which events were removed: the same from its beginning to
//! its end, however long it takes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::Result;
use crate::event::Position;
use crate::record::Recorded;
use crate::shared::Shared;

use super::state::{Moment, Retention};

/// Streams whose versions are remembered.
const VERSIONS_MAX: usize = 1024;

/// The rules as of a moment, and what was looked up to apply them.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) retention: Arc<Retention>,
    pub(crate) now: Moment,
    versions: HashMap<(String, Position), u64>,
}

impl View {
    /// What is seen by whoever reads up to a position; `None` if nothing can be hidden.
    pub(crate) fn new(shared: &Shared, last: Position) -> Option<Self> {
        let retention = shared.retention.load_full();
        if retention.is_empty() {
            return None;
        }
        let now = retention.now(last, shared.clock.now());
        Some(Self::at(retention, now))
    }

    /// What is seen at a moment.
    pub(crate) fn at(retention: Arc<Retention>, now: Moment) -> Self {
        Self { retention, now, versions: HashMap::new() }
    }

    /// Whether an event is removed.
    pub(crate) fn hides(&mut self, shared: &Shared, event: &Recorded) -> Result<bool> {
        let Self { retention, now, versions } = self;
        let mut version_at = |stream: &str, position| {
            if versions.len() >= VERSIONS_MAX {
                versions.clear();
            }
            let key = (stream.to_owned(), position);
            if let Some(version) = versions.get(&key) {
                return Ok(*version);
            }
            let version = shared.stream_version(stream, position)?;
            versions.insert(key, version);
            Ok(version)
        };
        retention.hides(event, *now, &mut version_at)
    }
}
