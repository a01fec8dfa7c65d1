//! Which log files are worth rewriting: found through the index, so that files without anything to
//! remove are not read.

use std::sync::Arc;

use crate::error::Result;
use crate::event::Position;
use crate::log::LogFile;
use crate::query::{Query, QueryItem};
use crate::reader::Reader;
use crate::retention::{Target, View};

use super::{Scavenger, positions_of, used_bytes};

/// With more rules than this, events are looked at one after another.
const TARGETS_MAX: usize = 64;

/// How much of a file must be there to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// One event.
    Any,
    /// An eighth of its bytes, so that what is written for it is bounded by what it gives back.
    Eighth,
}

impl Scavenger {
    /// The files to rewrite, oldest first.
    pub(super) fn plan(&self, share: Share) -> Result<Vec<Arc<LogFile>>> {
        let Some(mut view) = View::new(&self.shared, self.shared.durable()) else {
            return Ok(Vec::new());
        };
        let mut files = Vec::new();
        for log in self.upkeep.sealed_logs() {
            let Some(positions) = positions_of(&self.shared, log.number) else { continue };
            if self.has_share(positions, share, used_bytes(&log), &mut view)? {
                files.push(log);
            }
        }
        Ok(files)
    }

    /// Whether enough of a file's events are to be removed.
    pub(super) fn has_share(
        &self,
        (first, last): (Position, Position),
        share: Share,
        file_bytes: u64,
        view: &mut View,
    ) -> Result<bool> {
        let query = query_of(view.retention.targets()).after(Position(first.0 - 1)).up_to(last);
        let mut reader = Reader::within(Arc::clone(&self.shared), query, last);
        let mut bytes = 0;
        while let Some(event) = reader.step()? {
            self.pace.spend(event.stored_bytes() as u64)?;
            if event.fits_stub() && view.hides(&self.shared, &event)? {
                bytes += event.stored_bytes() as u64;
                if share == Share::Any || bytes * 8 >= file_bytes {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// The events that some rules are about, or simply all of them.
fn query_of<'a>(targets: impl ExactSizeIterator<Item = &'a Target>) -> Query {
    if targets.len() > TARGETS_MAX {
        return Query::all();
    }
    let item = |target: &Target| match target {
        Target::Stream(stream) => {
            QueryItem { stream: Some(stream.clone()), ..QueryItem::default() }
        }
        Target::Category(category) => {
            QueryItem { category: Some(category.clone()), ..QueryItem::default() }
        }
    };
    Query { items: targets.map(item).collect(), ..Query::default() }
}
