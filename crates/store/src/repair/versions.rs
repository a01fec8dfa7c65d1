//! Which events of which streams are lost: seen by the gaps in the versions of what is left.

use std::collections::HashMap;

use crate::event::Position;
use crate::record::Recorded;
use crate::verify::Damage;

use super::LostVersions;

/// The versions of all streams so far: some 32 bytes of memory for each of them.
#[derive(Default)]
pub(super) struct Versions {
    /// By the hash of the stream's name: its last version, and where that stands.
    last: HashMap<u64, (u64, Position)>,
    gaps: Vec<LostVersions>,
}

impl Versions {
    /// Notes an event that was saved.
    pub(super) fn note(&mut self, event: &Recorded) {
        let Some(stream) = event.stream() else { return };
        let key = xxhash_rust::xxh3::xxh3_64(stream.as_bytes());
        let here = (event.version(), event.position());
        let (version, after) = self.last.insert(key, here).unwrap_or_default();
        if version + 1 < event.version() {
            self.gaps.push(LostVersions {
                stream: stream.to_owned(),
                first: version + 1,
                last: event.version() - 1,
                after,
                before: event.position(),
            });
        }
    }

    /// The gaps that these losses made; others were made by earlier ones.
    pub(super) fn lost_in(self, losses: &[Damage]) -> Vec<LostVersions> {
        let is_between = |gap: &LostVersions| {
            let positions = losses.iter().filter_map(|loss| loss.positions);
            positions.into_iter().any(|(first, last)| gap.after < first && last < gap.before)
        };
        self.gaps.into_iter().filter(is_between).collect()
    }
}
